/** Which secrets and keys an endpoint has, as operators ask for them and daemons make them. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { makePrivateKey } from "../../src/format/ed25519.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, claimAll, insertEvent, openSession, reset, rowsOf, walk } from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

async function create(signing: string | null): Promise<{ id: string; secret: string | null }> {
  const options = signing === null ? {} : { signing };
  const [row] = await rowsOf<{ id: string; secret: string | null }>(
    database.pool,
    "select endpoint_id as id, secret from postrider.create_endpoint('http://127.0.0.1:9/', options => $1)",
    [JSON.stringify(options)],
  );
  assert.ok(row !== undefined);
  return row;
}

/** In force, the oldest first. `wanted` is a key that a daemon has yet to make. */
async function secretsOf(endpoint: string): Promise<string[]> {
  const rows = await rowsOf<{ shown: string }>(
    database.pool,
    `select case when secret is null then 'wanted' else kind || ' ' || left(secret, 5) || coalesce(' ' || left(public_key, 5), '') end as shown
     from postrider.endpoint_secret
     where endpoint_id = $1 and (expires_at is null or expires_at > now()) order by created_at, kind desc`,
    [endpoint],
  );
  return rows.map(({ shown }) => shown);
}

async function makeKeys(): Promise<boolean[]> {
  const rows = await rowsOf<{ is_made: boolean }>(
    database.pool,
    "select postrider_internal.make_key(s.id, $1, null) as is_made from postrider.endpoint_secret s where s.secret is null",
    [makePrivateKey()],
  );
  return rows.map(({ is_made }) => is_made);
}

describe("create_endpoint", () => {
  for (const [signing, returned, secrets] of [
    [null, true, ["hmac whsec"]],
    ["hmac", true, ["hmac whsec"]],
    ["ed25519", false, ["wanted"]],
    ["both", true, ["wanted", "hmac whsec"]],
  ] as const) {
    test(`with signing ${signing} returns ${returned ? "a" : "no"} secret`, async () => {
      const { id, secret } = await create(signing);
      assert.equal(secret !== null, returned);
      assert.deepEqual((await secretsOf(id)).toSorted(), secrets.toSorted());
    });
  }

  test("refuses another kind of signing with the names of those that there are", async () => {
    await assert.rejects(create("rsa"), { code: "23514", constraint: "signing is hmac, ed25519 or both" });
  });
});

describe("an endpoint that changes from ed25519", () => {
  for (const signing of ["hmac", "both"]) {
    test(`to ${signing} gets an HMAC secret, and the notice says how to have one for the receiver`, async (t) => {
      const { id } = await create("ed25519");
      await makeKeys();
      const session = await openSession(t, database.url);
      const notices: string[] = [];
      session.on("notice", (notice) => notices.push(`${notice.message}; ${"hint" in notice ? notice.hint : ""}`));
      await session.query("update postrider.endpoint set signing = $2 where id = $1", [id, signing]);
      assert.deepEqual(await secretsOf(id), ["ed25519 whsk_ whpk_", "hmac whsec"]);
      assert.equal(notices.length, 1);
      assert.match(notices[0] ?? "", new RegExp(`had no HMAC secret.*select postrider.rotate_secret\\('${id}'\\)$`));
      assert.match(String(await askFor(session, "select postrider.rotate_secret($1)", [id])), /^whsec_/);
      const hmac = (await secretsOf(id)).filter((shown) => shown.startsWith("hmac"));
      assert.equal(hmac.length, 2, "what has signed requests signs until the overlap ends");
    });
  }

  test("keeps an HMAC secret that it had before", async () => {
    const { id } = await create(null);
    for (const signing of ["ed25519", "hmac", "both"]) {
      await database.pool.query("update postrider.endpoint set signing = $2 where id = $1", [id, signing]);
    }
    assert.deepEqual((await secretsOf(id)).toSorted(), ["hmac whsec", "wanted"]);
  });
});

