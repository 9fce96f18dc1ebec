/** Credentials of endpoints: what may be written, where it is kept, and that nobody sees it again. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type pg from "pg";
import { createDatabase, openPool, type TestDatabase } from "../support/database.ts";
import { askFor, createEndpoint, rowsOf } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";

/** In every secret member, so that a search finds it wherever it is shown. */
const SECRET = "s3cret-0f-the-test";

const WHOLE = {
  basic: { type: "basic", username: `${SECRET}-user`, password: SECRET },
  bearer: { type: "bearer", token: SECRET },
  header: { type: "header", name: "X-Api-Key", value: SECRET },
  oauth2: {
    type: "oauth2",
    token_url: `https://login.test/token?key=${SECRET}`,
    client_id: "postrider",
    client_secret: SECRET,
    scope: "hooks:write hooks:read",
    audience: "https://receiver.test/",
    token_endpoint_auth_method: "client_secret_post",
  },
} as const;

/** What the column keeps of each. */
const SHOWN = {
  basic: { type: "basic" },
  bearer: { type: "bearer" },
  header: { type: "header", name: "X-Api-Key" },
  oauth2: {
    type: "oauth2",
    token_url: "https://login.test/token",
    client_id: "postrider",
    scope: "hooks:write hooks:read",
    audience: "https://receiver.test/",
    token_endpoint_auth_method: "client_secret_post",
  },
} as const;

const TYPES = ["basic", "bearer", "header", "oauth2"] as const;

let database: TestDatabase;
let operator: Login;
let reader: Login;
let operatorPool: pg.Pool;
let readerPool: pg.Pool;
before(async () => {
  database = await createDatabase();
  operator = await createLogin(database, ["postrider_operator"]);
  reader = await createLogin(database, ["postrider_reader"]);
  operatorPool = openPool({ connectionString: operator.url, max: 1 });
  readerPool = openPool({ connectionString: reader.url, max: 1 });
});
after(async () => {
  await operatorPool.end();
  await readerPool.end();
  await operator.drop();
  await reader.drop();
  await database.drop();
});

async function authOf(endpoint: string): Promise<unknown> {
  return askFor(database.pool, "select auth from postrider.endpoint where id = $1", [endpoint]);
}

function storedOf(endpoint: string): Promise<{ secret: string }[]> {
  return rowsOf<{ secret: string }>(
    database.pool,
    "select secret::text from postrider.endpoint_secret where endpoint_id = $1 and kind = 'auth'",
    [endpoint],
  );
}

/** What a statement shows of itself when it is refused. */
async function refusalOf(
  statement: string,
  values: unknown[],
): Promise<{ message: string; hint: string; all: string }> {
  try {
    await operatorPool.query(statement, values);
  } catch (thrown) {
    const error = thrown as pg.DatabaseError;
    const all = JSON.stringify({ ...error, message: error.message });
    return { message: error.message, hint: error.hint ?? "", all };
  }
  throw new Error(`not refused: ${statement}`);
}

for (const type of TYPES) {
  describe(type, () => {
    const ways: Readonly<Record<string, (auth: string) => Promise<string>>> = {
      "create_endpoint()": async (auth) =>
        String(
          await askFor(
            operatorPool,
            "select endpoint_id from postrider.create_endpoint('https://receiver.test/', options => jsonb_build_object('auth', $1::jsonb))",
            [auth],
          ),
        ),
      "an insert": async (auth) =>
        String(
          await askFor(
            operatorPool,
            "insert into postrider.endpoint (url, auth) values ('https://receiver.test/', $1) returning id",
            [auth],
          ),
        ),
      "an update": async (auth) => {
        const id = await createEndpoint(database.pool, []);
        await operatorPool.query("update postrider.endpoint set auth = $2 where id = $1", [id, auth]);
        return id;
      },
    };
    for (const [way, write] of Object.entries(ways)) {
      test(`${way} moves the credential to where daemons alone read it`, async () => {
        const endpoint = await write(JSON.stringify(WHOLE[type]));
        assert.deepEqual(await authOf(endpoint), SHOWN[type]);
        const [stored, ...others] = await storedOf(endpoint);
        assert.deepEqual(JSON.parse(stored?.secret ?? ""), WHOLE[type]);
        assert.deepEqual(others, []);
        const audit = JSON.stringify(
          await rowsOf(database.pool, "select * from postrider.audit where endpoint_id = $1", [endpoint]),
        );
        assert.ok(!audit.includes(SECRET), audit);
        assert.ok(audit.includes(`"type":"${type}"`), "the audit says what was set");
        await assert.rejects(operatorPool.query("select secret from postrider.endpoint_secret"), /permission denied/);
        await assert.rejects(
          operatorPool.query("select credential_hash from postrider.endpoint_secret"),
          /permission denied/,
        );
        await assert.rejects(readerPool.query("select auth from postrider.endpoint"), /permission denied/);
      });
    }
  });
}

