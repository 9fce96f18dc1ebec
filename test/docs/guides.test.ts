/** Runs the SQL of the guides in order, as a reader would paste it into psql, each guide in its own database. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  askFor,
  claimAll,
  insertEvent,
  openSession,
  recordResults,
  resultOf,
  type Session,
} from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { runScript } from "../support/psqlScript.ts";
import { SQL_BLOCKS } from "./blocks.ts";

/** What a guide assumes. */
const GIVEN: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  "sql/capture.md": (session) =>
    session.query("create table public.orders (id bigint primary key, status text, amount numeric, customer text)"),
  "deploy/troubleshooting.md": exhaustedDelivery,
  "sql/endpoints.md": exhaustedDelivery,
  "sql/operations.md": (session) =>
    session.query(
      "select postrider.create_endpoint('https://billing.example.com/hooks', options => '{\"name\": \"billing\"}')",
    ),
  "sql/replays.md": (session) =>
    session.query("select postrider.create_endpoint('https://customer.example.com/hooks')"),
  "src/ingest/README.md": (session) =>
    session.query(
      "insert into postrider.ingest (name, run_id) values ('shop-1:/var/log/nginx/access.json', gen_random_uuid())",
    ),
};

/** Roles belong to the server, and other databases of it are tested at the same time. */
const ROLES = ["shop_app", "courier", "monitoring", "carol", "ops_api", "portal_api"];

describe("each statement of a guide runs, in its order", () => {
  for (const [guide, blocks] of Map.groupBy(SQL_BLOCKS, ({ guide }) => guide)) {
    test(guide, async (t) => {
      const { session, rename } = await readerOf(t);
      await GIVEN[guide]?.(session);
      const variables = new Map<string, string>();
      for (const { text } of blocks) await runScript(session, rename(text), variables);
    });
  }
});

test("the error that the guide on event types shows is the one that Postgres raises", async (t) => {
  const { session } = await readerOf(t);
  await runScript(session, guideBlock("sql/event-types.md", "Event types", "sql"));
  const insert = `insert into postrider.outbox (event_type, payload) values ('order.paid', '{"order_id": "42"}')`;
  const shown = guideBlock("sql/event-types.md", "Event types", "text");
  await assert.rejects(session.query(insert), (thrown: Error) => shown === `ERROR:  ${thrown.message}\n`);
});

test("the payload that the guide on row changes shows is the one that a capture makes", async (t) => {
  const { session } = await readerOf(t);
  await session.query("create table public.orders (id bigint, status text, amount numeric)");
  await session.query(
    "insert into orders values (42, 'new', 12.50); select postrider.capture('orders', 'order.changed')",
  );
  await session.query("update orders set status = 'paid'");
  const made = await askFor(session, "select payload from postrider.outbox");
  const shown = guideBlock("sql/capture.md", "Events from row changes", "json");
  assert.deepEqual(made, JSON.parse(shown));
});

async function readerOf(t: TestContext): Promise<{ session: Session; rename: (text: string) => string }> {
  const database = await createDatabase();
  const suffix = randomBytes(4).toString("hex");
  const rename = (text: string) => ROLES.reduce((renamed, role) => renamed.replaceAll(role, `${role}_${suffix}`), text);
  t.after(() => dropRoles(database, ROLES.map(rename)).finally(() => database.drop()));
  const session = await openSession(t, database.url);
  await session.query(["monitoring", "carol"].map((role) => `create role ${rename(role)}`).join("; "));
  return { session, rename };
}

async function dropRoles({ pool }: TestDatabase, roles: readonly string[]): Promise<void> {
  for (const role of roles) await pool.query(`drop role if exists ${role}`);
}

async function exhaustedDelivery(session: Session): Promise<void> {
  await session.query("select postrider.create_endpoint('https://gone.example.com/hooks')");
  await insertEvent(session, "order.paid");
  const daemon = randomUUID();
  const [pair] = await claimAll(session, { daemon });
  assert.ok(pair !== undefined);
  await recordResults(session, daemon, { first: [resultOf(pair, { outcome: "exhausted" })] });
}