describe("a key that is wanted", () => {
  test("is asked for by an edit of signing as well, once", async () => {
    const { id } = await create(null);
    await database.pool.query("update postrider.endpoint set signing = 'both' where id = $1", [id]);
    assert.deepEqual(await secretsOf(id), ["hmac whsec", "wanted"]);
    await database.pool.query("update postrider.endpoint set signing = 'ed25519' where id = $1", [id]);
    assert.deepEqual(await secretsOf(id), ["hmac whsec", "wanted"]);
    assert.deepEqual(await makeKeys(), [true]);
    await database.pool.query("update postrider.endpoint set signing = 'hmac' where id = $1", [id]);
    await database.pool.query("update postrider.endpoint set signing = 'both' where id = $1", [id]);
    assert.deepEqual(await secretsOf(id), ["hmac whsec", "ed25519 whsk_ whpk_"]);
  });

  for (const before of ["hmac", "ed25519"]) {
    test(`is asked for, or a secret made, if what the other kind has expires because ${before} was rotated alone`, async () => {
      const { id } = await create("both");
      await makeKeys();
      await database.pool.query("update postrider.endpoint set signing = $2 where id = $1", [id, before]);
      await database.pool.query("select postrider.rotate_secret($1, '1 hour')", [id]);
      await makeKeys();
      await database.pool.query("update postrider.endpoint set signing = 'both' where id = $1", [id]);
      await makeKeys();
      const staying =
        "select kind from postrider.endpoint_secret where endpoint_id = $1 and expires_at is null order by kind";
      assert.deepEqual(await rowsOf(database.pool, staying, [id]), [{ kind: "ed25519" }, { kind: "hmac" }]);
    });
  }

  test("is not asked for by an edit that wants none", async () => {
    const { id } = await create("both");
    await makeKeys();
    await database.pool.query(
      "update postrider.endpoint_secret set expires_at = now() where endpoint_id = $1 and kind = 'ed25519'",
      [id],
    );
    await database.pool.query("update postrider.endpoint set signing = 'hmac' where id = $1", [id]);
    assert.deepEqual(await secretsOf(id), ["hmac whsec"]);
  });

  test("is made once, with its public half, by a function that daemons alone may call", async (t) => {
    const { id } = await create("ed25519");
    const key = makePrivateKey();
    const wanted = String(await askFor(database.pool, "select id from postrider.endpoint_secret where secret is null"));
    const session = await openSession(t, database.url);
    await session.query("set role postrider_operator");
    await assert.rejects(session.query("select postrider_internal.make_key($1, $2, null)", [wanted, key]), {
      code: "42501",
    });
    await session.query("set role postrider_daemon");
    assert.equal(await askFor(session, "select postrider_internal.make_key($1, $2, null)", [wanted, key]), true);
    assert.equal(
      await askFor(session, "select postrider_internal.make_key($1, $2, null)", [wanted, makePrivateKey()]),
      false,
    );
    await session.query("set role postrider_reader");
    assert.deepEqual(
      await rowsOf(session, "select kind, public_key from postrider.endpoint_secret where endpoint_id = $1", [id]),
      [{ kind: "ed25519", public_key: `whpk_${Buffer.from(key.slice(5), "base64").subarray(32).toString("base64")}` }],
    );
    await session.query("reset role");
    assert.equal(await askFor(session, "select secret from postrider.endpoint_secret where id = $1", [wanted]), key);
    const [audit] = await rowsOf<{ action: string; before: unknown; after: unknown }>(
      database.pool,
      "select action, before, after from postrider.audit where endpoint_id = $1 order by id desc limit 1",
      [id],
    );
    assert.equal(audit?.action, "make_key");
    assert.ok(!JSON.stringify(audit).includes(key.slice(5, 40)), "the audit does not have the private key");
    assert.ok(JSON.stringify(audit).includes("whpk_"), "it has the public one");
  });

  test("is not waited for while an operator changes the endpoint", async (t) => {
    const { id } = await create("ed25519");
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query("update postrider.endpoint set description = 'x' where id = $1", [id]);
    assert.deepEqual(await makeKeys(), [false]);
    await session.query("rollback");
    assert.deepEqual(await makeKeys(), [true]);
  });
});

describe("rotate_secret", () => {
  test("makes what signing has, and the old ones of both kinds sign until the overlap ends", async () => {
    const { id, secret } = await create("both");
    await makeKeys();
    const fresh = await askFor(database.pool, "select postrider.rotate_secret($1, '1 hour')", [id]);
    assert.notEqual(fresh, secret);
    assert.deepEqual((await secretsOf(id)).toSorted(), ["ed25519 whsk_ whpk_", "hmac whsec", "hmac whsec", "wanted"]);
    assert.deepEqual(await makeKeys(), [true]);
    const ends = await rowsOf(
      database.pool,
      "select kind, count(*)::int, count(expires_at)::int as ending from postrider.endpoint_secret group by kind order by kind",
    );
    assert.deepEqual(ends, [
      { kind: "ed25519", count: 2, ending: 1 },
      { kind: "hmac", count: 2, ending: 1 },
    ]);
  });

  test("gives an endpoint that changes from ed25519 its first HMAC secret, in the same transaction", async (t) => {
    const { id } = await create("ed25519");
    await makeKeys();
    const session = await openSession(t, database.url);
    await session.query("begin");
    await session.query("update postrider.endpoint set signing = 'both' where id = $1", [id]);
    assert.match(String(await askFor(session, "select postrider.rotate_secret($1)", [id])), /^whsec_/);
    await session.query("commit");
    assert.deepEqual((await secretsOf(id)).toSorted(), ["ed25519 whsk_ whpk_", "hmac whsec", "wanted"]);
  });

  test("returns null for ed25519 alone, and asks for one key however often it is called before a daemon makes it", async () => {
    const { id } = await create("ed25519");
    for (let count = 0; count < 12; count += 1) {
      assert.equal(await askFor(database.pool, "select postrider.rotate_secret($1)", [id]), null);
    }
    assert.deepEqual(await secretsOf(id), ["wanted"]);
  });

  test("drops the old key at once if the overlap is 0, and the deliveries wait for the new one", async () => {
    const { id } = await create("ed25519");
    await makeKeys();
    assert.equal(await askFor(database.pool, "select postrider_internal.has_signing_key($1)", [id]), true);
    await database.pool.query("select postrider.rotate_secret($1, '0')", [id]);
    assert.equal(await askFor(database.pool, "select postrider_internal.has_signing_key($1)", [id]), false);
    assert.deepEqual(await secretsOf(id), ["wanted"]);
  });
});

