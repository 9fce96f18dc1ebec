/** `postrider explain`, as a person runs it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { EventJourney, MissingEvent } from "../../src/db/journey.ts";
import { runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, claimAll, createEndpoint, eventually, insertEvent, openSession } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";
import { ScriptedReceiver, status } from "../support/scriptedReceiver.ts";

/** Every character that a terminal may act on, except the text's own line ends. */
const COMMANDS = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const database = useDatabase();

function explain({ url }: { readonly url: string }, ...args: readonly string[]) {
  return runCommand(["explain", ...args], { env: { DATABASE_URL: url } });
}

test("an event's journey shows each attempt, what people did, and why an endpoint did not get it", async (t) => {
  const { pool } = database;
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const create = (path: string, options: object, types = "{order.*}") =>
    pool.query("select postrider.create_endpoint($1, $2, options => $3)", [
      ...[receiver.url(`/${path}`), types],
      JSON.stringify({ name: path, ...options }),
    ]);
  await create("fine", {});
  await create("flaky", { retry_schedule: ["10 ms"] });
  await create("other", {}, "{invoice.*}");
  receiver.script("/flaky", status(503));
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const id = await insertEvent(pool, "order.paid", { orderingKey: "ord-42" });
  await eventually("the last attempt", async () =>
    Boolean(await askFor(pool, "select true from postrider.delivery where state = 'exhausted'")),
  );
  receiver.script("/flaky", status(200));
  await pool.query("select postrider.redeliver($1, postrider.endpoint_id('flaky'))", [id]);
  await receiver.got("/flaky", 3);
  await eventually("the redelivery", async () =>
    Boolean(await askFor(pool, "select count(*) = 2 from postrider.delivery where state = 'succeeded'")),
  );

  const { code, stdout, stderr } = await explain(database, id);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(
    stdout,
    new RegExp(`^order\\.paid {2}${id} {2}key ord-42\\n {2}\\d{4}-\\d\\d-\\d\\d .* UTC {2}inserted\\n`),
  );
  assert.match(
    stdout,
    /\n\nfine {2}http:.*\/fine\n {2}succeeded: delivered .*, with attempt 1\n {2}\+\S+ m?s +attempt 1 {2}200 after/,
  );
  const flaky = /\n\nflaky .*\n {2}succeeded: delivered .*, with attempt 3\n((?: {2}\+.*\n)+)/.exec(stdout)?.[1] ?? "";
  assert.match(
    flaky,
    /^ +\+\S+ m?s +attempt 1 {2}503 after .*\n +\+.* attempt 2 {2}503 .*\n +\+.* redeliver by \w+.*\n +\+.* attempt 3 {2}200 .*\n$/,
  );
  assert.match(
    stdout,
    /\n\nother .*\n {2}not matched: no subscription matches the type order\.paid: it has invoice\.\*\n/,
  );

  const journey: EventJourney = JSON.parse((await explain(database, id.toUpperCase(), "--json")).stdout);
  assert.deepEqual(
    journey.endpoints.map(({ name, outcome, attempts }) => [
      name,
      outcome,
      attempts.map(({ http_status }) => http_status),
    ]),
    [
      ["fine", "succeeded", [200]],
      ["flaky", "succeeded", [503, 503, 200]],
      ["other", "not matched", []],
    ],
  );
  assert.equal(journey.event.id, id);
  assert.deepEqual(
    journey.acts.map(({ action, endpoint_id }) => [action, endpoint_id]),
    [["redeliver", journey.endpoints[1]?.endpoint_id]],
  );
});

test("an event that is not there: rolled back, not committed yet, or past its retention", async (t) => {
  const { pool } = database;
  const session = await openSession(t, database.url);
  const missing = async (id: string): Promise<MissingEvent & { readonly explanation: string }> => {
    const { code, stdout, stderr } = await explain(database, id, "--json");
    assert.deepEqual([code, stderr], [1, ""]);
    return JSON.parse(stdout);
  };

  await session.query("begin");
  const open = await insertEvent(session, "order.paid");
  const waiting = await missing(open);
  assert.equal(waiting.open_transactions, 1);
  assert.match(
    waiting.explanation,
    /: its transaction was rolled back, or is not committed yet: 1 transaction .* is open; its id is from 20/,
  );

  await session.query("rollback");
  const rolledBack = await missing(open);
  assert.equal(rolledBack.open_transactions, 0);
  assert.match(rolledBack.explanation, /rolled back, or it was never inserted here; no transaction is open/);

  const { rows } = await pool.query(
    "select overlay(postrider.uuid_v7_floor(now() - interval '31 days')::text placing '7' from 15) as id",
  );
  const past = await missing(rows[0].id);
  assert.equal(past.is_past_retention, true);
  assert.match(past.explanation, /: its id is from .* UTC, and events are kept for 30 days$/);

  const invented = await missing(randomUUID());
  assert.equal(invented.made_at, null);
  const text = await explain(database, invented.id);
  assert.deepEqual([text.code, text.stdout], [1, `${invented.explanation}\n`]);
});

test("an event without an endpoint says which tenant has none, and what is no id is refused", async () => {
  const id = await insertEvent(database.pool, "order.paid", { tenant: "acme" });
  const { code, stdout } = await explain(database, id);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /tenant acme\n.*\n\n {2}not claimed: no daemon has claimed the event yet, and there is no endpoint of its tenant, 'acme'/,
  );
  const wrong = await explain(database, "ord\u001b[31m-42");
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  assert.match(wrong.stderr, /^PR0001: cannot use ID: .* is not an event's id; write the UUID/);
  assert.doesNotMatch(wrong.stderr, COMMANDS);
});

test("many endpoints that did not match are cut in the text, and nothing in it is a command to the terminal", async () => {
  const { pool } = database;
  const hostile = "\u001b]0;owned\u0007\u202e";
  for (let n = 1; n <= 22; n++) {
    await createEndpoint(pool, ["invoice.*"], { url: `https://e${n}.example/`, tenant: hostile });
  }
  const id = await insertEvent(pool, "order.paid", { orderingKey: hostile, tenant: hostile });
  await claimAll(pool);
  const text = (await explain(database, id)).stdout;
  assert.match(text, /\n\n… and 2 further endpoints that did not match; --json has them\n$/);
  assert.doesNotMatch(text, COMMANDS);
  const json = (await explain(database, id, "--json")).stdout;
  assert.doesNotMatch(json, COMMANDS);
  assert.equal(JSON.parse(json).endpoints.length, 22);
});

test("a reader is told which role may see why", async (t) => {
  const id = await insertEvent(database.pool, "order.paid");
  const login = await createLogin(database, ["postrider_reader"]);
  t.after(() => login.drop());
  const { code, stderr } = await explain(login, id);
  assert.equal(code, 1);
  assert.match(stderr, /^PR0013: .*"grant postrider_operator to"/);
});
