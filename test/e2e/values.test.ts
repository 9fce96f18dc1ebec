/** One row that cannot reach a daemon, or whose text Postgres refuses, must not keep any other. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { runCommand } from "../support/command.ts";
import { type KeptEvents, startDaemon } from "../support/daemon.ts";
import { type TestDatabase, useDatabase } from "../support/database.ts";
import { askFor, reset, rowsOf, type Session } from "../support/engine.ts";
import { type Answer, OK, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const NO_POLL: Partial<Config> = { pollIntervalMs: 3_600_000 };

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());

let pathCount = 0;
function route(answer: Answer = OK): string {
  pathCount += 1;
  receiver.script(`/${pathCount}`, answer);
  return `/${pathCount}`;
}

async function run(
  t: TestContext,
  { url }: Pick<TestDatabase, "url">,
  changes: Partial<Config> = {},
): Promise<KeptEvents> {
  const { daemon, emitted } = await startDaemon(url, { ...NO_POLL, ...changes });
  t.after(() => daemon.stop());
  return emitted;
}

async function createEndpoint(session: Session, path: string, options: Record<string, unknown> = {}): Promise<string> {
  const id = await askFor(session, "select endpoint_id from postrider.create_endpoint($1, options => $2)", [
    receiver.url(path),
    JSON.stringify(options),
  ]);
  return String(id);
}

const GOOD = Buffer.from('{"n":1}').toString("hex");

function jsonOf(bytes: string): string {
  return `${Buffer.from('{"s":"').toString("hex")}${bytes}${Buffer.from('"}').toString("hex")}`;
}

/** Inserts events in one transaction, with payloads as bytes of the database's encoding; returns their ids in order. */
async function insertBytes(session: Session, payloads: readonly string[]): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    session,
    `insert into postrider.outbox (event_type, payload)
     select 'value.tried', convert_from(decode(u.bytes, 'hex'), getdatabaseencoding())::json
     from unnest($1::text[]) with ordinality u (bytes, n) order by u.n
     returning id`,
    [payloads],
  );
  return rows.map(({ id }) => id);
}

interface Row {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly state: string;
  readonly reason: string | null;
}

/** The deliveries, once so many are finished. */
async function finished(session: Session, count: number): Promise<Map<string, Row>> {
  let rows: Row[] = [];
  await until(`${count} deliveries are finished`, async () => {
    rows = await rowsOf<Row>(
      session,
      `select event_id, endpoint_id, state, postrider_internal.readable(reason) as reason
       from postrider.delivery where state <> 'pending'`,
    );
    return rows.length >= count;
  });
  return new Map(rows.map((row) => [row.event_id, row]));
}

const UNREADABLE = [
  {
    encoding: "WIN1252",
    bytes: "9d",
    reason:
      /^the event cannot reach a daemon unchanged: the payload: a character has no form in UTF-8 \(SQLSTATE 22P05\)$/,
  },
  { encoding: "EUC_JP", bytes: "a9a1", reason: /has no form in UTF-8/ },
  { encoding: "ISO_8859_7", bytes: "ae", reason: /has no form in UTF-8/ },
  { encoding: "SQL_ASCII", bytes: "e9", reason: /bytes that are not UTF-8 \(SQLSTATE 22021\)$/ },
] as const;