const REFUSED: readonly (readonly [unknown, RegExp])[] = [
  ["basic", /is not a JSON object/],
  [{}, /has no type of/],
  [{ type: "digest", password: SECRET }, /has no type of/],
  [{ type: "basic", password: SECRET }, /has no username/],
  [{ type: "basic", username: "me" }, /has no password/],
  [{ type: "basic", username: "a:b", password: SECRET }, /username that has a colon/],
  [{ type: "basic", username: "", password: SECRET }, /username that is empty/],
  [{ type: "basic", username: "me", password: `${SECRET}\r\nx: y` }, /password that has a line break/],
  [{ type: "basic", username: "me", password: 7 }, /password that is not a string but of the type number/],
  [{ type: "bearer", token: `Bearer ${SECRET}` }, /token/],
  [{ type: "bearer", token: `${SECRET} x` }, /token that has a blank/],
  [{ type: "bearer", token: SECRET, scope: "x" }, /has a member that bearer does not have: "scope"/],
  [{ type: "bearer", value: SECRET }, /has a member|has no token/],
  [{ type: "header", name: "host", value: SECRET }, /the header "host" is set by the sender alone/],
  [{ type: "header", name: "x y", value: SECRET }, /has no name that HTTP allows/],
  [{ type: "header", name: "Content-Type", value: SECRET }, /name that is a header with another meaning/],
  [{ type: "header", name: "x-key", value: ` ${SECRET}` }, /value that has a blank at its beginning/],
  [{ type: "header", name: "x-key", value: `${SECRET}é` }, /outside of ASCII/],
  [{ ...WHOLE.oauth2, token_url: "ftp://login.test/" }, /token_url that is no http or https URL/],
  [{ ...WHOLE.oauth2, token_url: `https://me:${SECRET}@login.test/` }, /token_url that is no http or https URL/],
  [{ ...WHOLE.oauth2, token_endpoint_auth_method: "private_key_jwt" }, /neither client_secret_basic nor/],
  [{ ...WHOLE.oauth2, scope: 'a"b' }, /no list of scopes/],
  [{ type: "bearer", token: SECRET.repeat(500) }, /more than 8192 characters/],
];

for (const [auth, sentence] of REFUSED) {
  test(`refused, without showing a value: ${JSON.stringify(auth).slice(0, 90)}`, async () => {
    const { id } = { id: await createEndpoint(database.pool, []) };
    for (const [statement, values] of [
      ["update postrider.endpoint set auth = $2 where id = $1", [id, JSON.stringify(auth)]],
      [
        "select postrider.create_endpoint('https://receiver.test/', options => jsonb_build_object('auth', $1::jsonb))",
        [JSON.stringify(auth)],
      ],
    ] as const) {
      const { message, all } = await refusalOf(statement, [...values]);
      assert.match(message, sentence);
      assert.ok(!all.includes(SECRET), all);
    }
    assert.deepEqual(await storedOf(id), []);
  });
}

test("what the column keeps is no credential, but may be written back", async () => {
  const endpoint = await createEndpoint(database.pool, [], { options: { auth: WHOLE.header } });
  await operatorPool.query("update postrider.endpoint set auth = auth, timeout_ms = 5000 where id = $1", [endpoint]);
  assert.equal((await storedOf(endpoint)).length, 1);
  const other = await refusalOf("update postrider.endpoint set auth = $2 where id = $1", [
    endpoint,
    JSON.stringify({ type: "header", name: "x-other" }),
  ]);
  assert.match(other.message, /^auth lacks what is secret in it$/);
  assert.match(other.hint, /write the whole anew/);
  const created = await refusalOf(
    "select postrider.create_endpoint('https://receiver.test/', options => jsonb_build_object('auth', $1::jsonb))",
    [JSON.stringify(SHOWN.header)],
  );
  assert.match(created.message, /^the option auth lacks what is secret in it$/);
});

