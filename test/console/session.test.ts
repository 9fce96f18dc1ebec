/** Browsers that are logged in to the dashboard, by a session or by a proxy. */
import assert from "node:assert/strict";
import { BlockList, connect } from "node:net";
import { test } from "node:test";
import type { TrustedUsers } from "../../src/serve/trustedUsers.ts";
import { type Answer, ask, createKey, startConsole } from "../support/console.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, rowsOf } from "../support/engine.ts";

const database = useDatabase();

const SAME_SITE = { "sec-fetch-site": "same-origin" };

function open(url: string, body: unknown, headers: Record<string, string> = SAME_SITE): Promise<Answer> {
  return ask(url, "/session", null, { method: "POST", body: JSON.stringify(body), headers });
}

/** As a browser sends it back. */
function cookieIn({ headers }: Answer): string {
  return (headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

test("a key opens a session, whose cookie no script reads and no other site sends, and which ends when it is closed", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["operate"], "carol");
  const opened = await open(url, { key });
  assert.equal(opened.status, 204, opened.text);
  assert.match(
    opened.headers.get("set-cookie") ?? "",
    /^postrider_session=prs_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43\d{3}$/,
  );
  const cookie = cookieIn(opened);
  const who = await ask(url, "/session", null, { headers: { cookie } });
  assert.deepEqual(who.body, { name: "carol", scopes: ["operate"] });
  assert.equal((await ask(url, "/status", null, { headers: { cookie: `theme=dark; ${cookie}` } })).status, 200);
  const closing = { cookie, ...SAME_SITE, "content-type": "application/json" };
  assert.equal((await ask(url, "/session", null, { method: "DELETE", headers: closing })).status, 204);
  assert.equal((await ask(url, "/status", null, { headers: { cookie } })).status, 401);
});

test("a link logs in once", async (t) => {
  const { url } = await startConsole(t, database);
  await createKey(database.pool, ["read"], "dave");
  const link = await askFor(
    database.pool,
    "select postrider.create_api_link((select id from postrider.api_key where name = 'dave'))",
  );
  assert.match(String(link), /^prl_[\w-]{43}$/);
  const cookie = cookieIn(await open(url, { link }));
  assert.equal((await ask(url, "/status", null, { headers: { cookie } })).status, 200);
  assert.equal((await open(url, { link })).status, 401);
});

test("a link that is too old logs nobody in, and a session ends with its key", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["read"], "erin");
  const link = await askFor(
    database.pool,
    "select postrider.create_api_link((select id from postrider.api_key where name = 'erin'))",
  );
  await database.pool.query("update postrider.api_session set expires_at = now() where link_hash is not null");
  assert.equal((await open(url, { link })).status, 401);
  const cookie = cookieIn(await open(url, { key }));
  await database.pool.query("select postrider.revoke_api_key(id) from postrider.api_key where name = 'erin'");
  assert.equal((await ask(url, "/status", null, { headers: { cookie } })).status, 401);
});

test("what is neither a key nor a link opens nothing", async (t) => {
  const { url } = await startConsole(t, database);
  assert.equal((await open(url, { key: `prk_${"x".repeat(43)}` })).status, 401);
  for (const body of [{}, { key: 1 }, { key: "prs_" }, "text", null]) {
    assert.equal((await open(url, body)).status, 400, JSON.stringify(body));
  }
});

test("another site can neither log a browser in nor out", async (t) => {
  const { url } = await startConsole(t, database);
  const key = await createKey(database.pool, ["read"]);
  const strangers = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
  ];
  for (const headers of strangers) {
    assert.equal((await open(url, { key }, headers)).status, 403, JSON.stringify(headers));
  }
  const form = { ...SAME_SITE, "content-type": "text/plain" };
  assert.equal((await open(url, { key }, form)).status, 403, "a form cannot send JSON");
  assert.equal((await open(url, { key }, { origin: url })).status, 204, "an old browser says where it is");
});

const proxies = new BlockList();
proxies.addAddress("127.0.0.1");
const USERS: TrustedUsers = {
  userHeader: "x-forwarded-user",
  groupsHeader: "x-forwarded-groups",
  scopesOf: new Map([
    ["*", ["read"]],
    ["ops", ["operate"]],
  ]),
  proxies,
};
const CAROL = { "x-forwarded-user": "carol@example.com", "x-forwarded-groups": "staff, ops" };

