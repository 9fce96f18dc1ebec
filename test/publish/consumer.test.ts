/**
 * The package as its users have it: packed and installed by npm into a directory of its own, imported by plain Node, and
 * type-checked by a strict compiler together with the libraries, a catalogue, and the README's examples.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { buildPackage } from "../../build.ts";
import { eventTypesModule } from "../../src/typegen/eventTypesModule.ts";
import { arbitraryEventTypes, EVENT_TYPES } from "../typegen/eventTypes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const STRICT = ["--ignoreConfig", "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUnusedLocals"];
const LANGUAGE = ["--target", "es2022", "--lib", "es2022", "--module", "nodenext", "--allowImportingTsExtensions"];
/** Some of 4,500 that were tried; the same ones in each run. */
const ARBITRARY = { seed: 5, numRuns: 60 };

/** What the README's examples take for granted: a module of the consumer's. */
const OBJECTS = "./objects.ts";

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), "postrider-package-"));
const consumer = join(directory, "consumer");
const installed = join(consumer, "node_modules/postrider");
let packed: readonly string[] = [];

before(async () => {
  const dist = join(directory, "dist");
  await buildPackage(dist);
  cpSync(join(import.meta.dirname, "consumer"), consumer, { recursive: true });
  writeFileSync(join(consumer, "package.json"), '{ "type": "module" }');
  // Nothing from the network, and nothing of whoever runs this.
  const flags = ["--ignore-scripts", "--offline", "--no-update-notifier", "--cache", join(directory, "cache")];
  const { stdout } = await run("npm", ["pack", dist, "--json", ...flags], { cwd: directory });
  const [tarball] = JSON.parse(stdout) as readonly { filename: string; files: readonly { path: string }[] }[];
  packed = tarball?.files.map(({ path }) => path) ?? [];
  const path = join(directory, tarball?.filename ?? "");
  await run("npm", ["install", path, "--engine-strict", "--no-audit", "--no-fund", ...flags], { cwd: consumer });
});

after(() => rmSync(directory, { recursive: true, force: true }));

test("the package has what it exports, and none of its sources", () => {
  const { exports = {}, bin = {} } = manifestIn(installed);
  const targets = [...Object.values(exports), bin].flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of targets) {
    assert.ok(packed.includes(target.replace("./", "")), `${target} is not in the package`);
  }
  assert.deepEqual(
    packed.filter(
      (path) => !/^(\w+\.mjs(\.map)?|publish\/\w+\.d\.ts|package\.json|README\.md|LICENSES?(\.txt)?)$/.test(path),
    ),
    [],
  );
});

test("it needs no other package, has nothing run when it is installed, and takes the Node.js that the libraries do with", async () => {
  const { exports: _exports, files: _files, ...rest } = manifestIn(installed);
  const { name, version, description, license } = manifestIn(ROOT);
  assert.deepEqual(rest, {
    ...{ name, version, description, license },
    type: "module",
    engines: { node: ">=20" },
    bin: { postrider: "postrider.mjs" },
  });
  const found = readdirSync(join(consumer, "node_modules")).filter((each) => !each.startsWith("."));
  assert.deepEqual(found, ["postrider"]);
  const { stdout } = await run(join(consumer, "node_modules/.bin/postrider"), ["--version"], { cwd: consumer });
  assert.match(stdout, new RegExp(`\\b${version.replaceAll(".", "\\.")}\\b`));
});

test("a checkout that was built has the same names, for who installs or links that", () => {
  const { bin, exports = {} } = manifestIn(ROOT);
  const inDist = (target: string) => (target === "./package.json" ? target : target.replace("./", "./dist/"));
  assert.deepEqual(bin, { postrider: `dist/${manifestIn(installed).bin?.postrider}` });
  assert.deepEqual(
    exports,
    Object.fromEntries(
      Object.entries(manifestIn(installed).exports ?? {}).map(([name, target]) => [
        name,
        typeof target === "string"
          ? inDist(target)
          : Object.fromEntries(Object.entries(target).map(([condition, path]) => [condition, inDist(path)])),
      ]),
    ),
  );
});

test("it is imported by its name, runs in plain Node, and shows nothing else", async () => {
  const { stdout } = await run(process.execPath, ["run.mjs"], { cwd: consumer });
  assert.deepEqual(JSON.parse(stdout), {
    refused: [true, "not_a_transaction"],
    deep: "ERR_PACKAGE_PATH_NOT_EXPORTED",
    ids: ["id-1", "id-1", "id-2", "id-1"],
    values: [
      ["order.paid", '{"order_id":42}'],
      ['{"order.paid","order.paid"}', '{"order_id":42}\u001e{"order_id":42}'],
      ["order.paid", '{"order_id":42}'],
    ],
  });
});

test("its types need nobody else's: not Node's, not those of a library", async () => {
  const types = join(installed, "publish/publisher.d.ts");
  assert.equal(await problems([...STRICT, ...LANGUAGE, "--types", "", "--skipLibCheck", "false", types]), "");
});

test("a strict compiler takes what is right and refuses what is wrong, and takes every module that a catalogue makes", async () => {
  for (const name of ["@types", "drizzle-orm", "kysely", "pg", "postgres", "undici-types", "pg-types", "pg-protocol"]) {
    symlinkSync(join(ROOT, "node_modules", name), join(consumer, "node_modules", name), "dir");
  }
  const modules = [
    ["catalogue.ts", eventTypesModule(EVENT_TYPES)],
    ["postrider-events.ts", eventTypesModule(EVENT_TYPES)],
    ...readmeExamples(),
    ...fc
      .sample(arbitraryEventTypes(), ARBITRARY)
      .map((eventTypes, index) => [`arbitrary${index}.ts`, eventTypesModule(eventTypes)] as const),
  ] as const;
  for (const [name, text] of modules) {
    writeFileSync(join(consumer, name), text);
  }
  const files = ["libraries.ts", "events.ts", ...modules.map(([name]) => name)];
  assert.equal(await problems([...STRICT, ...LANGUAGE, "--types", "node", "--skipLibCheck", ...files]), "");
});

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly files?: unknown;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** The blocks of TypeScript in the README's section, with the objects that they take for granted. */
function readmeExamples(): readonly (readonly [string, string])[] {
  const [, section = ""] =
    /^### From TypeScript\n(.*?)^### /ms.exec(readFileSync(join(ROOT, "README.md"), "utf8")) ?? [];
  const [libraries, catalogue, ...more] = [...section.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.ok(libraries !== undefined && catalogue !== undefined && more.length === 0);
  return [
    [
      "readmeLibraries.ts",
      `import { client, drizzle, eq, kysely, orders, prisma, sql } from "${OBJECTS}";\n${libraries}`,
    ],
    ["readmeCatalogue.ts", catalogue],
  ];
}

/** What the compiler says; nothing where it has nothing to say. */
async function problems(args: readonly string[]): Promise<string> {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  return run(process.execPath, [tsc, ...args], { cwd: consumer }).then(
    ({ stdout }) => stdout,
    (thrown: { stdout?: string; message: string }) => thrown.stdout || thrown.message,
  );
}
