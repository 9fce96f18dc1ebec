/** Runs the commands of the guides in a shell, exactly as written. The README has a separate test. */
import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../support/command.ts";
import { databaseFor } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { guideBlock, guideBlocks } from "../support/guides.ts";
import { runShell, startShell } from "./shell.ts";

test("recipes are run by psql", async (t) => {
  const { url } = await databaseFor(t);
  const printed = await runShell(guideBlock("sql/operations.md", "Recipes", "sh"), { DATABASE_URL: url });
  assert.equal(printed, "[]\n[]\n");
});

test("a migrated schema needs no upgrade, and what an upgrade would do is written to a file", async (t) => {
  const { url } = await databaseFor(t);
  const cwd = await mkdtemp(join(tmpdir(), "postrider-guide-"));
  t.after(() => rm(cwd, { recursive: true, force: true }));
  const commands = guideBlocks("deploy/upgrading.md", "Upgrade", "sh").join("");
  const printed = await runShell(commands, { DATABASE_URL: url }, { cwd });
  assert.match(printed, /^the schema is up to date\n/);
  assert.match(await readFile(join(cwd, "upgrade.sql"), "utf8"), /^-- Postrider .* There is nothing to do\.$/m);
});

test("adopt says that there is nothing to adopt in a database that is not a copy", async (t) => {
  const { url } = await databaseFor(t);
  const printed = await runShell(guideBlock("sql/copies.md", "Adopting", "sh"), { DATABASE_URL: url });
  assert.match(printed, /nothing to adopt/);
});

test("a pattern says which files are rotated ones", async (t) => {
  const { url, pool } = await databaseFor(t);
  const cwd = await mkdtemp(join(tmpdir(), "postrider-guide-"));
  t.after(() => rm(cwd, { recursive: true, force: true }));
  const log = join(cwd, "worker.log");
  const lines = () => rowsOf(pool, "select payload::text as line from postrider.outbox order by seq");
  const follow = guideBlock("src/ingest/README.md", "Rotation", "sh").replace(/\/var\/log\S+/, log);
  await writeFile(log, "1\n");
  const run = async (count: number): Promise<void> => {
    const { shell, remove } = startShell(`exec ${follow}`, { DATABASE_URL: url });
    t.after(() => shell.end("SIGKILL").finally(remove));
    await eventually("the lines", async () => ((await lines()).length === count ? true : undefined));
    assert.equal((await shell.end("SIGTERM")).code, 0, shell.said());
  };
  await run(1);
  await mkdir(join(cwd, "archive"));
  await rename(log, join(cwd, "archive", "worker-a.log"));
  await appendFile(join(cwd, "archive", "worker-a.log"), "2\n");
  await writeFile(log, "3\n");
  await run(3);
  assert.deepEqual(await lines(), [{ line: "1" }, { line: "2" }, { line: "3" }]);
});

test("a log is followed, and the output of a program becomes events", async (t) => {
  const { url, pool } = await databaseFor(t);
  const cwd = await mkdtemp(join(tmpdir(), "postrider-guide-"));
  t.after(() => rm(cwd, { recursive: true, force: true }));
  const log = join(cwd, "access.json");
  await writeFile(log, '{"status": 200}\n{"status": 502}\n');
  await writeFile(join(cwd, "app.js"), `for (const level of [30, 50]) console.log(JSON.stringify({ level }));`);
  const [follow = "", pipe = ""] = guideBlock("src/ingest/README.md", "Events from a log", "sh").split("\n");

  const events = () => rowsOf(pool, "select event_type, payload::text from postrider.outbox order by seq");
  const env = { DATABASE_URL: url };
  const { shell, remove } = startShell(`exec ${follow.replace(/\/var\/log\S+/, log)}`, env);
  t.after(() => shell.end("SIGKILL").finally(remove));
  await eventually("the event", async () => ((await events()).length === 1 ? true : undefined));
  await appendFile(log, '{"status": 503}\n');
  await eventually("the next event", async () => ((await events()).length === 2 ? true : undefined));
  assert.equal((await shell.end("SIGTERM")).code, 0, shell.said());

  await runShell(pipe, env, { cwd });
  assert.deepEqual(await events(), [
    { event_type: "nginx.request", payload: '{"status": 502}' },
    { event_type: "nginx.request", payload: '{"status": 503}' },
    { event_type: "app.log", payload: '{"level":50}' },
  ]);
});