for (const { encoding, bytes, reason } of UNREADABLE) {
  describe(`in a database with the encoding ${encoding}, a payload that cannot be sent as UTF-8`, () => {
    const BAD = jsonOf(bytes);
    const database = useDatabase({ encoding });
    beforeEach(() => reset(database.pool));

    test("is discarded when it is new, and its neighbours and successors arrive", async (t) => {
      const path = route();
      await createEndpoint(database.pool, path);
      const emitted = await run(t, database);
      const ids = await insertBytes(database.pool, [GOOD, BAD, GOOD, BAD, GOOD]);
      const rows = await finished(database.pool, 5);
      assert.deepEqual(
        ids.map((id) => rows.get(id)?.state),
        ["succeeded", "discarded", "succeeded", "discarded", "succeeded"],
      );
      assert.match(rows.get(ids[1] ?? "")?.reason ?? "", reason);
      const [later] = await insertBytes(database.pool, [GOOD]);
      await receiver.got(path, 4);
      assert.equal(receiver.requests(path).at(-1)?.id, later);
      assert.deepEqual(
        new Set(emitted.named("delivery.discarded").map(({ event_id }) => event_id)),
        new Set([ids[1], ids[3]]),
      );
      assert.deepEqual(emitted.named("claim.failed"), []);
    });

    test("is discarded where its receiver would fetch it, and what can be sent has the size that it has there", async (t) => {
      const path = route();
      await run(t, database, { publicUrl: "http://127.0.0.1:9" });
      await createEndpoint(database.pool, path, { inline_limit: 100 });
      const filled = (length: number, end: string) => jsonOf("61".repeat(length) + end);
      const ids = await insertBytes(
        database.pool,
        [200, 40_000].flatMap((length) => [filled(length, ""), filled(length, bytes)]),
      );
      const rows = await finished(database.pool, 4);
      assert.deepEqual(
        ids.map((id) => rows.get(id)?.state),
        ["succeeded", "discarded", "succeeded", "discarded"],
      );
      assert.match(rows.get(ids[3] ?? "")?.reason ?? "", reason);
      const sizes = receiver.requests(path).map(({ body }) => JSON.parse(body.toString()).dataref.size);
      assert.deepEqual(sizes.sort(), [208, 40_008]);
    });

    test("nor an ordering key or a traceparent, which discards its event alone", async (t) => {
      const path = route();
      const endpoint = await createEndpoint(database.pool, path);
      const bad = `convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      await run(t, database);
      for (const isQueued of [false, true]) {
        if (isQueued) await database.pool.query("select postrider.pause_endpoint($1, 'waits')", [endpoint]);
        const rows = await rowsOf<{ id: string }>(
          database.pool,
          `insert into postrider.outbox (event_type, payload, ordering_key, attributes) values
             ('value.tried', '1', 'plain', null), ('value.tried', '2', ${bad}, null),
             ('value.tried', '3', null, jsonb_build_object('traceparent', ${bad})), ('value.tried', '4', null, null)
           returning id`,
        );
        if (isQueued) {
          await until("they are queued", async () => {
            return (
              (await askFor(database.pool, "select count(*) from postrider.delivery where state = 'pending'")) === "4"
            );
          });
          await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
        }
        const states = await finished(database.pool, isQueued ? 8 : 4);
        assert.deepEqual(
          rows.map(({ id }) => states.get(id)?.state),
          ["succeeded", "discarded", "discarded", "succeeded"],
        );
        assert.match(states.get(rows[1]?.id ?? "")?.reason ?? "", /the ordering key or the attributes: .*SQLSTATE 22/);
      }
    });

    test("nor a tenant, which keeps no other event and not the status", async (t) => {
      const path = route();
      await createEndpoint(database.pool, path);
      const bad = `convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      const emitted = await run(t, database);
      await database.pool.query(
        `insert into postrider.outbox (event_type, payload, tenant) values ('value.tried', '1', ${bad}), ('value.tried', '2', '')`,
      );
      await receiver.got(path, 1);
      assert.deepEqual(emitted.named("claim.failed"), []);
      assert.match(emitted.named("events.unmatched")[0]?.tenant ?? "", /^\?+$/);
      await database.pool.query(`select postrider.create_endpoint('${receiver.url(path)}', tenant => ${bad})`);
      await database.pool.query(
        `insert into postrider.outbox (event_type, payload, tenant) values ('value.tried', '3', ${bad}), ('value.tried', '4', '')`,
      );
      await receiver.got(path, 3);
      assert.deepEqual(emitted.named("claim.failed"), []);
      const { stdout, stderr } = await runCommand(["status", "--json"], { env: { DATABASE_URL: database.url } });
      assert.match(stdout, /"unmatched": \{[^}]*"tenant": "\?+"/, stderr);
    });

    test("is discarded in the queue, in a claim that is taken over, and in a replay", async (t) => {
      const path = route();
      const endpoint = await createEndpoint(database.pool, path);
      await database.pool.query("select postrider.pause_endpoint($1, 'waits')", [endpoint]);
      const queued = await insertBytes(database.pool, [GOOD, BAD, GOOD]);
      const claim = "select claim_id from postrider_internal.claim_events($1, 500, 500, 1000, 1000, -1, '{}', '{}')";
      await database.pool.query(claim, [randomUUID()]);
      await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
      const taken = await insertBytes(database.pool, [GOOD, BAD, GOOD]);
      await database.pool.query(claim, [randomUUID()]);
      const emitted = await run(t, database);
      const rows = await finished(database.pool, 6);
      assert.deepEqual(
        [...queued, ...taken].map((id) => rows.get(id)?.state),
        ["succeeded", "discarded", "succeeded", "succeeded", "discarded", "succeeded"],
      );
      await database.pool.query("select postrider.replay($1, now() - interval '1 hour', states => '{discarded}')", [
        endpoint,
      ]);
      await until("the replay is done", async () => {
        return (await askFor(database.pool, "select state from postrider.replay")) === "done";
      });
      assert.equal(emitted.named("delivery.discarded").length, 4);
      assert.equal(receiver.requests(path).length, 4);
    });
  });
}

