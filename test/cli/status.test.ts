import assert from "node:assert/strict";
import { test } from "node:test";
import { statusJson, statusText } from "../../src/cli/statusText.ts";
import { schemaFiles } from "../../src/db/sqlFiles.ts";
import { readStatus, type Status } from "../../src/db/status.ts";
import { issueCertificate } from "../http/certificates.ts";
import { runCommand } from "../support/command.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { claimAll, makePartitions } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";

/** Every character that a terminal may act on, except the text's own line ends. */
const COMMANDS = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const HOSTILE = "\u001b]0;owned\u0007\u009b31m\u202e\nsecond line";

test("a new database: no daemon, nothing waits, no endpoints", async () => {
  await withDatabase(async (database) => {
    await makePartitions(database.pool);
    const status = await read(database);
    const { changed_at, changed_by } = status.sending;
    assert.deepEqual(withoutTime(status), {
      delivers: false,
      schema_version: schemaFiles().tables.length,
      partition_days_ahead: 7,
      sending: { is_on: true, reason: null, changed_at, changed_by, is_guarded: true, copy_problem: null },
      daemons: [],
      gate_strangers: [],
      backlog: {
        pending: 0,
        due: 0,
        pending_is_exact: true,
        first_attempts: 0,
        unclaimed: 0,
        unclaimed_is_exact: true,
        oldest_at: null,
        oldest_age_seconds: null,
        exhausted: 0,
        discarded: 0,
        undelivered_is_exact: true,
      },
      unmatched: { events: 0, kinds: [] },
      endpoints: [],
      endpoint_count: 0,
    });
    const text = statusText(status);
    assert.match(text, /^NO DAEMON IS LIVE: nothing is delivered until "postrider run" runs\n/);
    assert.match(text, /\neverything is delivered\n/);
    assert.match(text, /\nno endpoints: /);
  });
});

test("a session that is no daemon's and holds the gate is named, and what that does", async () => {
  await withDatabase(async (database) => {
    const stranger = await database.pool.connect();
    try {
      await stranger.query("set application_name = 'a \u009b31m tool'");
      for (const [key, effect, text] of [
        [2, "notify", /every insert notifies meanwhile/],
        [4, "poll", /only by polling meanwhile/],
      ] as const) {
        await stranger.query("select pg_advisory_lock(1886352244, $1)", [key]);
        const status = await read(database);
        const [found, ...others] = status.gate_strangers;
        assert.deepEqual([found?.effect, others], [effect, []]);
        assert.equal(typeof found?.role, "string");
        const shown = statusText(status);
        assert.match(shown, new RegExp(`\\nSESSION ${found?.pid} \\(.*tool\\) HOLDS A LOCK`));
        assert.match(shown, text);
        assert.doesNotMatch(shown, COMMANDS);
        await stranger.query("select pg_advisory_unlock(1886352244, $1)", [key]);
      }
      assert.deepEqual((await read(database)).gate_strangers, []);
    } finally {
      stranger.release(true);
    }
  });
});

