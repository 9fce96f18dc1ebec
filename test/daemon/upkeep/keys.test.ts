/** The look for keys to make and secrets to seal: none that is locked or refused keeps the others. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, type TestContext, test } from "node:test";
import { makeKeyKeeper } from "../../../src/daemon/upkeep/keys.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { parseSealingKey } from "../../../src/secrets/sealing.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import { openSession, reset, rowsOf } from "../../support/engine.ts";
import { until } from "../../support/until.ts";

/** More than one look finds. */
const MANY = 130;

const database = useDatabase();
beforeEach(() => reset(database.pool));

function startKeeper(t: TestContext) {
  const pool = new Database({
    config: connectionConfig({ databaseUrl: database.url, applicationName: "keys" }),
    purpose: "pipeline",
    max: 1,
  });
  const key = parseSealingKey(randomBytes(32).toString("base64"));
  assert.ok(key !== null);
  const emitted = new KeptEvents();
  const keeper = makeKeyKeeper({ database: pool, conditions: new Conditions(emitted), sealingKeys: [key] });
  t.after(async () => {
    await keeper.stop();
    await pool.end();
  });
  keeper.start();
  return { keeper, emitted };
}

/** So many endpoints with a secret that is not sealed and a key that is wanted, in the order of both. */
async function createEndpoints(count: number): Promise<readonly string[]> {
  const made = await rowsOf<{ id: string }>(
    database.pool,
    "insert into postrider.endpoint (url, signing) select 'http://127.0.0.1:9/', 'both' from generate_series(1, $1) returning id",
    [count],
  );
  const ids = made.map(({ id }) => id);
  await database.pool.query("delete from postrider.endpoint_secret");
  await database.pool.query(
    `insert into postrider.endpoint_secret (endpoint_id, kind, secret)
     select u.id, k.kind, case k.kind when 'hmac' then postrider_internal.new_secret() end
     from unnest($1::uuid[]) with ordinality u (id, n) cross join (values ('hmac'), ('ed25519')) k (kind) order by u.n`,
    [ids],
  );
  return ids;
}

/** How many of their secrets are sealed: all of them, once the keys are made. */
async function countSealed(endpointIds: readonly string[]): Promise<number> {
  const rows = await rowsOf(
    database.pool,
    "select from postrider.endpoint_secret where endpoint_id = any ($1) and secret ~ '^sealed:'",
    [endpointIds],
  );
  return rows.length;
}

test("keys and secrets that Postgres refuses to store keep no other, and are told and tried again", async (t) => {
  const [refused, ...others] = await createEndpoints(3);
  await database.pool.query(`
    create function public.refuse() returns trigger language plpgsql as 'begin raise exception $$not now$$; end';
    create trigger refuse before update on postrider.endpoint_secret for each row
      when (old.endpoint_id = '${refused}') execute function public.refuse()`);
  t.after(() => database.pool.query("drop function if exists public.refuse cascade"));
  const { keeper, emitted } = startKeeper(t);
  await until("the others are sealed", async () => (await countSealed(others)) === 4);
  await until("it is told", () => emitted.named("maintenance.failed").length > 0);
  assert.match(emitted.named("maintenance.failed")[0]?.error ?? "", /not now/);
  await database.pool.query("drop function public.refuse cascade");
  keeper.soon();
  await until("its own are sealed", async () => (await countSealed([refused ?? ""])) === 2);
  await until("it is told", () => emitted.named("maintenance.restored").length > 0);
});

test("more secrets than a look finds, all locked, keep none behind them", async (t) => {
  const locked = await createEndpoints(MANY);
  const session = await openSession(t, database.url);
  await session.query("begin");
  await session.query("select from postrider.endpoint for update");
  const behind = await rowsOf<{ id: string }>(
    database.pool,
    "select endpoint_id as id from postrider.create_endpoint('http://127.0.0.1:9/', options => '{\"signing\": \"both\"}')",
  );
  startKeeper(t);
  await until("the last one is sealed", async () => (await countSealed(behind.map(({ id }) => id))) === 2);
  assert.equal(await countSealed(locked), 0);
  await session.query("rollback");
  await until("all are sealed", async () => (await countSealed(locked)) === 2 * MANY);
});