// Of those encodings whose characters at fault a URL may hold. Windows' 0x9D counts as a control character.
for (const { encoding, bytes } of [UNREADABLE[1], UNREADABLE[3]]) {
  describe(`in a database with the encoding ${encoding}, a text that UTF-8 cannot hold`, () => {
    const database = useDatabase({ encoding });
    beforeEach(() => reset(database.pool));

    test("in the URL of an endpoint keeps no other endpoint, and its own attempts fail", async (t) => {
      const path = route();
      const good = await createEndpoint(database.pool, path);
      const bad = await createEndpoint(database.pool, path, { retry_schedule: [] });
      await database.pool.query(
        "update postrider.endpoint set url = url || convert_from(decode($1, 'hex'), getdatabaseencoding()) where id = $2",
        [bytes, bad],
      );
      await run(t, database);
      await insertBytes(database.pool, [GOOD, GOOD]);
      await receiver.got(path, 2);
      await until("the attempts are recorded", async () => {
        const rows = await rowsOf<{ endpoint_id: string; state: string }>(
          database.pool,
          "select endpoint_id, state from postrider.delivery where state <> 'pending'",
        );
        return (
          rows.filter((row) => row.endpoint_id === good && row.state === "succeeded").length === 2 &&
          rows.filter((row) => row.endpoint_id === bad && row.state === "exhausted").length === 2
        );
      });
      assert.match(
        String(await askFor(database.pool, "select error from postrider.attempt where endpoint_id = $1", [bad])),
        /URL cannot reach a daemon/,
      );
    });

    test("keeps no command", async (t) => {
      const path = route({ kind: "status", status: 500 });
      for (let count = 0; count < 2; count++) await createEndpoint(database.pool, path, { retry_schedule: [] });
      const bad = `convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      await database.pool.query(`update postrider.endpoint set name = id || ${bad}, url = url || '?' || ${bad}`);
      await database.pool.query(
        `select postrider.subscribe(id, 'value.*', '$.a == "' || ${bad} || '"') from postrider.endpoint`,
      );
      await run(t, database);
      const env = { DATABASE_URL: database.url };
      const published = await runCommand(["publish", "value.tried", "{}", "--json", "--wait"], { env });
      assert.equal(JSON.parse(published.stdout).deliveries.length, 2, published.stderr);
      await database.pool.query("update postrider.endpoint set state = 'paused'");
      await insertBytes(database.pool, [GOOD]);
      await until("they wait", async () => {
        return (await askFor(database.pool, "select count(*) from postrider.delivery where state = 'pending'")) === "2";
      });
      const { stdout, stderr } = await runCommand(["status", "--json"], { env });
      assert.match(stdout, /"pending": 1,.*"exhausted": 1,/s, stderr);
    });

    test("is shown by what applies a file, and replaced", async (t) => {
      const bad = `convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      await database.pool.query(`select postrider.define_event_type('value.tried', 'said ' || ${bad})`);
      t.after(() => database.pool.query("select postrider.drop_event_type('value.tried')"));
      const { stdout, stderr } = await runCommand(["apply", "-"], {
        env: { DATABASE_URL: database.url },
        stdin: "event_types: [{name: value.tried, description: plain}]",
      });
      assert.match(stdout, /said \?+.*plain/s, stderr);
    });

    test("in the name of an endpoint keeps nobody from hearing of it", async (t) => {
      const path = route();
      const listener = await createEndpoint(database.pool, path);
      await database.pool.query("select postrider.subscribe($1, 'postrider.*')", [listener]);
      const endpoint = await createEndpoint(database.pool, path);
      const bad = `convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      await database.pool.query(`update postrider.endpoint set name = 'name ' || ${bad} where id = $1`, [endpoint]);
      await run(t, database);
      await database.pool.query(`select postrider.disable_endpoint($1, 'left ' || ${bad})`, [endpoint]);
      await receiver.got(path, 1);
      assert.match(
        String(receiver.requests(path)[0]?.body),
        /"endpoint_id":"[^"]+","name":"name \?+",.*"reason":"left \?+"/,
      );
    });

    test("keeps neither the status nor the catalogue", async () => {
      const path = route();
      const endpoint = await createEndpoint(database.pool, path);
      const bad = `convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      await database.pool.query(`select postrider.pause_endpoint($1, 'why ' || ${bad})`, [endpoint]);
      await database.pool.query(`update postrider.endpoint set tenant = ${bad}, url = url || ${bad}`);
      await database.pool.query(`update postrider.sending set is_on = false, reason = ${bad}`);
      await database.pool.query(
        `select postrider.define_event_type('value.tried', ${bad}, jsonb_build_object('description', ${bad}))`,
      );
      const { stdout, stderr } = await runCommand(["status", "--json"], { env: { DATABASE_URL: database.url } });
      assert.match(stdout, /"state_reason": "why \?+"/, stderr);
      const types = await runCommand(["types"], { env: { DATABASE_URL: database.url } });
      assert.match(types.stdout, /value\.tried/, types.stderr);
      await database.pool.query("update postrider.sending set is_on = true");
      await database.pool.query("select postrider.drop_event_type('value.tried')");
    });

    test("in a captured row discards its event alone", async (t) => {
      const path = route();
      await createEndpoint(database.pool, path);
      await database.pool.query("create table if not exists public.captured (id integer primary key, name text)");
      await database.pool.query("select postrider.capture('public.captured', 'value.captured', '{insert}')");
      t.after(() => database.pool.query("drop table public.captured"));
      await run(t, database);
      await database.pool.query(
        `insert into public.captured values (1, 'one'), (2, convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())), (3, 'three')`,
      );
      const rows = await finished(database.pool, 3);
      assert.deepEqual([...rows.values()].map(({ state }) => state).sort(), ["discarded", "succeeded", "succeeded"]);
    });

    test("in a reason keeps no result, no change and no notification", async (t) => {
      const path = route({ kind: "hang" });
      const endpoint = await createEndpoint(database.pool, path);
      const emitted = await run(t, database);
      const [held] = await insertBytes(database.pool, [GOOD]);
      await receiver.got(path, 1);
      const reasonText = `'bad ' || convert_from(decode('${bytes}', 'hex'), getdatabaseencoding())`;
      await database.pool.query(`select postrider.cancel($1, $2, ${reasonText})`, [held, endpoint]);
      receiver.release(path, 500);
      const rows = await finished(database.pool, 1);
      assert.equal(rows.get(held ?? "")?.state, "discarded");
      assert.match(rows.get(held ?? "")?.reason ?? "", /^cancelled: bad \?+$/);
      await database.pool.query(`select postrider.pause_endpoint($1, ${reasonText})`, [endpoint]);
      await until("the pause is reported", () => emitted.named("endpoint.paused").length === 1);
      await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
      await database.pool.query(`update postrider.sending set is_on = false, reason = ${reasonText}`);
      await until("the switch is reported", () => emitted.named("sending.stopped").length === 1);
      await database.pool.query("update postrider.sending set is_on = true");
      await until("the switch is reported", () => emitted.named("sending.started").length === 1);
      receiver.script(path, OK);
      await database.pool.query(`select pg_notify('postrider', ${reasonText})`);
      await insertBytes(database.pool, [GOOD]);
      await receiver.got(path, 2);
    });
  });
}

