/** The image that the Dockerfile makes, on bases of this machine. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { after, before, test } from "node:test";
import { VERSION } from "../../src/ground/version.ts";
import { runCommand } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { assertDelivers, type Program } from "./delivers.ts";
import { ImageBuilder, type ImageConfig, noBuilder, writeBuildBase, writeRunBase } from "./imageBuilder.ts";

const CHECKOUT = resolve(import.meta.dirname, "../..");
const IMAGE = "localhost/postrider";
const RUN_BASE = "localhost/run-base";
const BUILD_BASE = "localhost/build-base";

/** The time after which `docker stop` kills. */
const DOCKER_STOP_MS = 10_000;
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