test("waiting deliveries are counted by endpoint, the oldest first, and unclaimed events separately", async () => {
  await withDatabase(async (database) => {
    const { pool } = database;
    const late = await endpoint(database, "https://late.example/hook?token=hidden");
    const fresh = await endpoint(database, "https://fresh.example/");
    const idle = await endpoint(database, "https://idle.example/", "someone");
    await delivery(database, late, "2 hours", "pending");
    await delivery(database, late, "1 hour", "pending", "1 hour");
    await delivery(database, fresh, "10 minutes", "pending");
    await delivery(database, fresh, "10 minutes", "succeeded");
    await pool.query(
      "insert into postrider.outbox (event_type, payload) select 'a.b', '{}' from generate_series(1, 3)",
    );
    await pool.query("select postrider.pause_endpoint($1, 'maintenance')", [late]);

    const status = await read(database);
    const { pending, due, first_attempts, unclaimed, oldest_age_seconds } = status.backlog;
    assert.deepEqual(
      { pending, due, first_attempts, unclaimed },
      { pending: 3, due: 2, first_attempts: 0, unclaimed: 3 },
    );
    assert.ok(Math.abs((oldest_age_seconds ?? 0) - 7_200) < 300);
    assert.equal(status.endpoint_count, 3);
    assert.deepEqual(
      status.endpoints.map(({ id, url, tenant, state, state_reason, pending: waiting, due: isDue }) => [
        id,
        url,
        tenant,
        state,
        state_reason,
        waiting,
        isDue,
      ]),
      [
        [late, "https://late.example/hook", "", "paused", "maintenance", 2, 1],
        [fresh, "https://fresh.example/", "", "active", null, 1, 1],
        [idle, "https://idle.example/", "someone", "active", null, 0, 0],
      ],
    );

    const text = statusText(status);
    assert.match(text, /\nbacklog: 3 pending \(2 due\), 0 first attempts in progress, 3 events unclaimed\n/);
    assert.match(text, /\noldest undelivered event: 2 h old\n/);
    assert.match(text, /\n {2}paused +2 +1 +2 h +0 +0 {2}https:\/\/late\.example\/hook\n {4}because: maintenance\n/);
    assert.match(text, /\n {2}active +0 +0 +0 +0 {2}\[someone\] https:\/\/idle\.example\/\n/);
    assert.doesNotMatch(text, /word|hidden/);
    for (const line of text.split("\n")) assert.ok(line.length <= 100, line);

    await pool.query("update postrider.endpoint set circuit_opened_at = now() - interval '3 hours' where id = $1", [
      idle,
    ]);
    const open = await read(database);
    assert.deepEqual(
      open.endpoints.map(({ circuit_opened_at }) => circuit_opened_at !== null),
      [false, false, true],
    );
    assert.match(
      statusText(open),
      /idle\.example\/\n {4}keeps failing: its circuit has been open for 3 h, and only probes are sent\n/,
    );

    await pool.query(
      `update postrider.endpoint set circuit_opened_at = null, name = 'partner', handshake = true where id = $1`,
      [idle],
    );
    const wanted = await read(database);
    const [shown] = wanted.endpoints.filter(({ id }) => id === idle);
    assert.deepEqual([shown?.name, shown?.handshake_state], ["partner", "wanted"]);
    const named = statusText(wanted);
    assert.match(
      named,
      /\[someone\] partner {2}https:\/\/idle\.example\/\n {4}waits for the receiver's consent: postrider\.endpoint_handshake /,
    );
  });
});

test("halted ordering keys and client certificates that expire soon are named, with what to do", async (t) => {
  await withDatabase(async (database) => {
    const { pool } = database;
    const id = await endpoint(database, "https://halted.example/");
    const fine = await endpoint(database, "https://fine.example/");
    await pool.query("update postrider.endpoint set ordered = true, when_exhausted = 'halt' where id = $1", [id]);
    for (const key of ["a", "b"]) {
      const halting = await delivery(database, id, "1 hour", "exhausted");
      await pool.query(
        `update postrider.delivery set ordering_key = $2, ordering_seq = 1, halts = true, finished_at = now() - interval '5 minutes'
         where event_id = $1`,
        [halting, key],
      );
    }
    const inDays = (days: number) =>
      `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\..*/g, "")}Z`;
    for (const [endpointId, days] of [
      [id, 12.5],
      [fine, 60],
    ] as const) {
      const { cert, key } = issueCertificate(t, { notAfter: inDays(days) });
      await pool.query("update postrider.endpoint set client_certificate = $2 where id = $1", [
        endpointId,
        JSON.stringify({ certificate: cert, key }),
      ]);
    }
    const status = await read(database);
    const shown = status.endpoints.map(({ id, halted_keys, halted_since, certificate_expires_at }) => [
      ...[id, halted_keys, halted_since !== null, certificate_expires_at !== null],
    ]);
    assert.deepEqual(
      shown.sort(),
      [
        [id, 2, true, true],
        [fine, 0, false, true],
      ].sort(),
    );
    const text = statusText(status);
    assert.match(
      text,
      /halted\.example\/\n {4}halted: 2 ordering keys, the first one 5 min ago, by exhausted events\n {4}see postrider\.halted_key; .* skip\(\)\n {4}its client certificate expires in 12 days\n/,
    );
    assert.doesNotMatch(text, /fine\.example\/\n {4}/);
    for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  });
});