describe("in a database with the encoding SQL_ASCII, where each byte is a character,", () => {
  const database = useDatabase({ encoding: "SQL_ASCII" });

  test("attributes in UTF-8 that are too long to be sent do not keep their event", async (t) => {
    const path = route();
    await createEndpoint(database.pool, path, { format: "cloudevents" });
    await run(t, database);
    // One of two neighbouring lengths is cut within a character.
    await database.pool.query(
      `insert into postrider.outbox (event_type, payload, attributes)
       select 'value.tried', '1', jsonb_build_object(u.name, repeat('x', u.n) || repeat('é', 3000))
       from (values ('a', 0), ('a', 1), ('traceparent', 0), ('traceparent', 1)) u (name, n)`,
    );
    assert.deepEqual(
      [...(await finished(database.pool, 4)).values()].map(({ state }) => state),
      ["succeeded", "succeeded", "succeeded", "succeeded"],
    );
  });
});

describe("a payload that is damaged on the disk", () => {
  const database = useDatabase();
  beforeEach(async () => {
    await reset(database.pool);
    await database.pool.query("alter table postrider.outbox alter payload set storage external");
  });

  test("is discarded, and its neighbours and successors arrive", async (t) => {
    const { pool } = database;
    const path = route();
    const endpoint = await createEndpoint(pool, path);
    await pool.query("select postrider.pause_endpoint($1, 'waits')", [endpoint]);
    const stored = Buffer.from(JSON.stringify("x".repeat(20_000))).toString("hex");
    const [first, bad] = await insertBytes(pool, [stored, stored, GOOD]);
    await damageNewest(pool);
    await pool.query("select postrider.resume_endpoint($1)", [endpoint]);
    await run(t, database);
    const rows = await finished(pool, 3);
    assert.match(rows.get(bad ?? "")?.reason ?? "", /damaged on the server's disk \(SQLSTATE XX001\)/);
    assert.equal(rows.get(first ?? "")?.state, "succeeded");
    await insertBytes(pool, [GOOD]);
    await receiver.got(path, 3);
  });

  test("does not keep a claim whose filters read it", async (t) => {
    const { pool } = database;
    const path = route();
    const endpoint = await createEndpoint(pool, path);
    await pool.query("delete from postrider.subscription");
    await pool.query("select postrider.subscribe($1, 'value.tried', '$.n == 1')", [endpoint]);
    const large = Buffer.from(JSON.stringify({ n: 1, x: "x".repeat(20_000) })).toString("hex");
    const [first, bad] = await insertBytes(pool, [large, large]);
    await damageNewest(pool);
    await run(t, database);
    const rows = await finished(pool, 2);
    assert.deepEqual([rows.get(first ?? "")?.state, rows.get(bad ?? "")?.state], ["succeeded", "discarded"]);
    assert.match(rows.get(bad ?? "")?.reason ?? "", /no filter can be applied to the payload/);
  });
});

/**
 * Deletes a part of the newest payload that is stored outside of its row, as a disk may lose it. A payload is put together
 * of deleted parts, too, as long as no vacuum has removed them, which waits for the snapshots of other sessions.
 */
async function damageNewest(session: Session): Promise<void> {
  const [row] = await rowsOf<{ table: string }>(
    session,
    `select c.reltoastrelid::regclass::text as table
     from postrider.outbox o join pg_class c on c.oid = o.tableoid
     where pg_column_size(o.payload) > 10000 limit 1`,
  );
  assert.ok(row !== undefined);
  await session.query(`begin; set local allow_system_table_mods = on;
    update pg_class set relkind = 'r' where oid = '${row.table}'::regclass;
    delete from ${row.table} where chunk_id = (select max(chunk_id) from ${row.table}) and chunk_seq > 0;
    update pg_class set relkind = 't' where oid = '${row.table}'::regclass; commit`);
  await until("the damage shows", async () => {
    await session.query(`vacuum ${row.table}`);
    return session.query("select length(payload::text) from postrider.outbox").then(
      () => false,
      () => true,
    );
  });
}

describe("in a database with the encoding LATIN1", () => {
  const database = useDatabase({ encoding: "LATIN1" });
  beforeEach(() => reset(database.pool));

  test("a payload that its receiver fetches has the size that it has in UTF-8", async (t) => {
    const path = route();
    await run(t, database, { publicUrl: "http://127.0.0.1:9" });
    await createEndpoint(database.pool, path, { inline_limit: 100 });
    await insertBytes(database.pool, [jsonOf("e9".repeat(40_000))]);
    await receiver.got(path, 1);
    assert.equal(JSON.parse(String(receiver.requests(path)[0]?.body)).dataref.size, 80_008);
  });

  test("an answer with a character that the database lacks is recorded, with the others of its flush", async (t) => {
    const [path, failing] = [route({ kind: "status", status: 200, body: "grüße 🙂" }), route()];
    receiver.script(failing, { kind: "status", status: 500, body: "🙂", headers: { "x-what": "plain" } });
    const [good, bad] = [
      await createEndpoint(database.pool, path),
      await createEndpoint(database.pool, failing, { retry_schedule: [] }),
    ];
    const emitted = await run(t, database);
    await insertBytes(
      database.pool,
      Array.from({ length: 40 }, () => GOOD),
    );
    await until("everything is recorded", async () => {
      return (
        (await askFor(database.pool, "select count(*)::integer from postrider.delivery where state <> 'pending'")) ===
        80
      );
    });
    const answers = await rowsOf<{ endpoint_id: string; response_body: string; count: number }>(
      database.pool,
      "select endpoint_id, response_body, count(*)::integer from postrider.attempt group by 1, 2",
    );
    assert.deepEqual(
      new Set(answers.map(({ endpoint_id, response_body, count }) => `${endpoint_id} ${response_body} ${count}`)),
      new Set([`${good} gr??e ? 40`, `${bad} ? 40`]),
    );
    assert.deepEqual([emitted.named("record.reduced"), emitted.named("record.failed")], [[], []]);
  });
});
