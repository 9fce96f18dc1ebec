/**
 * The package as its users have it: packed and installed by npm, imported by plain Node, and type-checked by a strict
 * compiler, alone and with a catalogue. test/libraries checks it with the libraries.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { ENCRYPTED_CONTENT_TYPE, encryptBody, loadEncryptionKey } from "../../src/format/encrypt.ts";
import { eventTypesModule } from "../../src/typegen/eventTypesModule.ts";
import { bodyOf, EVENT, FORMATS } from "../format/formatted.ts";
import { makeKeyPair } from "../format/jweReader.ts";
import { NOW_SECONDS, SECRET, signed } from "../receive/requests.ts";
import { Consumer } from "../support/consumer.ts";
import { linksOf } from "../support/guides.ts";
import { arbitraryEventTypes, EVENT_TYPES } from "../typegen/eventTypes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** A sample of the 4,500 tried, the same in each run. */
const ARBITRARY = { seed: 5, numRuns: 60 };

const run = promisify(execFile);
let consumer: Consumer;

before(async () => {
  consumer = await Consumer.create(join(import.meta.dirname, "consumer"));
});

after(() => consumer?.remove());

test("the package holds what it exports and what its guides link to, and none of its sources", () => {
  const { exports = {}, bin = {} } = manifestIn(consumer.installed);
  const targets = [...Object.values(exports), bin].flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of targets) {
    assert.ok(consumer.packed.includes(target.replace("./", "")), `${target} is not in the package`);
  }
  for (const link of consumer.packed.filter((path) => path.endsWith(".md")).flatMap(linksOf)) {
    assert.ok(consumer.packed.includes(link.replace(/#.*/, "")), `${link} is not in the package`);
  }
  assert.deepEqual(
    consumer.packed.filter(
      (path) =>
        !/^(\w+\.mjs(\.map)?|traces\.cjs(\.map)?|publish\/testing\.mjs(\.map)?|publish\/(testing\/)?\w+\.d\.ts|receive\/[\w-]+\.mjs(\.map)?|receive\/\w+\.d\.ts|package\.json|LICENSES?(\.txt)?|sbom\.cdx\.json|[\w/-]+\.md|sql\/recipes\/\w+\.sql|src\/receive\/xml\/\w+\.xsd|src\/(console|console\/portal|listen)\/openapi\.json|src\/console\/(portal\/)?ui\/pictures\/\w+\.webp|deploy\/[\w./-]+)$/.test(
          path,
        ),
    ),
    [],
  );
});

test("it needs no other package, runs nothing at install, and accepts the Node.js versions that the libraries support", async () => {
  const { exports: _exports, files: _files, ...rest } = manifestIn(consumer.installed);
  const { name, version, description, license } = manifestIn(ROOT);
  assert.deepEqual(rest, {
    ...{ name, version, description, license },
    type: "module",
    engines: { node: ">=20" },
    bin: { postrider: "postrider.mjs" },
  });
  const found = readdirSync(join(consumer.path, "node_modules")).filter((each) => !each.startsWith("."));
  assert.deepEqual(found, ["postrider"]);
  // The command is started by its name, and needs a newer Node than the libraries: that of this test, whatever else is there.
  const { stdout } = await run(join(consumer.path, "node_modules/.bin/postrider"), ["--version"], {
    cwd: consumer.path,
    env: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
  });
  assert.match(stdout, new RegExp(`\\b${version.replaceAll(".", "\\.")}\\b`));
});

test("a built checkout has the same names, for installing or linking it directly", () => {
  const { bin, exports = {} } = manifestIn(ROOT);
  const inDist = (target: string) => (target === "./package.json" ? target : target.replace("./", "./dist/"));
  assert.deepEqual(bin, { postrider: `dist/${manifestIn(consumer.installed).bin?.postrider}` });
  assert.deepEqual(
    exports,
    Object.fromEntries(
      Object.entries(manifestIn(consumer.installed).exports ?? {}).map(([name, target]) => [
        name,
        typeof target === "string"
          ? inDist(target)
          : Object.fromEntries(Object.entries(target).map(([condition, path]) => [condition, inDist(path)])),
      ]),
    ),
  );
});

test("it is imported by its name, runs in plain Node, and shows nothing else", async () => {
  const { stdout } = await run(process.execPath, ["run.mjs"], { cwd: consumer.path });
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

test("what tests import is there by its name, too", async () => {
  const { stdout } = await run(process.execPath, ["testing.mjs"], { cwd: consumer.path });
  assert.deepEqual(JSON.parse(stdout), {
    names: ["AssertionError", "assertNotPublished", "assertPublished", "drain", "markOutbox", "publishedEvents"],
    payload: { order_id: 42 },
    failed: [true, "AssertionError", "ERR_ASSERTION"],
  });
});

test("what receives is there by its name, and reads what the daemon sends", async () => {
  const { publicJwk, privateJwk } = makeKeyPair("X25519");
  const loaded = await loadEncryptionKey(publicJwk);
  assert.ok(loaded.kind === "key");
  const plain = bodyOf("standard", "[1]");
  const about = { contentType: "application/json", webhookId: EVENT.id, endpointId: "e" };
  const bodies = [
    [FORMATS.standard.contentType, plain],
    [FORMATS.cloudevents.contentType, bodyOf("cloudevents", "[1]")],
    [FORMATS.xml.contentType, bodyOf("xml", "[1]")],
    [FORMATS["cloudevents-xml"].contentType, bodyOf("cloudevents-xml", "[1]")],
    [ENCRYPTED_CONTENT_TYPE, await encryptBody(loaded.key, plain, about)],
  ] as const;
  const requests = bodies.map(([contentType, body]) => ({
    headers: signed(body, { id: EVENT.id, contentType }).headers,
    body: body.toString("base64"),
  }));
  const given = { requests, secrets: [SECRET], decryptionKeys: [privateJwk], nowMs: NOW_SECONDS * 1_000 };
  consumer.write("requests.json", JSON.stringify(given));
  const { stdout, stderr } = await run(process.execPath, ["receive.mjs"], { cwd: consumer.path });
  assert.deepEqual(JSON.parse(stdout), {
    read: bodies.map(() => [[EVENT.eventType, [1]]]),
    refused: [true, "bad_options"],
    status: 400,
    node: "function",
  });
  assert.equal(stderr, "postrider/receive refused a request: the header webhook-id is missing\n");
});

test("its types need no others: not Node's, and not those of a library", async () => {
  const paths = ["publish/publisher.d.ts", "publish/testing/testing.d.ts", "receive/receive.d.ts"];
  const types = paths.map((path) => join(consumer.installed, path));
  assert.equal(await consumer.problems("--types", "", "--skipLibCheck", "false", ...types), "");
});

test("a strict compiler accepts correct calls, refuses wrong ones, and accepts every module generated from a catalogue", async () => {
  const files = [
    ["catalogue.ts", eventTypesModule(EVENT_TYPES)],
    ...fc
      .sample(arbitraryEventTypes(), ARBITRARY)
      .map((eventTypes, index) => [`arbitrary${index}.ts`, eventTypesModule(eventTypes)] as const),
  ] as const;
  for (const [name, text] of files) consumer.write(name, text);
  const found = await consumer.problems(
    "--types",
    "",
    "events.ts",
    "testing.ts",
    "receiving.ts",
    ...files.map(([name]) => name),
  );
  assert.equal(found, "");
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
