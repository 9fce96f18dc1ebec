/**
 * What deploy/README.md tells an operator to type, and the files that it installs. Programs that this machine may lack are
 * replaced by ones that note what they were told; what they would start is then started here, with the same environment.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { parseArgs, promisify } from "node:util";
import { parse } from "yaml";
import { NEWEST } from "../plan.ts";
import { createDatabase, createDatabaseOf, type TestDatabase } from "../support/database.ts";
import { guideBlock, guideBlocks, ROOT } from "../support/guides.ts";
import { notePrograms } from "../support/notedPrograms.ts";
import { createLogin } from "../support/roles.ts";
import { startServer } from "../support/testServer.ts";
import { assertDelivers } from "./delivers.ts";
import { assertServesPortal } from "./servesPortal.ts";

const execute = promisify(execFile);

const DEPLOY = join(ROOT, "deploy");
/** How long a daemon takes to record after its grace, if Postgres does not answer. */
const RECORD_MS = 5_000;

test("the executable is built by the commands of the guide", async (t) => {
  const { calls } = await typed(t, guideBlock("deploy/README.md", "The executable", "sh"));
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  assert.deepEqual(calls, [
    ["npm", "ci"],
    ["npm", "run", "build:binary"],
  ]);
  assert.ok("build:binary" in scripts);
});

test("the commands for Docker migrate, and run a daemon that delivers", async (t) => {
  const database = await emptyDatabase(t);
  const { calls } = await typed(t, guideBlock("deploy/README.md", "Docker", "sh"), database.url);
  const [build, migrate, run] = calls.map(([program, ...args]) => {
    assert.equal(program, "docker");
    return args;
  });
  assert.deepEqual(build, ["build", "--tag", "postrider", "."]);
  const migration = container(migrate);
  assert.deepEqual(migration.command, ["migrate"]);
  const daemon = container(run);
  assert.deepEqual([daemon.command, daemon.isReadOnly], [[], true]);
  await assertDelivers(t, database, { migrate: { env: migration.env }, run: { env: daemon.env } });
});

test("the project for Compose migrates, and runs a daemon that owns nothing and delivers", async (t) => {
  const { calls, directory } = await typed(t, guideBlock("deploy/README.md", "Compose", "sh"));
  const services = await composeServices(join(directory, "deploy/.env"));
  const up = ["docker", "compose", "--file", "deploy/compose.yaml"];
  assert.deepEqual(calls, [
    [...up, "up", "--detach"],
    [...up, "exec", "postgres", "psql", "--username", services.postgres.POSTGRES_USER, services.postgres.POSTGRES_DB],
  ]);
  const { database, port } = await composeDatabase(t, services.postgres);
  const env = (service: Environment) => ({ ...service, PGHOST: "127.0.0.1", PGPORT: port });
  const { graceMs } = await assertDelivers(t, database, {
    migrate: { env: env(services.migrate) },
    run: { env: env(services.postrider) },
  });
  const portal = await typed(t, portalCommands("docker"));
  assert.deepEqual(portal.calls, [[...up, "--profile", "portal", "up", "--detach"]]);
  await assertServesPortal(t, database, {
    console: { env: atPort(services.portal, port) },
    daemon: env(services.postrider),
  });
  assert.ok(services.stopMs >= graceMs + RECORD_MS, `${graceMs} of ${services.stopMs} ms`);
});

test("the service of systemd is installed, runs the daemon and gives it the time to stop", async (t) => {
  const database = await emptyDatabase(t);
  const { calls, directory } = await typed(t, guideBlock("deploy/README.md", "systemd", "sh"), database.url);
  assert.deepEqual(calls, [
    ["systemctl", "enable", "--now", "postrider"],
    ["journalctl", "--unit", "postrider", "--output", "cat", "--follow"],
  ]);
  const installed = join(directory, "etc/postrider/database-url");
  assert.equal((await stat(installed)).mode & 0o777, 0o400);
  assert.deepEqual(await readFile(join(directory, "usr/local/bin/postrider"), "utf8"), EXECUTABLE);

  const unit = readUnit(await readFile(join(directory, "etc/systemd/system/postrider.service"), "utf8"));
  assert.deepEqual(unit.ExecStart, ["/usr/local/bin/postrider run"]);
  const [credential = "", source] = unit.LoadCredential?.[0]?.split(":") ?? [];
  assert.deepEqual([credential, source], ["database-url", "/etc/postrider/database-url"]);
  const [variable = "", path = ""] = unit.Environment?.[0]?.split("=") ?? [];
  assert.equal(path, `%d/${credential}`);

  const { graceMs } = await assertDelivers(t, database, {
    migrate: { env: { DATABASE_URL: database.url } },
    run: { env: { [variable]: installed } },
  });
  assert.ok(Number(unit.TimeoutStopSec?.[0]) * 1_000 >= graceMs + RECORD_MS);
});