test("a user whom the proxy names has the scopes of the groups, and the audit names the user", async (t) => {
  const { url } = await startConsole(t, database, { users: USERS });
  const id = await createEndpoint(database.pool, ["*"]);
  const who = await ask(url, "/session", null, { headers: CAROL });
  assert.deepEqual(who.body, { name: "carol@example.com", scopes: ["read", "operate"] });
  const pause = (headers: Record<string, string>) =>
    ask(url, `/endpoints/${id}/pause`, null, { method: "POST", body: '{"reason": "why"}', headers });
  assert.equal((await pause({ ...CAROL, ...SAME_SITE })).status, 204);
  assert.deepEqual(
    await rowsOf(database.pool, "select on_behalf_of from postrider.audit where action = 'pause_endpoint'", []),
    [{ on_behalf_of: "user:carol@example.com" }],
  );
  const other = await pause({ ...SAME_SITE, "x-forwarded-user": "Zo\u00c3\u00ab" });
  assert.equal(other.status, 403);
  assert.match(other.text, /the user \\"Zoë\\" lacks the scope operate.*POSTRIDER_TRUSTED_GROUPS/);
  assert.equal(
    (await pause({ ...CAROL, "sec-fetch-site": "cross-site" })).status,
    403,
    "a browser adds the proxy's cookie",
  );
  assert.equal((await pause({ ...CAROL, origin: "https://evil.example" })).status, 403);
  assert.equal((await pause({ ...CAROL, ...SAME_SITE, "content-type": "text/plain" })).status, 403);
});

test("a key goes before the user whom a proxy names, and the user before a session", async (t) => {
  const { url } = await startConsole(t, database, { users: USERS });
  const key = await createKey(database.pool, ["admin"], "frank");
  const cookie = cookieIn(await open(url, { key }));
  const nameOf = async (headers: Record<string, string>) => (await ask(url, "/session", null, { headers })).body.name;
  assert.equal(await nameOf({ ...CAROL, cookie, authorization: `Bearer ${key}` }), "frank");
  assert.equal(await nameOf({ ...CAROL, cookie }), "carol@example.com");
  assert.equal(await nameOf({ ...CAROL, authorization: "Bearer eyJhbGciOi.of.theProxy" }), "carol@example.com");
  assert.equal(await nameOf({ cookie }), "frank");
});

test("headers that a client wrote name nobody: not from elsewhere, not twice, and not what no user is called", async (t) => {
  const elsewhere = new BlockList();
  elsewhere.addAddress("10.0.3.7");
  const far = await startConsole(t, database, { users: { ...USERS, proxies: elsewhere } });
  const near = await startConsole(t, database, { users: USERS });
  const off = await startConsole(t, database);
  const statusOf = async (port: number, lines: readonly string[]) => (await sendHeaders(port, lines)).split(" ")[1];
  const carol = ["X-Forwarded-User: carol", "X-Forwarded-Groups: ops"];
  assert.equal(await statusOf(near.port, carol), "200");
  assert.equal(await statusOf(far.port, carol), "401");
  assert.equal(await statusOf(far.port, [...carol, "X-Forwarded-For: 10.0.3.7", "Forwarded: for=10.0.3.7"]), "401");
  assert.equal(await statusOf(off.port, carol), "401");
  for (const [lines, status] of [
    [["X-Forwarded-User: carol", "x-forwarded-user: admin"], "400"],
    [["X-Forwarded-User: carol", "X-Forwarded-Groups: staff", "X-FORWARDED-GROUPS: ops"], "400"],
    [["X-Forwarded-User: carol, admin"], "400"],
    [["X-Forwarded-User: "], "400"],
    [[`X-Forwarded-User: ${"x".repeat(256)}`], "400"],
    [["X-Forwarded-User: caro\u00e2\u0080\u00ael"], "400"],
    [["X-Forwarded-User: \u00ff"], "400"],
    [["X_Forwarded_User: carol"], "401"],
    [["X-Forwarded-Groups: ops"], "401"],
  ] as const) {
    assert.equal(await statusOf(near.port, lines), status, JSON.stringify(lines));
  }
});

/** fetch() puts headers together that come twice. */
async function sendHeaders(port: number, lines: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const head = ["GET /api/v1/status HTTP/1.1", "Host: localhost", ...lines, "Connection: close", "", ""];
  socket.write(head.join("\r\n"), "latin1");
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) {
    text += chunk;
  }
  return text;
}
