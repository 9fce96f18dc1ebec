import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type pg from "pg";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  createEndpoint,
  deliveries,
  eventually,
  openSession,
  pidOf,
  reset,
  rowsOf,
  type Session,
  waitsForLock,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

const NO_SUCH = "00000000-0000-7000-8000-000000000000";

describe("a URL", () => {
  for (const url of [
    "http://receiver.test",
    "HTTPS://Receiver.test:8443/hooks?token=a@b#".slice(0, -1),
    "http://127.0.0.1:65535/",
    "http://[::1]:8080/a",
    "http://receiver.test/path@with:signs",
    "https://bücher.example/",
  ]) {
    test(`may be ${url}`, async () => {
      await createEndpoint(database.pool, []);
      await database.pool.query("update postrider.endpoint set url = $1", [url]);
      assert.equal(await askFor(database.pool, "select url from postrider.endpoint"), url);
    });
  }

  for (const [url, constraint] of [
    ["ftp://receiver.test/", "url is http or https, without blanks, at most 2048 long"],
    ["http://a b/", "url is http or https, without blanks, at most 2048 long"],
    ["http://a/\r\nx: y", "url is http or https, without blanks, at most 2048 long"],
    ["http://user@receiver.test/", "url has no user and no password"],
    ["https://user:s3cret@receiver.test/", "url has no user and no password"],
    ["https://a\\@receiver.test/", "url has no user and no password"],
    ["https://receiver.test/#top", "url has no fragment and no backslash"],
    ["https://receiver.test\\other.test/", "url has no fragment and no backslash"],
    ["https:///path", "url has a host, and if any a port of 1 to 65535"],
    ["https://?a=1", "url has a host, and if any a port of 1 to 65535"],
    ["https://:443/", "url has a host, and if any a port of 1 to 65535"],
    ["https://receiver.test:0/", "url has a host, and if any a port of 1 to 65535"],
    ["https://receiver.test:65536/", "url has a host, and if any a port of 1 to 65535"],
    ["https://receiver.test:80x/", "url has a host, and if any a port of 1 to 65535"],
    ["http://[::1/", "url has a host, and if any a port of 1 to 65535"],
  ] as const) {
    test(`may not be ${JSON.stringify(url)}, and the check's name says why`, async () => {
      await createEndpoint(database.pool, []);
      for (const [text, values] of [
        ["update postrider.endpoint set url = $1", [url]],
        ["select postrider.create_endpoint($1)", [url]],
      ] as const) {
        await assert.rejects(database.pool.query(text, [...values]), (error: Error & { constraint?: string }) => {
          assert.equal(error.constraint, constraint);
          assert.ok(!JSON.stringify(error).includes("s3cret"), "the error shows the password");
          return true;
        });
      }
      assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.endpoint"), 1);
    });
  }
});

describe("headers", () => {
  for (const headers of [{}, { "X-Team": "billing", authorization: "Bearer a.b\tc~" }, { "!#$%&'*+.^_`|~1": "" }]) {
    test(`may be ${JSON.stringify(headers)}`, async () => {
      await createEndpoint(database.pool, []);
      await database.pool.query("update postrider.endpoint set headers = $1", [headers]);
      assert.deepEqual(await askFor(database.pool, "select headers from postrider.endpoint"), headers);
    });
  }

  for (const [headers, message] of [
    [
      { "x-a": "1\r\nx-forged: s3cret" },
      /^the header "x-a" has a value with a line break or a character outside of ASCII$/,
    ],
    [{ "x-a": "s3cret\n" }, /^the header "x-a" has a value with a line break/],
    [{ "x-a": "s3crét" }, /^the header "x-a" has a value with a line break or a character outside of ASCII$/],
    [{ "x-a": " s3cret" }, /^the header "x-a" has a value with a blank at its beginning or end$/],
    [{ "x-a": 1 }, /^the header "x-a" has a value that is not a string but of the type number$/],
    [{ "x-a": null }, /^the header "x-a" has a value that is not a string but of the type null$/],
    [{ "x-a": ["s3cret"] }, /^the header "x-a" has a value that is not a string but of the type array$/],
    [{ "x a": "s3cret" }, /^the header "x a" has no name that HTTP allows/],
    [{ "": "s3cret" }, /^the header "" has no name that HTTP allows/],
    [{ "x-a:": "s3cret" }, /^the header "x-a:" has no name that HTTP allows/],
    [{ "x-a\r\nb": "s3cret" }, /^the header "x-a\\r\\nb" has no name that HTTP allows/],
  ] as const) {
    test(`may not be ${JSON.stringify(headers)}, and the error shows no value`, async () => {
      await createEndpoint(database.pool, []);
      for (const text of [
        "update postrider.endpoint set headers = $1::jsonb",
        "select postrider.create_endpoint('http://b.test/', options => jsonb_build_object('headers', $1::jsonb))",
      ]) {
        await assert.rejects(
          database.pool.query(text, [headers]),
          (error: Error & { constraint?: string; code?: string }) => {
            assert.match(error.message, message);
            assert.equal(error.code, "23514");
            assert.equal(error.constraint, "headers are names and texts that HTTP allows");
            assert.ok(!JSON.stringify({ ...error, message: error.message }).includes("s3cret"));
            return true;
          },
        );
      }
    });
  }

  test("are judged even if the triggers are off", async (t) => {
    await createEndpoint(database.pool, []);
    const session = await openSession(t, database.url);
    await session.query("set session_replication_role = replica");
    await assert.rejects(session.query(`update postrider.endpoint set headers = '{"x": 1}'`), {
      constraint: "headers are names and texts that HTTP allows",
    });
  });
});