test("the portal's service is installed, and serves tenants by a login that can do nothing else", async (t) => {
  const database = await createDatabase();
  const login = await createLogin(database, ["postrider_portal"]);
  t.after(() => login.drop().finally(() => database.drop()));
  const { calls, directory } = await typed(t, portalCommands("install"), login.url);
  assert.deepEqual(calls, [["systemctl", "enable", "--now", "postrider-portal"]]);
  assert.equal((await stat(join(directory, "etc/postrider/portal-url"))).mode & 0o777, 0o400);
  const unit = readUnit(await readFile(join(directory, "etc/systemd/system/postrider-portal.service"), "utf8"));
  assert.deepEqual(unit.ExecStart, ["/usr/local/bin/postrider console"]);
  const [credential = "", source = ""] = unit.LoadCredential?.[0]?.split(":") ?? [];
  const file = await readFile(join(directory, unit.EnvironmentFile?.[0] ?? ""), "utf8");
  const settings = [...(unit.Environment ?? []), ...file.trimEnd().split("\n")].map((line) => line.split(/=(.*)/s, 2));
  const env = Object.fromEntries(
    settings.map(([name = "", value = ""]) => [name, value.replace(`%d/${credential}`, join(directory, source))]),
  );
  await assertServesPortal(t, database, { console: { env }, daemon: { DATABASE_URL: database.url } });
});

for (const name of ["postrider", "postrider-portal"]) {
  test(`systemd takes ${name}.service as it is, and finds little that it could do to the host`, async (t) => {
    if (!(await execute("systemd-analyze", ["--version"]).catch(() => null))) {
      t.skip("systemd is not installed");
      return;
    }
    const directory = await temporary(t);
    const unit = join(directory, `${name}.service`);
    const text = await readFile(join(DEPLOY, `${name}.service`), "utf8");
    // It must name a program that there is.
    await writeFile(unit, text.replace("/usr/local/bin/postrider", process.execPath));
    const { stdout, stderr } = await execute("systemd-analyze", ["verify", unit]);
    assert.equal(stdout + stderr, "");
    // In tenths: from 0 to 2 it calls "safe", and 10 is the most.
    await execute("systemd-analyze", ["security", "--offline=true", "--threshold=20", unit]);
  });
}

/** The block of the guide whose first command is this program. */
function portalCommands(program: string): string {
  const blocks = guideBlocks("deploy/README.md", "The portal", "sh");
  return blocks.find((block) => block.startsWith(`${program} `)) ?? assert.fail(`no block begins with ${program}`);
}

/** Its connection, to a server of this machine. */
function atPort({ POSTRIDER_API_DATABASE_URL = "", ...env }: Environment, port: string): Environment {
  return {
    ...env,
    POSTRIDER_API_DATABASE_URL: POSTRIDER_API_DATABASE_URL.replace("postgres:5432", `127.0.0.1:${port}`),
  };
}

/** Stands for what `npm run build:binary` has made. */
const EXECUTABLE = "the executable";
/** Programs that are noted instead of run. */
const NOTED = ["docker", "npm", "systemctl", "journalctl"];

/**
 * Types commands of the guide in a copy of what they read. What they write to /etc and /usr/local goes below that
 * directory, and the database is the one given.
 */
async function typed(
  t: TestContext,
  commands: string,
  databaseUrl = "",
): Promise<{ readonly calls: readonly (readonly string[])[]; readonly directory: string }> {
  const directory = await temporary(t);
  await cp(DEPLOY, join(directory, "deploy"), { recursive: true });
  await mkdir(join(directory, "dist"));
  await writeFile(join(directory, "dist/postrider"), EXECUTABLE);
  const noted = await notePrograms(directory, NOTED);
  const script = commands
    .replaceAll(/(?<= )\/(?=etc\/|usr\/local\/)/g, `${directory}/`)
    .replaceAll(/postgres:\/\/\w+:password@db\.internal\/shop/g, databaseUrl)
    // Only root can give a file away, and only the container needs it.
    .replace(" --owner 65532", "");
  await execute("bash", ["-euc", script], { cwd: directory, env: noted.env });
  return { calls: await noted.calls(), directory };
}

type Environment = Readonly<Record<string, string>>;

