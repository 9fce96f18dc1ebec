/** The image that the Dockerfile makes, on bases of this machine. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { globSync, lstatSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, before, test } from "node:test";
import { VERSION } from "../../src/ground/version.ts";
import { type CommandOptions, CommandProcess, eventually, runCommand } from "../support/command.ts";
import { databaseFor, useDatabase } from "../support/database.ts";
import { createEndpoint, insertEvent, openSession, rowsOf } from "../support/engine.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { cpuSecondsOf, noCpuSeconds, START_CPU_SECONDS_MAX } from "./cpuSeconds.ts";
import { assertDelivers, type Program } from "./delivers.ts";
import { ImageBuilder, type ImageConfig, noBuilder, writeBuildBase, writeRunBase } from "./imageBuilder.ts";

const CHECKOUT = resolve(import.meta.dirname, "../..");
const IMAGE = "localhost/postrider";
const RUN_BASE = "localhost/run-base";
const BUILD_BASE = "localhost/build-base";

/** The time after which `docker stop` kills. */
const DOCKER_STOP_MS = 10_000;
/** Without compression. Nearly all of it is Node.js. */
const IMAGE_BYTES_MAX = 130e6;
/** How long the image takes to build on a machine that is busy, packages included. */
const BUILD_MS_MAX = 240_000;

/**
 * Runs a program of the image as a runtime with `--read-only` and `--user` does: its root, read-only, with a /proc, as
 * that user, without capabilities and without a way to get any. The arguments: the root, the user, the program.
 */
const CONTAIN = `
  set -eu
  root=$1 user=$2; shift 2
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -o remount,bind,ro "$root"
  exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
`;

const missing = await noBuilder();
if (missing !== null) {
  console.log(`skipped: no builder, so the image is neither built nor run: ${missing}`);
}
const whenBuilt = missing === null ? {} : { skip: `no builder: ${missing}` };
const whenMeasured = noCpuSeconds === false ? whenBuilt : { skip: noCpuSeconds };

const database = useDatabase({ template: "empty" });

let directory = "";
let root = "";
let base = "";
let config: ImageConfig;
let program: Program = [""];
let variables: Readonly<Record<string, string>> = {};

before(
  async () => {
    if (missing !== null) return;
    directory = await mkdtemp(join(tmpdir(), "postrider-image-"));
    const builder = new ImageBuilder(directory);
    await buildImage(builder);
    config = await builder.config(IMAGE);
    [base, root] = [await builder.unpack(RUN_BASE), await builder.unpack(IMAGE)];
    program = ["unshare", "--mount", "--", "sh", "-c", CONTAIN, "sh", root, config.User, ...config.Entrypoint];
    variables = Object.fromEntries(config.Env.map((entry) => entry.split(/=(.*)/s, 2)));
  },
  { timeout: BUILD_MS_MAX },
);

after(async () => {
  if (directory !== "") await rm(directory, { recursive: true, force: true });
});

test(
  "a container migrates, delivers and stops as a user without rights, with nothing to write to",
  whenBuilt,
  async (t) => {
    const options = { program, env: { ...variables, DATABASE_URL: database.url } };
    const { graceMs } = await assertDelivers(t, database, { migrate: options, run: options });
    assert.ok(graceMs > 0 && graceMs < DOCKER_STOP_MS, `the grace is ${graceMs} ms`);
  },
);

test("a container says its version", whenBuilt, async () => {
  const { code, stdout, stderr } = await runCommand(["--version"], { program, env: variables });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `postrider ${VERSION}\n`, stderr: "" });
});

test("a container starts with less than a second of CPU time", whenMeasured, async (t) => {
  const { seconds } = await cpuSecondsOf([...program, "--version"], variables);
  t.diagnostic(`${seconds.toFixed(2)} s`);
  assert.ok(seconds > 0 && seconds < START_CPU_SECONDS_MAX, `it took ${seconds} s`);
});

test("the image takes less than 130 MB", whenBuilt, (t) => {
  const [all, ofBase] = [bytesBelow(root), bytesBelow(base)];
  const executable = lstatSync(join(root, "usr/local/bin/postrider")).size;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  t.diagnostic(`${megabytes(all)}: ${megabytes(executable)} the executable, ${megabytes(ofBase)} the base`);
  assert.ok(executable > IMAGE_BYTES_MAX / 2 && all < IMAGE_BYTES_MAX, `it takes ${megabytes(all)}`);
});