test("a pull endpoint without a valid token is named, with what to do", async () => {
  await withDatabase(async (database) => {
    const { pool } = database;
    const { rows } = await pool.query<{ id: string }>(
      'select endpoint_id as id from postrider.create_endpoint(null, options => \'{"kind": "pull"}\')',
    );
    const id = rows[0]?.id ?? "";
    const told = async () => {
      const status = await read(database);
      const text = statusText(status);
      for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
      return [status.endpoints[0]?.lacks_token, text.includes(`${id}\n    nothing can be fetched from it`)];
    };
    assert.deepEqual(await told(), [true, true]);
    await pool.query("select postrider.create_pull_token($1)", [id]);
    assert.deepEqual(await told(), [false, false]);
    await pool.query("delete from postrider.pull_token");
    await pool.query("select postrider.disable_endpoint($1)", [id]);
    assert.deepEqual(await told(), [false, false]);
  });
});

test("first attempts, recent attempts and deleted endpoints are counted", async () => {
  await withDatabase(async (database) => {
    const { pool } = database;
    const id = await endpoint(database, "https://one.example/");
    const gone = "00000000-0000-7000-8000-000000000001";
    await delivery(database, gone, "1 minute", "pending");
    const attempted = await delivery(database, id, "5 minutes", "succeeded");
    await pool.query(
      `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)
       values ($1, $2, gen_random_uuid(), gen_random_uuid(), now(), 1, 5, 500, 'status', 'HTTP 500'),
              ($1, $2, gen_random_uuid(), gen_random_uuid(), now(), 2, 5, 200, null, null)`,
      [attempted, id],
    );
    await pool.query(
      `insert into postrider.claim (base, daemon_id, event_ids, endpoint_ids)
       select base, gen_random_uuid(), array[overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(now() - interval '3 minutes')::text, 14) || '7' from 1)::uuid], array[$1::uuid]
       from postrider.claim order by id desc limit 1`,
      [id],
    );
    const status = await read(database);
    assert.equal(status.backlog.first_attempts, 1);
    assert.ok(Math.abs((status.backlog.oldest_age_seconds ?? 0) - 180) < 120);
    assert.deepEqual(
      status.endpoints.map(({ url, state, recent_attempts, recent_failures }) => ({
        url,
        state,
        recent_attempts,
        recent_failures,
      })),
      [
        { url: null, state: "deleted", recent_attempts: 0, recent_failures: 0 },
        { url: "https://one.example/", state: "active", recent_attempts: 2, recent_failures: 1 },
      ],
    );
  });
});

test("status says that the guard against copies is off, as long as it is", async () => {
  await withDatabase(async (database) => {
    await database.pool.query("update postrider.sending set is_guarded = false");
    const status = await read(database);
    assert.deepEqual([status.sending.is_guarded, status.sending.is_on], [false, true]);
    assert.match(statusText(status), /^NOT GUARDED: a copy of this database .*\n\n/);
    await database.pool.query("update postrider.sending set is_guarded = true");
    assert.doesNotMatch(statusText(await read(database)), /NOT GUARDED/);
  });
});

test("daemons are told apart by when they were last seen", async () => {
  await withDatabase(async (database) => {
    await database.pool.query(
      `insert into postrider.daemon (id, host, pid, version, beat_at, lease_expires_at, in_flight, waiting)
       values (gen_random_uuid(), 'alive', 1, '0.1.0', now(), now() + interval '15 s', 3, 7),
              (gen_random_uuid(), 'dead', 2, '0.1.0', now() - interval '1 hour', now() - interval '59 minutes', 0, 0)`,
    );
    const text = statusText(await read(database));
    assert.match(text, /^1 live daemon, 1 lost\n/);
    assert.match(text, /\n {2}live +0\.1\.0 +\d+ s +\d+ s +3 +7 {2}alive \(pid 1\)\n {2}lost .* dead \(pid 2\)\n/);
  });
});

