/** Browsers that are logged in to the dashboard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, ask, createKey, startConsole } from "../support/console.ts";
import { useDatabase } from "../support/database.ts";
import { askFor } from "../support/engine.ts";

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