test("the health check tells of a daemon that does not claim, which lives all the same; what hangs is handed back at the end", {
  ...whenBuilt,
  timeout: 300_000,
}, async (t) => {
  const own = await databaseFor(t);
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  await createEndpoint(own.pool, ["*"], { url: receiver.url("/hangs"), options: { timeout_ms: 120_000 } });
  receiver.script("/hangs", { kind: "hang" });
  const egress = { POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: "127.0.0.1" };
  const listen = { POSTRIDER_HTTP_LISTEN: await freeAddress() };
  const options: CommandOptions = { program, env: { ...variables, ...egress, ...listen, DATABASE_URL: own.url } };
  const daemon = new CommandProcess(config.Cmd, options);
  t.after(() => daemon.end("SIGKILL"));
  await daemon.match(/"event":"daemon\.started"/);
  const status = await readFile(`/proc/${daemon.pid}/status`, "utf8");
  assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
  assert.match(status, /^CapPrm:\t0+\nCapEff:\t0+$/m);

  const healthCheck = () => runCommand(["health", "--ready"], options);
  await eventually("it is healthy", async () => ((await healthCheck()).code === 0 ? true : undefined));
  const locker = await openSession(t, own.url);
  await locker.query("begin; lock table postrider.claim in exclusive mode");
  const unhealthy = await eventually("it is not", async () => {
    const checked = await healthCheck();
    return checked.code === 0 ? undefined : checked;
  });
  assert.equal(unhealthy.code, 1);
  assert.match(unhealthy.stderr, /claim/);
  assert.equal((await runCommand(["health"], options)).stdout, "ok\n");
  await locker.query("rollback");
  await eventually("it is healthy again", async () => ((await healthCheck()).code === 0 ? true : undefined));

  await insertEvent(own.pool, "order.paid");
  await receiver.got("/hangs", 1);
  assert.deepEqual(await daemon.end("SIGTERM"), { code: 0, signal: null }, daemon.said());
  const [, tookMs] = /"event":"daemon\.stopped".*"took_ms":(\d+)/.exec(daemon.stdout) ?? [];
  t.diagnostic(`it took ${tookMs} ms to stop`);
  assert.deepEqual(await rowsOf(own.pool, "select state from postrider.delivery_status"), [{ state: "pending" }]);
});

test(
  "the image holds what its base holds, the executable, the library that it needs and the licences",
  whenBuilt,
  async () => {
    const before = await filesBelow(base);
    const added = (await filesBelow(root)).filter((file) => !before.includes(file));
    assert.deepEqual(added, [
      "usr/lib/libatomic.so.1",
      "usr/local/bin/postrider",
      "usr/share/doc/postrider/LICENSE",
      "usr/share/doc/postrider/LICENSES.txt",
      "usr/share/doc/postrider/sbom.cdx.json",
    ]);
  },
);

test("the image runs the daemon, as a user whose number shows that it is not root", whenBuilt, () => {
  assert.deepEqual([config.Entrypoint, config.Cmd], [["/usr/local/bin/postrider"], ["run"]]);
  assert.match(config.User, /^[1-9]\d*:[1-9]\d*$/);
  assert.equal(config.StopSignal, "SIGTERM");
  const [, graceS = ""] = /^(\d+)s$/.exec(variables.POSTRIDER_SHUTDOWN_GRACE ?? "") ?? [];
  assert.ok(Number(graceS) > 0 && Number(graceS) < 10, JSON.stringify(variables));
});

test("the image's health check is what shows that a daemon in it is ready", whenBuilt, async () => {
  const { Test, Timeout, Interval } = config.Healthcheck;
  assert.deepEqual(Test, ["CMD", ...config.Entrypoint, "health", "--ready"]);
  assert.ok(Number(Timeout) >= 4e9 && Number(Interval) >= Number(Timeout), "the command waits for 3 s");
  const [host, port = ""] = variables.POSTRIDER_HTTP_LISTEN?.split(":") ?? [];
  assert.deepEqual([host, Object.keys(config.ExposedPorts)], ["0.0.0.0", [`${port}/tcp`]]);
  // Not at that port, where another daemon of this machine may listen.
  const { code, stderr } = await runCommand(["health", "--ready"], {
    program,
    env: { ...variables, POSTRIDER_HTTP_LISTEN: await freeAddress() },
  });
  assert.equal(code, 1);
  assert.match(stderr, /nothing listens there/);
});

test("the image describes itself as the package does", whenBuilt, () => {
  const { name, description, license } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8"));
  const label = (key: string) => config.Labels[`org.opencontainers.image.${key}`];
  assert.deepEqual([label("title"), label("description"), label("licenses")], [name, description, license]);
});

async function buildImage(builder: ImageBuilder): Promise<void> {
  const [runContext, buildContext] = [join(directory, "run-base"), join(directory, "build-base")];
  // Distroless has no libatomic either.
  await writeRunBase(runContext, process.execPath, /libatomic/);
  const volumes = await writeBuildBase(buildContext);
  await builder.build(runContext, RUN_BASE);
  await builder.build(buildContext, BUILD_BASE);
  await builder.build(CHECKOUT, IMAGE, [
    ...["--build-arg", `BUILD_IMAGE=${BUILD_BASE}`, "--build-arg", `RUN_IMAGE=${RUN_BASE}`],
    ...volumes.flatMap((volume) => ["--volume", volume]),
  ]);
}

/** Where nothing listens as long as the test runs. */
async function freeAddress(): Promise<string> {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `0.0.0.0:${port}`;
}

/** Files and links, relative and sorted. */
function filesBelow(directory: string): string[] {
  return globSync("**", { cwd: directory, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

function bytesBelow(directory: string): number {
  return filesBelow(directory).reduce((sum, file) => sum + lstatSync(join(directory, file)).size, 0);
}
