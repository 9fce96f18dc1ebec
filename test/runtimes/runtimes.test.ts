/**
 * postrider/receive as the package has it, in Deno, Bun and workerd: a server in each answers over its own fetch and its own
 * cryptography. A runtime without a binary for this machine is skipped.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID, sign as signBytes } from "node:crypto";
import { copyFileSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildLibrary, LIBRARIES } from "../../build.ts";
import { makeFormats } from "../../src/format/body.ts";
import { encryptBody, loadEncryptionKey } from "../../src/format/encrypt.ts";
import { makeKeyPair } from "../format/jweReader.ts";
import { forgeriesOf } from "../receive/forgeries.ts";
import { randomSecret, sign } from "../receive/signing.ts";
import { CommandProcess } from "../support/command.ts";

const HERE = import.meta.dirname;
const ARCHITECTURE = `${process.platform}-${process.arch}`;

interface Runtime {
  readonly name: string;
  /** Relative to `node_modules`, by platform. */
  readonly binaries: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** What it says when it listens, with the port. */
  readonly listening: RegExp;
}

const RUNTIMES: readonly Runtime[] = [
  {
    name: "Deno",
    binaries: {
      "linux-x64": "@deno/linux-x64-glibc/deno",
      "linux-arm64": "@deno/linux-arm64-glibc/deno",
      "darwin-arm64": "@deno/darwin-arm64/deno",
    },
    // It may listen, and nothing else: it has no file, no variable, and no address to connect to.
    args: ["run", "--no-remote", "--no-npm", "--no-config", "--allow-net=127.0.0.1:0", "deno.mjs"],
    listening: /listening on (\d+)/,
  },
  {
    name: "Bun",
    binaries: {
      "linux-x64": "@oven/bun-linux-x64-baseline/bin/bun",
      "linux-arm64": "@oven/bun-linux-aarch64/bin/bun",
      "darwin-arm64": "@oven/bun-darwin-aarch64/bin/bun",
    },
    args: ["run", "bun.mjs"],
    listening: /listening on (\d+)/,
  },
  {
    name: "workerd",
    binaries: {
      "linux-x64": "@cloudflare/workerd-linux-64/bin/workerd",
      "linux-arm64": "@cloudflare/workerd-linux-arm64/bin/workerd",
      "darwin-arm64": "@cloudflare/workerd-darwin-arm64/bin/workerd",
    },
    args: ["serve", "--control-fd=1", "workerd.capnp"],
    listening: /"event":"listen","socket":"http","port":(\d+)/,
  },
];

const SECRET = randomSecret();
const SIGNING_KEYS = generateKeyPairSync("ed25519");
const PUBLIC_KEY = `whpk_${SIGNING_KEYS.publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64")}`;
const ENCRYPTION_KEYS = (["X25519", "P-256", "RSA"] as const).map((kind) => ({ kind, ...makeKeyPair(kind) }));
const FORMATS = makeFormats("https://shop.example.com");
const PAYLOAD = '{ "order_id": 42, "total": 1.10, "large": 12345678901234567890, "customer": "Zoë 🚂 <&>" }';