test("a late daemon, and one with a condition, is shown with its reason and since when", async () => {
  await withDatabase(async (database) => {
    const beat = `select postrider_internal.beat(gen_random_uuid(), $1, 1, '0.1.0', 15000, 0, 0, $2, $3, $4)`;
    await database.pool.query(beat, ["well", "well", null, null]);
    await database.pool.query(beat, ["full", "not_recording", 180_000, "SQLSTATE 53100: could not extend file"]);
    await database.pool.query(
      `insert into postrider.daemon (id, host, pid, version, beat_at, lease_expires_at)
       values (gen_random_uuid(), 'quiet', 3, '0.1.0', now() - interval '9 s', now() + interval '6 s')`,
    );
    const status = await read(database);
    assert.deepEqual(
      status.daemons.map(({ host, state, condition }) => [host, state, condition]),
      [
        ["full", "live", "not_recording"],
        ["well", "live", "well"],
        ["quiet", "late", "well"],
      ],
    );
    const sinceMs = Date.parse(status.at) - Date.parse(status.daemons[0]?.condition_since ?? "");
    assert.ok(Math.abs(sinceMs - 180_000) < 5_000, `${sinceMs} ms`);
    assert.equal(status.daemons[1]?.condition_since, null);
    const text = statusText(status);
    assert.match(text, /^2 live daemons, 1 late\n/);
    assert.match(
      text,
      /full \(pid 1\)\n {4}cannot record, and claims nothing, for 3 min: SQLSTATE 53100: could not extend file\n/,
    );
    assert.match(text, /well \(pid 1\)\n {2}late .*quiet \(pid 3\)\n {4}silent for (9|1\d) s: frozen, gone/);
    for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  });
});

test("nothing in the database reaches the terminal as a command to it", async () => {
  await withDatabase(async (database) => {
    const id = await endpoint(database, "https://one.example/", HOSTILE);
    await database.pool.query("select postrider.pause_endpoint($1, $2)", [id, HOSTILE.repeat(20)]);
    await database.pool.query(
      `insert into postrider.daemon (id, host, pid, version, beat_at, lease_expires_at, condition, condition_since, condition_reason)
       values (gen_random_uuid(), $1, 1, $1, now(), now() + interval '15 s', 'blind', now(), $1)`,
      [HOSTILE],
    );
    const status = await read(database);
    assert.doesNotMatch(statusText(status), COMMANDS);
    assert.doesNotMatch(statusJson(status), COMMANDS);
    assert.deepEqual(JSON.parse(statusJson(status)), status);
    assert.doesNotMatch(statusText(status), /^second line/m);
    for (const line of statusText(status).split("\n")) assert.ok(line.length <= 100, line);
  });
});

test("what ended without success is counted, and is not called delivered", async () => {
  await withDatabase(async (database) => {
    const [one, other] = [
      await endpoint(database, "https://a.example/"),
      await endpoint(database, "https://b.example/"),
    ];
    await delivery(database, one, "3 days", "exhausted");
    await delivery(database, one, "3 hours", "exhausted");
    await delivery(database, one, "1 hour", "discarded");
    await delivery(database, one, "1 hour", "succeeded");
    const status = await read(database);
    const { exhausted, discarded, undelivered_is_exact, oldest_at } = status.backlog;
    assert.deepEqual(
      { exhausted, discarded, undelivered_is_exact, oldest_at },
      { exhausted: 2, discarded: 1, undelivered_is_exact: true, oldest_at: null },
    );
    assert.deepEqual(
      status.endpoints.map((listed) => [listed.id, listed.exhausted, listed.discarded, listed.undelivered_is_exact]),
      [
        [one, 2, 1, true],
        [other, 0, 0, true],
      ],
    );
    const text = statusText(status);
    assert.match(text, /\nnothing waits to be delivered\nended without success: 2 exhausted, 1 discarded; /);
    assert.doesNotMatch(text, /everything is delivered/);
    assert.match(text, /\n {2}active +0 +0 +2 +1 +0 +0 {2}https:\/\/a\.example\/\n/);
    for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
  });
});

test("events that no endpoint got in the last hour are counted, and named by tenant and type", async () => {
  await withDatabase(async (database) => {
    const { pool } = database;
    await pool.query(
      `insert into postrider.outbox (event_type, tenant, payload) values ('a.b', '', '1'), ('a.b', '', '2'), ('a.b', $1, '3')`,
      ["acme\u009b31m"],
    );
    await claimAll(pool);
    await pool.query(
      `insert into postrider.unmatched_minute_part (minute, events, event_type, tenant)
       values (now() - interval '62 minutes', 100, 'old.one', '')`,
    );
    const status = await read(database);
    assert.deepEqual(status.unmatched, {
      events: 3,
      kinds: [
        { tenant: "", event_type: "a.b", events: 2 },
        { tenant: "acme\u009b31m", event_type: "a.b", events: 1 },
      ],
    });
    const text = statusText(status);
    assert.match(
      text,
      /\nnothing waits to be delivered\nno endpoint got 3 events of the last hour: a\.b 2, \[acme.*31m\] a\.b 1\n/,
    );
    assert.doesNotMatch(text, COMMANDS);
    for (let n = 1; n <= 6; n++)
      await pool.query("insert into postrider.outbox (event_type, payload) values ($1, '1')", [`c.n${n}`]);
    await claimAll(pool);
    assert.equal((await read(database)).unmatched.events, 9);
    assert.match(statusText(await read(database)), /\nno endpoint got 9 events of the last hour: .*, others 3\n/);
  });
});