describe("without its key, an endpoint's", () => {
  test("events wait in the queue, which tells readers so, and those of other endpoints do not", async (t) => {
    const { id } = await create("both");
    const other = await create(null);
    const event = await insertEvent(database.pool, "order.paid");
    const claimed = await claimAll(database.pool);
    assert.deepEqual(
      claimed.map(({ endpoint }) => endpoint),
      [other.id],
    );
    const reader = await openSession(t, database.url);
    await reader.query("set role postrider_reader");
    assert.equal(await askFor(reader, "select postrider_internal.has_signing_key($1)", [id]), false);
    assert.deepEqual(
      await rowsOf(reader, "select detail, attempts from postrider.delivery_status where endpoint_id = $1", [id]),
      [{ detail: "keyless", attempts: 0 }],
    );
    assert.match(
      String(
        await askFor(database.pool, "select explanation from postrider.explain_event($1) where endpoint_id = $2", [
          event,
          id,
        ]),
      ),
      /waits for the endpoint's ed25519 key/,
    );
    assert.equal((await walk(database.pool)).leased.length, 0);
    await makeKeys();
    assert.equal((await walk(database.pool)).leased.length, 1);
  });
});

test("a secret is one of its kind, and an error does not show it", async () => {
  const { id } = await create(null);
  const insert = (kind: string, secret: string | null) =>
    database.pool.query("insert into postrider.endpoint_secret (endpoint_id, kind, secret) values ($1, $2, $3)", [
      id,
      kind,
      secret,
    ]);
  const hmac = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
  for (const [kind, secret] of [
    ["ed25519", hmac],
    ["hmac", makePrivateKey()],
    ["hmac", null],
    ["hmac", `whsk_${Buffer.alloc(32, 9).toString("base64")}`],
  ] as const) {
    await assert.rejects(insert(kind, secret), (error: Error) => {
      assert.equal("code" in error && error.code, "23514");
      assert.ok(secret === null || !JSON.stringify({ ...error, message: error.message }).includes(secret.slice(6, 20)));
      return true;
    });
  }
  await insert("ed25519", makePrivateKey());
  await insert("hmac", hmac);
});

test("a daemon may replace a secret by its sealed form alone, and only if it has not changed", async (t) => {
  const { id } = await create(null);
  const secretId = String(
    await askFor(database.pool, "select id from postrider.endpoint_secret where endpoint_id = $1", [id]),
  );
  const session = await openSession(t, database.url);
  await session.query("set role postrider_daemon");
  const readVersion = () =>
    askFor(session, "select xmin::text from postrider.endpoint_secret where id = $1", [secretId]);
  const created = String(await readVersion());
  const seal = (version: string | null, sealed: string) =>
    askFor(session, "select postrider_internal.seal_secret($1, $2::text::xid, $3)", [secretId, version, sealed]);
  const sealed = `sealed:v1:0123456789abcdef:${Buffer.alloc(80, 1).toString("base64")}`;
  await assert.rejects(seal(created, `whsec_${Buffer.alloc(32, 9).toString("base64")}`), { code: "22023" });
  await assert.rejects(seal(null, sealed), { code: "22023" });
  await assert.rejects(seal(created, "sealed:v1:x:AAAA"), { constraint: "secret is sealed as a daemon seals it" });
  const other = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
  await database.pool.query("update postrider.endpoint_secret set secret = $2 where id = $1", [secretId, other]);
  const changed = String(await readVersion());
  assert.equal(await seal(created, sealed), false);
  assert.equal(await seal(changed, sealed), true);
  assert.equal(await seal(changed, sealed), false);
  assert.equal(
    await askFor(database.pool, "select action from postrider.audit order by id desc limit 1"),
    "seal_secret",
  );
});