test("the same credential written again replaces nothing; another one does; null takes it away", async () => {
  const endpoint = await createEndpoint(database.pool, [], { options: { auth: WHOLE.basic } });
  const ids = () =>
    rowsOf<{ id: string }>(
      database.pool,
      "select id from postrider.endpoint_secret where endpoint_id = $1 and kind = 'auth'",
      [endpoint],
    );
  const set = (auth: unknown) =>
    operatorPool.query("update postrider.endpoint set auth = $2 where id = $1", [
      endpoint,
      auth && JSON.stringify(auth),
    ]);
  const first = await ids();
  await set(WHOLE.basic);
  assert.deepEqual(await ids(), first);
  await set({ ...WHOLE.basic, password: "another" });
  assert.notDeepEqual(await ids(), first);
  const revision = () => askFor(database.pool, "select revision from postrider.endpoint where id = $1", [endpoint]);
  const before = Number(await revision());
  await set({ ...WHOLE.basic, password: "a third" });
  assert.ok(Number(await revision()) > before, "daemons load it again");
  await set(null);
  assert.deepEqual(await ids(), []);
  assert.equal(await authOf(endpoint), null);
});

test("an insert that meets an endpoint of the same name writes the credential of that one", async () => {
  const upsert = (password: string) =>
    askFor(
      operatorPool,
      `insert into postrider.endpoint (url, name, auth) values ('https://receiver.test/', 'upserted', $1)
       on conflict (tenant, name) do update set auth = excluded.auth returning id`,
      [JSON.stringify({ ...WHOLE.basic, password })],
    );
  const endpoint = String(await upsert("first-one"));
  assert.equal(String(await upsert("second-one")), endpoint);
  const [stored] = await storedOf(endpoint);
  assert.match(stored?.secret ?? "", /second-one/);
});

test("rotate_secret leaves the credential, and deleting the endpoint takes it along", async () => {
  const endpoint = await createEndpoint(database.pool, [], { options: { auth: WHOLE.bearer } });
  await operatorPool.query("select postrider.rotate_secret($1, '0')", [endpoint]);
  assert.equal((await storedOf(endpoint)).length, 1);
  await operatorPool.query("select postrider.delete_endpoint($1)", [endpoint]);
  assert.deepEqual(await storedOf(endpoint), []);
});

test("auth and headers do not set the same header", async () => {
  const endpoint = await createEndpoint(database.pool, [], { options: { auth: WHOLE.basic } });
  const header = await refusalOf("update postrider.endpoint set headers = $2 where id = $1", [
    endpoint,
    JSON.stringify({ Authorization: `Bearer ${SECRET}` }),
  ]);
  assert.match(header.message, /^auth and headers both set the header "authorization"$/);
  assert.ok(!header.all.includes(SECRET), header.all);
  const created = await refusalOf("select postrider.create_endpoint('https://receiver.test/', options => $1)", [
    JSON.stringify({ auth: WHOLE.header, headers: { "x-api-key": SECRET } }),
  ]);
  assert.match(created.message, /^auth and headers both set the header "x-api-key"$/);
  assert.ok(!created.all.includes(SECRET), created.all);
});

test("a row that does not belong to its kind is refused", async () => {
  const endpoint = await createEndpoint(database.pool, []);
  for (const [kind, secret] of [
    ["auth", `whsec_${Buffer.alloc(32).toString("base64")}`],
    ["hmac", '{"type": "bearer"}'],
    ["ed25519", '{"type": "bearer"}'],
  ]) {
    await assert.rejects(
      database.pool.query("insert into postrider.endpoint_secret (endpoint_id, kind, secret) values ($1, $2, $3)", [
        endpoint,
        kind,
        secret,
      ]),
      /the secret is not one of its kind/,
    );
  }
});