test("an endpoint with undelivered events is listed among those without a backlog, however many there are", async () => {
  await withDatabase(async (database) => {
    await database.pool.query(
      "insert into postrider.endpoint (url) select 'https://' || n || '.example/' from generate_series(1, 1010) n",
    );
    const last = await endpoint(database, "https://zzz.example/");
    await delivery(database, last, "1 hour", "exhausted");
    const status = await read(database);
    assert.equal(status.endpoints.length, 1_000);
    assert.equal(status.endpoints[0]?.id, last);
  });
});

test("attempts of the last hour are counted, however old their events are, and a count that is cut says so", async () => {
  await withDatabase(async (database) => {
    const { pool } = database;
    const [old, many] = [
      await endpoint(database, "https://old.example/"),
      await endpoint(database, "https://z.example/"),
    ];
    const retried = await delivery(database, old, "3 days", "pending");
    const attempts = `
      insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, failure_kind, error)
      select $1, $2, gen_random_uuid(), gen_random_uuid(), now() - $4::interval, n, 5, 'timeout', 'too slow' from generate_series(1, $3) n`;
    await pool.query(attempts, [retried, old, 3, "10 minutes"]);
    await pool.query(attempts, [retried, old, 5, "61 minutes"]);
    const late = await delivery(database, old, "2 hours", "succeeded");
    await pool.query(
      `update postrider.delivery set attempts = 1, first_attempt_id = gen_random_uuid(), first_daemon_id = gen_random_uuid(),
         first_started_at = now() - interval '5 minutes', first_duration_ms = 5 where event_id = $1`,
      [late],
    );
    const before = await read(database);
    const figuresOf = (status: Status, wanted: string) =>
      status.endpoints.flatMap(({ id, recent_attempts, recent_failures, recent_is_exact }) =>
        id === wanted ? [[recent_attempts, recent_failures, recent_is_exact]] : [],
      );
    assert.deepEqual(figuresOf(before, old), [[4, 3, true]]);
    await pool.query(attempts, [await delivery(database, many, "1 hour", "pending"), many, 10_001, "1 minute"]);
    const status = await read(database);
    assert.deepEqual(figuresOf(status, many), [[10_001, 10_001, false]]);
    // Beyond that, the minutes say more.
    await pool.query(
      `insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, succeeded_later, failed)
       values (now(), $1, 12000, 10, 7), (now() - interval '61 minutes', $1, 1, 1, 1)`,
      [many],
    );
    assert.deepEqual(figuresOf(await read(database), many), [[12_017, 10_001, false]]);
    assert.match(statusText(status), /\n {2}active .* 10001\+ +10001\+ {2}https:\/\/z\.example\/\n/);
  });
});

test("the command prints the table, or JSON for a program to read", async () => {
  await withDatabase(async ({ url }) => {
    const env = { DATABASE_URL: url };
    const [text, json] = await Promise.all([
      runCommand(["status"], { env }),
      runCommand(["status", "--json"], { env }),
    ]);
    assert.deepEqual([text.stderr, json.stderr], ["", ""]);
    assert.match(text.stdout, /^NO DAEMON IS LIVE/);
    assert.deepEqual(JSON.parse(json.stdout).daemons, []);
  });
});