describe("a bad value of one column", () => {
  const assertHidden = async (session: Session, text: string, constraint: string | undefined) => {
    await assert.rejects(session.query(text), (error: pg.DatabaseError) => {
      assert.equal(error.constraint, constraint);
      assert.match(error.message, /violates (check|not-null) constraint|^an endpoint needs a url$/);
      const shown = JSON.stringify({ ...error, message: error.message });
      assert.ok(!shown.includes("s3cret"), `the error shows a secret: ${shown}`);
      return true;
    });
  };
  for (const [edit, constraint] of [
    ["tenant = repeat('x', 256)", "tenant has at most 255 characters"],
    ["url = 'ftp://receiver.test/?token=s3cret'", "url is http or https, without blanks, at most 2048 long"],
    ["format = 'xml2'", "format is one that this schema knows"],
    ["timeout_ms = 1", "timeout_ms is between 100 and 120000"],
    ["retry_schedule = '{0 s}'", "retry_schedule has at most 50 steps of 1 ms to 30 days"],
    ["headers = '\"s3cret\"'", "headers is a JSON object"],
    ["disable_after = '1 s'", "disable_after is between 1 minute and 1 year"],
    ["state = 'pausd'", "state is active, paused or disabled"],
    ["timeout_ms = null", undefined],
    ["url = null", "url is null if and only if kind is pull"],
  ] as const) {
    test(`(${edit}) is refused without showing the headers' values and the URL's query`, async () => {
      await createEndpoint(database.pool, []);
      await database.pool.query(
        `update postrider.endpoint set url = 'http://receiver.test/?token=s3cret', headers = '{"authorization": "s3cret"}'`,
      );
      await assertHidden(database.pool, `update postrider.endpoint set ${edit}`, constraint);
    });
  }

  test("is refused in that way by create_endpoint too", async () => {
    await assertHidden(
      database.pool,
      `select postrider.create_endpoint('http://receiver.test/?token=s3cret',
         options => '{"timeout_ms": 1, "headers": {"authorization": "s3cret"}}')`,
      "timeout_ms is between 100 and 120000",
    );
  });

  test("is refused in that way by a domain, because a check of the table would show the row", async () => {
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select conrelid::regclass::text as table, conname as check from pg_constraint
         where contype = 'c' and conrelid in ('postrider.endpoint'::regclass, 'postrider.endpoint_secret'::regclass,
           'postrider.subscription'::regclass)`,
      ),
      [],
    );
  });

  test("is refused in that way if it is null, whichever column that is", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await database.pool.query(
      `update postrider.endpoint set url = 'http://receiver.test/?token=s3cret', headers = '{"authorization": "s3cret"}'`,
    );
    await database.pool.query("update postrider.endpoint_secret set secret = 'whsec_s3cret' || repeat('A', 40)");
    const columns = await rowsOf<{ table: string; column: string }>(
      database.pool,
      `select attrelid::regclass::text as table, attname as column from pg_attribute
       where attrelid in ('postrider.endpoint'::regclass, 'postrider.endpoint_secret'::regclass)
         and attnum > 0 and attnotnull and attgenerated = '' and attname not in ('revision', 'updated_at', 'has_transformed')`,
    );
    assert.ok(columns.length > 10);
    for (const { table, column } of columns) {
      await assertHidden(database.pool, `update ${table} set ${column} = null`, undefined);
    }
    await assertHidden(
      database.pool,
      `insert into postrider.endpoint (url, headers, format) values ('http://a.test/?s3cret', '{"x": "s3cret"}', null)`,
      undefined,
    );
    await assert.rejects(
      database.pool.query(
        "insert into postrider.endpoint_secret (endpoint_id, secret) values ($1, 'whsec_s3cret but not base64')",
        [endpoint],
      ),
      (error: pg.DatabaseError) => {
        assert.equal(error.constraint, "secret is whsec_ and base64 of 24 to 64 bytes");
        assert.ok(!JSON.stringify({ ...error, message: error.message }).includes("s3cret"));
        return true;
      },
    );
  });
});

describe("rotate_secret", () => {
  const rotate = async (endpoint: string, overlap?: string) =>
    String(
      overlap === undefined
        ? await askFor(database.pool, "select postrider.rotate_secret($1)", [endpoint])
        : await askFor(database.pool, "select postrider.rotate_secret($1, $2)", [endpoint, overlap]),
    );
  const loaded = async (endpoint: string) => {
    const [row] = await rowsOf<{ secrets: string[]; secrets_valid_ms: number | null; revision: string }>(
      database.pool,
      statementText("load_endpoints"),
      [[endpoint], false],
    );
    assert.ok(row !== undefined);
    return row;
  };

  test("returns a new secret, which signs first; the old one signs until the overlap has passed", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const before = await loaded(endpoint);
    const fresh = await rotate(endpoint);
    assert.match(fresh, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const after = await loaded(endpoint);
    assert.deepEqual(after.secrets, [fresh, ...before.secrets]);
    assert.ok(BigInt(after.revision) > BigInt(before.revision), "daemons notice");
    const validMs = after.secrets_valid_ms ?? 0;
    assert.ok(validMs > 86_300_000 && validMs <= 86_400_000, `${validMs}`);
    await database.pool.query("update postrider.endpoint_secret set expires_at = now() where expires_at is not null");
    assert.deepEqual((await loaded(endpoint)).secrets, [fresh]);
  });

  test("drops the old ones at once if the overlap is 0", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await rotate(endpoint);
    const fresh = await rotate(endpoint, "0");
    assert.deepEqual((await loaded(endpoint)).secrets, [fresh]);
  });

  test("repeatedly: each old secret keeps the earlier of its ends, and one that no longer signs is deleted", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const [first] = (await loaded(endpoint)).secrets;
    const second = await rotate(endpoint, "1 hour");
    const third = await rotate(endpoint, "2 hours");
    assert.deepEqual((await loaded(endpoint)).secrets, [third, second, first]);
    const { secrets_valid_ms } = await loaded(endpoint);
    assert.ok(secrets_valid_ms !== null && secrets_valid_ms <= 3_600_000);
    const fourth = await rotate(endpoint, "1 minute");
    await database.pool.query("update postrider.endpoint_secret set expires_at = now() where expires_at is not null");
    const fifth = await rotate(endpoint);
    assert.deepEqual(
      (await rowsOf<{ secret: string }>(database.pool, "select secret from postrider.endpoint_secret"))
        .map(({ secret }) => secret)
        .toSorted(),
      [fourth, fifth].toSorted(),
    );
  });

  test("is refused once ten secrets sign, and so is adding an eleventh by hand", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    for (let count = 1; count < 10; count++) await rotate(endpoint);
    assert.equal((await loaded(endpoint)).secrets.length, 10);
    await assert.rejects(rotate(endpoint), {
      code: "54000",
      message: `endpoint ${endpoint} has 10 secrets in force already`,
    });
    await assert.rejects(
      database.pool.query(
        "insert into postrider.endpoint_secret (endpoint_id, secret) values ($1, postrider_internal.new_secret())",
        [endpoint],
      ),
      { code: "54000" },
    );
    await rotate(endpoint, "0");
    assert.equal((await loaded(endpoint)).secrets.length, 1);
  });

  for (const overlap of ["-1 s", "1 month -31 days", "2 years", null] as const) {
    test(`refuses an overlap of ${overlap}`, async () => {
      const endpoint = await createEndpoint(database.pool, []);
      await assert.rejects(database.pool.query("select postrider.rotate_secret($1, $2)", [endpoint, overlap]), {
        code: "22023",
        hint: /0 to 1 year/,
      });
      assert.equal((await loaded(endpoint)).secrets.length, 1);
    });
  }

  test("of an endpoint that does not exist is refused", async () => {
    await assert.rejects(rotate(NO_SUCH), { code: "P0002", message: `there is no endpoint ${NO_SUCH}` });
  });

  for (const [what, text] of [
    ["rotating them", "select postrider.rotate_secret($1)"],
    ["deleting their endpoint", "delete from postrider.endpoint where id = $1"],
  ] as const) {
    test(`does not deadlock: an edit of secrets by hand gives up rather than wait for ${what}`, async (t) => {
      const endpoint = await createEndpoint(database.pool, []);
      const [byHand, other] = [await openSession(t, database.url), await openSession(t, database.url)];
      const pid = await pidOf(other);
      await other.query("begin");
      await other.query("select postrider_internal.lock_endpoint($1)", [endpoint]);
      await byHand.query("begin");
      await byHand.query("select from postrider.endpoint_secret for update");
      const waiting = other.query(text, [endpoint]);
      await waitsForLock(database.pool, pid);
      await assert.rejects(byHand.query("update postrider.endpoint_secret set expires_at = now() + interval '1 day'"), {
        code: "55P03",
        message: `another session is changing endpoint ${endpoint}`,
      });
      await byHand.query("rollback");
      await waiting;
      await other.query("commit");
    });
  }

  test("an edit of secrets by hand waits a moment for another session that is about to finish", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    const other = await openSession(t, database.url);
    await other.query("begin");
    await other.query("select postrider_internal.lock_endpoint($1)", [endpoint]);
    const editing = database.pool.query("update postrider.endpoint_secret set expires_at = now() + interval '1 day'");
    await eventually("the edit to wait", async () => {
      const waits = "select count(*)::integer from pg_stat_activity where wait_event = 'PgSleep' and datname = $1";
      return (await askFor(other, waits, [database.name])) === 1;
    });
    await other.query("commit");
    assert.equal((await editing).rowCount, 1);
  });
});

test("pausing an endpoint that is being disabled does not enable it again", async (t) => {
  const endpoint = await createEndpoint(database.pool, []);
  const [one, other] = [await openSession(t, database.url), await openSession(t, database.url)];
  const pid = await pidOf(other);
  await one.query("begin");
  await one.query("select postrider.disable_endpoint($1)", [endpoint]);
  const pausing = other.query("select postrider.pause_endpoint($1)", [endpoint]);
  const refused = assert.rejects(pausing, { code: "55000", message: `endpoint ${endpoint} is disabled` });
  await waitsForLock(database.pool, pid);
  await one.query("commit");
  await refused;
  assert.equal(await askFor(database.pool, "select state from postrider.endpoint"), "disabled");
});

test("an endpoint with more than 10,000 waiting deliveries is deleted at once, and walks visibly discard the rest", async () => {
  const endpoint = await createEndpoint(database.pool, []);
  await database.pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), $1, 'pending', now() from generate_series(1, 10500)`,
    [endpoint],
  );
  const inHand = await addPending(database.pool, endpoint, "now() - interval '1 hour'");
  assert.deepEqual(
    (await walk(database.pool, { share: 1 })).leased.map(({ event }) => event),
    [inHand],
  );
  await database.pool.query("delete from postrider.endpoint");
  const pending = async () =>
    (await deliveries(database.pool)).filter(({ state }) => state === "pending").map(({ event }) => event);
  assert.equal((await pending()).length, 501);
  assert.deepEqual((await walk(database.pool)).leased, []);
  assert.deepEqual(await pending(), [inHand], "the attempt in flight is left to finish");
  assert.deepEqual(
    await rowsOf(
      database.pool,
      "select reason, count(*)::integer from postrider.delivery where state = 'discarded' group by reason",
    ),
    [{ reason: "the endpoint was deleted", count: 10_500 }],
  );
});