interface Container {
  /** With paths of this machine in place of those in the container. */
  readonly env: Environment;
  readonly isReadOnly: boolean;
  readonly command: readonly string[];
}

/** What `docker run` would start. */
function container(args: readonly string[] = []): Container {
  assert.equal(args[0], "run");
  const { values, positionals } = parseArgs({
    args: args.slice(1),
    allowPositionals: true,
    options: {
      rm: { type: "boolean" },
      detach: { type: "boolean" },
      "read-only": { type: "boolean", default: false },
      name: { type: "string" },
      restart: { type: "string" },
      "cap-drop": { type: "string" },
      "security-opt": { type: "string" },
      volume: { type: "string", multiple: true, default: [] },
      env: { type: "string", multiple: true, default: [] },
    },
  });
  const mounts = values.volume.map((volume) => volume.split(":"));
  const mounted = (value: string) => mounts.find(([, target]) => target === value)?.[0] ?? value;
  const [image, ...command] = positionals;
  assert.equal(image, "postrider");
  const env = values.env.map((entry) => entry.split(/=(.*)/s, 2));
  return {
    env: Object.fromEntries(env.map(([name = "", value = ""]) => [name, mounted(value)])),
    isReadOnly: values["read-only"],
    command,
  };
}

interface ComposeServices {
  readonly postgres: Environment;
  readonly migrate: Environment;
  readonly postrider: Environment;
  readonly portal: Environment;
  readonly stopMs: number;
}

/** The environments of the services, with the variables of a file as `docker compose` puts them in. */
async function composeServices(variablesFile: string): Promise<ComposeServices> {
  const variables = new Map(
    (await readFile(variablesFile, "utf8")).split("\n").map((line) => line.split("=") as [string, string]),
  );
  const text = (await readFile(join(DEPLOY, "compose.yaml"), "utf8")).replaceAll(
    /\$\{(\w+):\?\}/g,
    (_, name) => variables.get(name) ?? assert.fail(`${name} is not set`),
  );
  const { postgres, migrate, postrider, portal } = parse(text, { merge: true }).services;
  for (const service of [migrate, postrider, portal]) {
    assert.deepEqual([service.image, resolve(DEPLOY, service.build)], ["postrider", ROOT]);
    assert.deepEqual([service.read_only, service.cap_drop], [true, ["ALL"]]);
  }
  assert.deepEqual([migrate.command, postrider.command, portal.command], [["migrate"], undefined, ["console"]]);
  assert.deepEqual([portal.profiles, portal.ports], [["portal"], ["127.0.0.1:8430:8430"]]);
  assert.equal(portal.environment.POSTRIDER_PORTAL_LISTEN, "0.0.0.0:8430");
  return {
    postgres: postgres.environment,
    migrate: migrate.environment,
    postrider: postrider.environment,
    portal: portal.environment,
    stopMs: Number.parseInt(postrider.stop_grace_period, 10) * 1_000,
  };
}

/** The database that the image of Postgres would make, on a server without the roles of Postrider. */
async function composeDatabase(
  t: TestContext,
  postgres: Environment,
): Promise<{ readonly database: TestDatabase; readonly port: string }> {
  const server = await startServer(NEWEST);
  const { POSTGRES_USER = "", POSTGRES_DB = "", POSTGRES_PASSWORD = "" } = postgres;
  const database = await createDatabaseOf(server.url, "template0", POSTGRES_DB);
  t.after(() => database.drop().finally(() => server.stop()));
  await database.pool.query(`create role ${POSTGRES_USER} superuser login password '${POSTGRES_PASSWORD}'`);
  const [, statements = ""] = /<<'SQL'\n(.*)SQL\n/s.exec(await readFile(join(DEPLOY, "logins.sh"), "utf8")) ?? [];
  const passwords = { courier: postgres.COURIER_PASSWORD, portal: postgres.PORTAL_PASSWORD };
  await database.pool.query(
    statements.replaceAll(/:'(\w+)'/g, (_, name: keyof typeof passwords) => `'${passwords[name]}'`),
  );
  return { database, port: new URL(server.url).port };
}

/** The settings of a unit, each with its values in their order. */
function readUnit(text: string): Readonly<Record<string, readonly string[]>> {
  const settings = [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => ({ name, value }));
  return Object.fromEntries(
    settings.map(({ name }) => [name, settings.filter((each) => each.name === name).map(({ value }) => value)]),
  );
}

async function emptyDatabase(t: TestContext): Promise<TestDatabase> {
  const database = await createDatabase({ template: "empty" });
  t.after(() => database.drop());
  return database;
}

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-deploy-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