test("the command exits with status 1 as long as nothing would be delivered", async () => {
  await withDatabase(async (database) => {
    const { pool, url } = database;
    const exitStatus = async () => {
      const { code, stdout, stderr } = await runCommand(["status", "--json"], { env: { DATABASE_URL: url } });
      assert.equal(stderr, "");
      assert.equal(JSON.parse(stdout).delivers, code === 0);
      return code;
    };
    const daemon = async (condition: string) => {
      const reason = condition === "well" ? null : "why";
      await pool.query("delete from postrider.daemon");
      await pool.query(
        "select postrider_internal.beat(gen_random_uuid(), 'host', 1, '0.1.0', 15000, 0, 0, $1, case when $2::text is not null then 1 end, $2)",
        [condition, reason],
      );
    };
    assert.equal(await exitStatus(), 1, "no daemon");
    for (const [condition, code] of [
      ["well", 0],
      ["blind", 0],
      ["not_claiming", 1],
      ["not_recording", 1],
      ["not_sending", 1],
    ] as const) {
      await daemon(condition);
      assert.equal(await exitStatus(), code, condition);
    }
    await daemon("well");
    await pool.query("update postrider.daemon set lease_expires_at = now() - interval '1 second'");
    assert.equal(await exitStatus(), 1, "the only daemon is lost");
    await daemon("well");
    await pool.query("update postrider.sending set is_on = false, reason = 'release'");
    assert.equal(await exitStatus(), 1, "sending is off");
    await pool.query("update postrider.sending set is_on = true");
    assert.equal(await exitStatus(), 0);
    await pool.query("update postrider.sending set database_oid = 1");
    assert.equal(await exitStatus(), 1, "a copy");
  });
});

test("times are read whatever the settings of the role are", async () => {
  await withDatabase(async (database) => {
    await delivery(database, await endpoint(database, "https://one.example/"), "2 hours", "pending");
    const reader = await createLogin(database, ["postrider_reader"]);
    try {
      await database.pool.query(`alter role ${reader.name} set timezone = 'Asia/Kathmandu'`);
      for (const style of ["SQL, DMY", "Postgres, MDY", "German"]) {
        await database.pool.query(`alter role ${reader.name} set datestyle = '${style}'`);
        const { stdout, stderr } = await runCommand(["status", "--json"], { env: { DATABASE_URL: reader.url } });
        assert.equal(stderr, "", style);
        const { at, backlog }: Status = JSON.parse(stdout);
        assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000, at);
        assert.ok(Math.abs((backlog.oldest_age_seconds ?? 0) - 7_200) < 300);
      }
    } finally {
      await reader.drop();
    }
  });
});

test("a reader may look, and so may a daemon's role, and an endpoint's URL is shown without its secrets", async () => {
  await withDatabase(async (database) => {
    await database.pool.query("select postrider.create_endpoint('https://receiver.test/path?token=1')");
    for (const role of ["postrider_reader", "postrider_daemon"]) {
      const login = await createLogin(database, [role]);
      try {
        const { stdout, stderr } = await runCommand(["status", "--json"], { env: { DATABASE_URL: login.url } });
        assert.equal(stderr, "", role);
        const status: Status = JSON.parse(stdout);
        assert.deepEqual(
          status.endpoints.map(({ url }) => url),
          ["https://receiver.test/path"],
        );
      } finally {
        await login.drop();
      }
    }
  });
});

test("without a schema it says what to run", async () => {
  const database = await createDatabase({ template: "empty" });
  try {
    const { code, stderr } = await runCommand(["status"], { env: { DATABASE_URL: database.url } });
    assert.equal(code, 1);
    assert.match(stderr, /^PR0004: .*; run "postrider migrate"\n$/);
  } finally {
    await database.drop();
  }
});

async function withDatabase(use: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createDatabase();
  try {
    await use(database);
  } finally {
    await database.drop();
  }
}

function read(database: TestDatabase): Promise<Status> {
  return readStatus(database);
}

function withoutTime({ at, ...status }: Status): Omit<Status, "at"> {
  assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return status;
}

async function endpoint({ pool }: TestDatabase, url: string, tenant = ""): Promise<string> {
  const { rows } = await pool.query<{ endpoint_id: string }>(
    "select endpoint_id from postrider.create_endpoint($1, '{}', $2)",
    [url, tenant],
  );
  return rows[0]?.endpoint_id ?? "";
}

/** A delivery of an event inserted this long ago; returns the event's id. */
async function delivery(
  { pool }: TestDatabase,
  endpointId: string,
  ago: string,
  state: "pending" | "succeeded" | "exhausted" | "discarded",
  dueIn = "0 s",
): Promise<string> {
  const { rows } = await pool.query<{ event_id: string }>(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, reason)
     values (overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(now() - $2::interval)::text, 14) || '7' from 1)::uuid,
             $1, $3, case when $3 = 'pending' then now() + $4::interval end, case when $3 <> 'pending' then now() end,
             case when $3 = 'discarded' then 'why' end)
     returning event_id`,
    [endpointId, ago, state, dueIn],
  );
  return rows[0]?.event_id ?? "";
}