let directory = "";
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "postrider-runtimes-"));
  const library = LIBRARIES.find(({ name }) => name === "receive");
  assert.ok(library !== undefined);
  await buildLibrary(library, directory);
  for (const file of ["application.mjs", "deno.mjs", "bun.mjs"]) {
    copyFileSync(join(HERE, file), join(directory, file));
  }
  const decryptionKeys = ENCRYPTION_KEYS.map(({ privateJwk }) => privateJwk);
  const settings = { secrets: [SECRET], publicKeys: [PUBLIC_KEY], decryptionKeys };
  writeFileSync(join(directory, "settings.mjs"), `export const settings = ${JSON.stringify(settings)};\n`);
  writeFileSync(join(directory, "workerd.capnp"), workerdConfig());
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** It finds no files: every module is named, those included that the kit loads when it needs them. */
function workerdConfig(): string {
  const modules = ["application.mjs", "settings.mjs", "receive.mjs", ...globSync("receive/*.mjs", { cwd: directory })];
  const embedded = modules.map((path) => `(name = "${path}", esModule = embed "${path}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "application", worker = .application)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "application")],
);
const application :Workerd.Worker = (modules = [${embedded.join(", ")}], compatibilityDate = "2025-01-01");
`;
}

for (const { name, binaries, args, listening } of RUNTIMES) {
  const binary = join(HERE, "node_modules", binaries[ARCHITECTURE] ?? "none");
  describe(name, { skip: existsSync(binary) ? false : `there is no binary of ${name} for ${ARCHITECTURE}` }, () => {
    let server: CommandProcess;
    let url = "";
    before(async () => {
      server = new CommandProcess(args, { program: [binary], cwd: directory });
      const [, port = ""] = await server.match(listening);
      url = `http://127.0.0.1:${port}/`;
    });
    after(() => server.end());

    const post = async (headers: Readonly<Record<string, string>>, body: string | Buffer) =>
      (await fetch(url, { method: "POST", headers, body: new Uint8Array(Buffer.from(body)) })).status;

    const seen = async (wanted: string): Promise<unknown> => {
      const events: { id: string; dataText: string }[] = JSON.parse(await (await fetch(url)).text());
      return events.filter(({ id }) => id === wanted).map(({ dataText }) => dataText);
    };

    for (const format of ["standard", "cloudevents", "xml", "cloudevents-xml"] as const) {
      test(`it reads the format ${format}, and handles an event once`, async () => {
        const event = { ...EVENT, id: randomUUID() };
        const body = FORMATS[format].body(event, PAYLOAD) ?? Buffer.alloc(0);
        const headers = {
          "content-type": FORMATS[format].contentType,
          ...sign({ id: event.id, body, secret: SECRET }),
        };
        assert.deepEqual([await post(headers, body), await post(headers, body)], [200, 200], server.said());
        assert.equal(((await seen(event.id)) as unknown[]).length, 1);
      });
    }

    for (const { kind, publicJwk } of ENCRYPTION_KEYS) {
      test(`it decrypts with a key of ${kind}`, async () => {
        const id = randomUUID();
        const key = await loadEncryptionKey(publicJwk);
        assert.ok(key.kind === "key");
        const plain = FORMATS.standard.body({ ...EVENT, id }, PAYLOAD) ?? Buffer.alloc(0);
        const endpointId = randomUUID();
        const body = await encryptBody(key.key, plain, { contentType: "application/json", webhookId: id, endpointId });
        const headers = { "content-type": "application/jose+json", ...sign({ id, body, secret: SECRET }) };
        assert.equal(await post(headers, body), 200, server.said());
        assert.deepEqual(await seen(id), [PAYLOAD]);
      });
    }

    test("it verifies ed25519", async () => {
      const [id, body] = [randomUUID(), FORMATS.standard.body(EVENT, PAYLOAD) ?? Buffer.alloc(0)];
      const headers = sign({ id, body, secret: SECRET });
      const message = Buffer.concat([Buffer.from(`${id}.${headers["webhook-timestamp"]}.`), body]);
      const signature = `v1a,${signBytes(null, message, SIGNING_KEYS.privateKey).toString("base64")}`;
      assert.equal(await post({ ...headers, "webhook-signature": signature }, body), 200, server.said());
      assert.equal(
        await post({ ...headers, "webhook-signature": signature }, Buffer.concat([body, Buffer.from(" ")])),
        401,
      );
    });

    test("it refuses every forgery", async () => {
      const body = String(FORMATS.standard.body(EVENT, PAYLOAD));
      const answers: string[] = [];
      for (const { name, headers, body: forged } of forgeriesOf({ id: randomUUID(), body, secret: SECRET })) {
        const status = await post(headers, forged);
        if (status !== 400 && status !== 401) answers.push(`${name}: ${status}`);
      }
      assert.deepEqual(answers, []);
    });

    test("it refuses a body above the limit", async () => {
      const body = Buffer.alloc(10 * 1024 * 1024 + 1, " ");
      assert.equal(await post(sign({ id: randomUUID(), body, secret: SECRET }), body), 413, server.said());
    });
  });
}

const EVENT = {
  id: "019a5b0c-9f3e-7cc1-8d2e-0123456789ab",
  eventType: "order.paid",
  createdAt: "2026-11-03T20:26:10.344522Z",
  attributes: null,
  hasLargeAttributes: false,
};
