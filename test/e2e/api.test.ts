/** The API beside the daemon and alone, as an operator starts it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { runShell } from "../docs/shell.ts";
import { CommandProcess, runCommand } from "../support/command.ts";
import { ask, CONSOLE_ROLES, createKey } from "../support/console.ts";
import { useDatabase } from "../support/database.ts";
import { guideBlock } from "../support/guides.ts";
import { createToken } from "../support/portal.ts";
import { createLogin, type Login } from "../support/roles.ts";

const database = useDatabase();

async function loginFor(t: TestContext): Promise<Login> {
  const login = await createLogin(database, CONSOLE_ROLES);
  t.after(() => login.drop());
  return login;
}

async function start(
  t: TestContext,
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly command: CommandProcess; readonly url: string }> {
  const command = new CommandProcess([name], { env: { POSTRIDER_API_LISTEN: "127.0.0.1:0", ...env } });
  t.after(() => command.end("SIGKILL"));
  const [, address] = await command.match(/"event":"console\.started","address":"([^"]+)"/);
  return { command, url: `http://${address}` };
}

test("the daemon serves the API by a login of its own, and stops with it", async (t) => {
  const login = await loginFor(t);
  const { command, url } = await start(t, "run", {
    DATABASE_URL: database.url,
    POSTRIDER_API_DATABASE_URL: login.url,
  });
  await command.match(/"event":"daemon\.started"/);
  const key = await createKey(database.pool, ["read"]);
  const { status, body } = await ask(url, "/status", key);
  assert.equal(status, 200);
  assert.equal(body.delivers, true);
  const { rows } = await database.pool.query(
    "select distinct usename from pg_stat_activity where datname = current_database() and application_name = 'postrider/console'",
  );
  assert.deepEqual(rows, [{ usename: login.name }]);
  assert.deepEqual(await command.end(), { code: 0, signal: null });
});

test("several processes have one API, and it needs no daemon at all", async (t) => {
  const login = await loginFor(t);
  const several = await start(t, "run", {
    DATABASE_URL: database.url,
    POSTRIDER_API_DATABASE_URL: login.url,
    POSTRIDER_PROCESSES: "2",
  });
  const alone = await start(t, "console", { POSTRIDER_API_DATABASE_URL: login.url });
  const key = await createKey(database.pool, ["read"]);
  assert.equal((await ask(several.url, "/status", key)).status, 200);
  assert.equal((await ask(alone.url, "/status", key)).status, 200);
  assert.deepEqual(await alone.command.end(), { code: 0, signal: null });
});

test("the portal is served beside the API, or without it, at an address apart, by the same login", async (t) => {
  const login = await createLogin(database, [...CONSOLE_ROLES, "postrider_portal"]);
  t.after(() => login.drop());
  const env = { POSTRIDER_API_DATABASE_URL: login.url, POSTRIDER_PORTAL_LISTEN: "127.0.0.1:0" };
  const token = await createToken(database.pool, "acme");
  const beside = await start(t, "run", { ...env, DATABASE_URL: database.url });
  const alone = new CommandProcess(["console"], { env: { ...env, POSTRIDER_API_LISTEN: "off" } });
  t.after(() => alone.end("SIGKILL"));
  for (const command of [beside.command, alone]) {
    const [, address] = await command.match(/"event":"portal\.started","address":"([^"]+)"/);
    const session = await ask(`http://${address}`, "/portal/session", token);
    assert.equal(session.status, 200, session.text);
    assert.equal(session.body.tenant, "acme");
    assert.equal((await ask(`http://${address}`, "/status", await createKey(database.pool, ["admin"]))).status, 404);
  }
  assert.equal((await ask(beside.url, "/portal/session", token)).status, 404);
  assert.deepEqual(await beside.command.end(), { code: 0, signal: null });
  assert.deepEqual(await alone.end(), { code: 0, signal: null });
  const lacking = await runCommand(["run"], {
    env: { DATABASE_URL: database.url, POSTRIDER_PORTAL_LISTEN: "127.0.0.1:0" },
  });
  assert.equal(lacking.code, 2);
  assert.match(lacking.stderr, /PR0002: cannot serve the portal: .*POSTRIDER_API_DATABASE_URL is not/);
});

test("alone it needs a login and a free address, and says so", async (t) => {
  const login = await loginFor(t);
  const lacking = await runCommand(["console"], { env: { POSTRIDER_API_LISTEN: "127.0.0.1:0" } });
  assert.equal(lacking.code, 2);
  assert.match(lacking.stderr, /PR0002: cannot serve the API: POSTRIDER_API_DATABASE_URL is not set/);
  const off = await runCommand(["console"], {
    env: { POSTRIDER_API_DATABASE_URL: login.url, POSTRIDER_API_LISTEN: "off" },
  });
  assert.equal(off.code, 2);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const taken = await runCommand(["console"], {
    env: { POSTRIDER_API_DATABASE_URL: login.url, POSTRIDER_API_LISTEN: `127.0.0.1:${address.port}` },
  });
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /PR0010: cannot listen on 127\.0\.0\.1:\d+: another program listens there/);
});

test("the commands of the guide ask the API", async (t) => {
  const login = await loginFor(t);
  const { url } = await start(t, "console", { POSTRIDER_API_DATABASE_URL: login.url });
  const key = await createKey(database.pool, ["read"]);
  const commands = guideBlock("src/console/README.md", "The API", "sh").replaceAll("http://127.0.0.1:8429", url);
  assert.match(await runShell(commands, { KEY: key }), /^\{"at":.*\}\{"data":\[\],"next":null,"searched_to":"/s);
});

test("a newcomer gets a link to the dashboard, which logs in once", async (t) => {
  const command = new CommandProcess(["dev", "--no-demo", "--database-url", database.url], {
    env: { POSTRIDER_API_LISTEN: "127.0.0.1:0" },
  });
  t.after(() => command.end("SIGKILL"));
  const [, url = "", link] = await command.match(
    /^listening +(http:\/\/[\d.:]+)\/#\/login=(prl_[\w-]+), the dashboard;/m,
  );
  await command.match(/^ready/m);
  const logIn = () => {
    const headers = { "sec-fetch-site": "same-origin" };
    return ask(url, "/session", null, { method: "POST", body: JSON.stringify({ link }), headers });
  };
  const opened = await logIn();
  assert.equal(opened.status, 204, opened.text);
  assert.equal((await logIn()).status, 401);
  const cookie = (opened.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  assert.deepEqual((await ask(url, "/session", null, { headers: { cookie } })).body.scopes, ["admin"]);
});
