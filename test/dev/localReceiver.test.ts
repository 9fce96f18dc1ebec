import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { startReceiver } from "../../src/cli/receive.ts";
import { judgeRequest } from "../../src/dev/judgedRequest.ts";
import {
  BODY_BYTES_MAX,
  LocalReceiver,
  type LocalReceiverOptions,
  type ReceivedRequest,
} from "../../src/dev/localReceiver.ts";
import { requestText } from "../../src/dev/requestText.ts";
import { makePrivateKey, parsePrivateKey, publicKeyOf } from "../../src/format/ed25519.ts";
import { encryptBody, loadEncryptionKey } from "../../src/format/encrypt.ts";
import { FORMAT_NAMES } from "../../src/format/format.ts";
import { parseSecret, signMixed, signV1 } from "../../src/format/sign.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import { type GivenKey, parseDecryptionKey } from "../../src/receive/decryptionKeys.ts";
import type { ReceivedEvent } from "../../src/receive/event.ts";
import { headerMap } from "../../src/receive/headers.ts";
import { bodyOf, EVENT, FORMATS } from "../format/formatted.ts";
import { makeKeyPair } from "../format/jweReader.ts";
import { CommandProcess, runCommand } from "../support/command.ts";

const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const OTHER_SECRET = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const ENVELOPE = '"type":"order.paid","timestamp":"2026-11-03T20:26:10.344522Z","data":';
const BODY = `{${ENVELOPE}1.10}`;

let received: ReceivedRequest[] = [];
const receivers: LocalReceiver[] = [];

afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.stop();
  received = [];
});

test("what one of the secrets signed is verified, and comes with id and body", async () => {
  const receiver = await start([OTHER_SECRET, SECRET]);
  const answer = await send(receiver, { id: "msg_1" });
  assert.equal(answer.status, 204);
  const [request] = received;
  assert.deepEqual(request?.judgement, { kind: "verified" });
  assert.equal(request?.id, "msg_1");
  assert.equal(request?.isDuplicate, false);
  assert.equal(request?.body.toString(), BODY);
  assert.deepEqual(
    request?.events.map(({ id, type, dataText }) => [id, type, dataText]),
    [["msg_1", "order.paid", "1.10"]],
  );
});

test("what is signed and is no event is answered as the kit does, and without a secret it is taken", async () => {
  const receiver = await start([SECRET]);
  const answer = await send(receiver, { body: "{}" });
  assert.equal(answer.status, 422);
  assert.match(
    await answer.text(),
    /^the body is not what its format says: an envelope has neither data nor a dataref/,
  );
  assert.equal((await fetch((await start([])).url, { method: "POST", body: "{}" })).status, 204);
  assert.deepEqual(
    received.map(({ judgement, events }) => [judgement.kind, events.length]),
    [
      ["rejected", 0],
      ["unverified", 0],
    ],
  );
});

test("each event is kept once, item by item, and one that cannot be is asked for again", async () => {
  const kept: string[] = [];
  const keep = async ({ id }: ReceivedEvent) => {
    kept.push(id);
    if (kept.length === 2) throw new Error("no space left");
  };
  const receiver = await start([SECRET], { keep });
  const batch = `[{"id":"1",${ENVELOPE}1},{"id":"2",${ENVELOPE}2}]`;
  const failed = await send(receiver, { body: batch });
  assert.deepEqual([failed.status, await failed.text()], [503, "it cannot be kept: no space left\n"]);
  assert.equal((await send(receiver, { body: batch })).status, 204);
  assert.equal((await send(receiver, { body: batch })).status, 204);
  assert.deepEqual(kept, ["1", "2", "2"]);
  assert.deepEqual(
    received.map(({ isDuplicate }) => isDuplicate),
    [false, false, true],
  );
});

test("a foreign signature, a changed body and an old timestamp are answered with 401 and the reason", async () => {
  const receiver = await start([SECRET]);
  const wrong = await send(receiver, { secret: OTHER_SECRET });
  assert.equal(wrong.status, 401);
  assert.match(await wrong.text(), /no signature in webhook-signature was made with these keys/);
  assert.equal((await send(receiver, { signedBody: "{}", body: "{} " })).status, 401);
  const old = await send(receiver, { timestampSeconds: Math.floor(NOW_MS / 1000) - 301 });
  assert.match(await old.text(), /webhook-timestamp is further in the past/);
  assert.deepEqual(
    received.map(({ judgement }) => judgement.kind),
    ["rejected", "rejected", "rejected"],
  );
});

test("with a public key, what its private one signed is verified, and a private key is refused", async () => {
  const [signing, other] = [makePrivateKey(), makePrivateKey()];
  const parsed = parsePrivateKey(signing);
  assert.ok(parsed.kind === "key");
  const timestampSeconds = Math.floor(NOW_MS / 1000);
  const headers = {
    "content-type": "application/json",
    "webhook-id": "msg_1",
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": signMixed({ hmac: [], ed25519: [parsed.key] }, "msg_1", timestampSeconds, BODY),
  };
  for (const [secrets, status] of [
    [[publicKeyOf(signing)], 204],
    [[SECRET, publicKeyOf(other), publicKeyOf(signing)], 204],
    [[publicKeyOf(other)], 401],
    [[SECRET], 401],
  ] as const) {
    const receiver = await start(secrets);
    assert.equal((await fetch(receiver.url, { method: "POST", body: BODY, headers })).status, status);
  }
  await assert.rejects(start([signing]), /private key/);
});

test("without a secret everything is accepted, as unverified", async () => {
  const receiver = await start([]);
  assert.equal((await fetch(receiver.url, { method: "POST", body: "anything" })).status, 204);
  assert.deepEqual(received[0]?.judgement, { kind: "unverified" });
  assert.equal(received[0]?.id, null);
});

test("a second request with an id is a duplicate, unless the first was rejected", async () => {
  const receiver = await start([SECRET]);
  await send(receiver, { id: "again", secret: OTHER_SECRET });
  await send(receiver, { id: "again" });
  await send(receiver, { id: "other" });
  assert.equal((await send(receiver, { id: "again" })).status, 204);
  assert.deepEqual(
    received.map(({ isDuplicate }) => isDuplicate),
    [false, false, false, true],
  );
});

test("a request with an id is no duplicate of one on another path", async () => {
  const receiver = await start([]);
  for (const path of ["/one", "/two", "/one"]) {
    await fetch(`${receiver.url}${path}`, { method: "POST", headers: { "webhook-id": "same" } });
  }
  assert.deepEqual(
    received.map(({ isDuplicate }) => isDuplicate),
    [false, false, true],
  );
});

test("what it was told to refuse is answered with 503 and the reason, and is not remembered", async () => {
  const refused = new Set<string>();
  const refuse = (path: string, id: string | null) => {
    const isFirst = path === "/first" && id !== null && !refused.has(id);
    refused.add(id ?? "");
    return isFirst ? "not yet" : null;
  };
  const receiver = await start([], { refuse });
  const request = { method: "POST", headers: { "webhook-id": "one" } };
  const answer = await fetch(`${receiver.url}/first`, request);
  assert.deepEqual([answer.status, await answer.text()], [503, "not yet\n"]);
  assert.equal((await fetch(`${receiver.url}/first`, request)).status, 204);
  assert.deepEqual(
    received.map(({ judgement, isDuplicate }) => [judgement.kind, isDuplicate]),
    [
      ["refused", false],
      ["unverified", false],
    ],
  );
});

test("what is rejected is not asked about, so a stranger's request is not taken for the first of an event", async () => {
  const asked: string[] = [];
  const refuse = (path: string) => {
    asked.push(path);
    return null;
  };
  const receiver = await start([SECRET], { refuse });
  await send(receiver, { id: "one", secret: OTHER_SECRET });
  assert.deepEqual([received.map(({ judgement }) => judgement.kind), asked], [["rejected"], []]);
});

test("a body above the limit is answered with 413, with or without its length", async () => {
  const receiver = await start([]);
  const body = Buffer.alloc(BODY_BYTES_MAX + 1, "a");
  assert.equal((await fetch(receiver.url, { method: "POST", body })).status, 413);
  const chunked = new ReadableStream({
    start(controller) {
      controller.enqueue(body);
      controller.close();
    },
  });
  assert.equal((await fetch(receiver.url, { method: "POST", body: chunked, duplex: "half" })).status, 413);
  assert.equal((await fetch(receiver.url, { method: "POST", body: body.subarray(1) })).status, 204);
  assert.equal(received.length, 1);
});

test("anything but POST is answered with 405", async () => {
  const receiver = await start([]);
  assert.equal((await fetch(receiver.url)).status, 405);
  assert.equal(received.length, 0);
});

test("it stops while requests are in progress, and may be stopped twice", async () => {
  const receiver = await start([]);
  const socket = connect(receiver.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
  const cut = new Promise((resolve) => socket.once("close", resolve));
  await Promise.all([receiver.stop(), receiver.stop()]);
  await cut;
  await receiver.stop();
});

test("a port that is taken is PR0010 and says what to do", async () => {
  const receiver = await start([]);
  await assert.rejects(
    startReceiver({ port: receiver.port, secrets: [], now: () => NOW_MS, onRequest: () => {} }),
    (error: unknown) => {
      assert.ok(error instanceof PostriderError);
      assert.equal(error.faults[0]?.code, "PR0010");
      assert.match(error.message, /another program listens there; choose another port with --port N/);
      return true;
    },
  );
});

describe("as text for a person", () => {
  test("a request shows its time, type, id and judgement", async () => {
    const receiver = await start([SECRET]);
    await send(receiver, { id: "msg_1" });
    await send(receiver, { id: "msg_1" });
    await send(receiver, { id: "msg_2", secret: OTHER_SECRET, body: "" });
    const [first, second, third] = received.map(requestText);
    assert.deepEqual(
      [first, second],
      [
        `03:04:05.678Z  order.paid  msg_1  verified\n  ${BODY}\n`,
        `03:04:05.678Z  order.paid  msg_1  verified  duplicate\n  ${BODY}\n`,
      ],
    );
    assert.match(
      third ?? "",
      /^03:04:05\.678Z {2}\(no event\) application\/json {2}msg_2 {2}REJECTED: no signature in .*\n {2}\(empty\)\n$/,
    );
  });

  test("a long body is laid out with its numbers and strings as they were sent", async () => {
    const body = `{"type":"a","data":{"n":1.10,"big":12345678901234567890,"s":"a, [b]: \\"c\\" {}","none":{},"list":[1, 2]},"pad":"${"x".repeat(99)}"}`;
    const lines = requestText(await shown(body))
      .split("\n")
      .slice(1);
    assert.deepEqual(lines.slice(0, 12), [
      "  {",
      '    "type": "a",',
      '    "data": {',
      '      "n": 1.10,',
      '      "big": 12345678901234567890,',
      '      "s": "a, [b]: \\"c\\" {}",',
      '      "none": {},',
      '      "list": [',
      "        1,",
      "        2",
      "      ]",
      "    },",
    ]);
  });

  test("nothing that a sender writes reaches the terminal as a command to it", async () => {
    const hostile = "\u001b[2J\u009b31m\u202e\r\u0007";
    for (const body of [hostile, JSON.stringify({ type: hostile }), `{"type":"${"\u009b".repeat(200)}"}`]) {
      assert.doesNotMatch(requestText({ ...(await shown(body)), id: hostile }), /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  for (const name of FORMAT_NAMES) {
    test(`a request in the format ${name} shows the type of its event`, async () => {
      const { contentType, headerLines } = FORMATS[name];
      const lines = headerLines?.(EVENT, null).split("\r\n").slice(0, -1) ?? [];
      const headers = {
        ...Object.fromEntries(lines.map((line) => line.split(": "))),
        ...(name === "raw" ? { "postrider-event-type": "order.paid" } : {}),
        "content-type": `${contentType}; charset=utf-8`,
        "webhook-id": EVENT.id,
      };
      const text = requestText(await shown(bodyOf(name, '{"order_id": 42}').toString(), headers));
      assert.ok(text.startsWith(`03:04:05.678Z  order.paid  ${EVENT.id}  unverified\n`), text);
    });
  }

  test("a CloudEvent without a webhook-id shows its own id, wherever it has it", async () => {
    for (const name of ["cloudevents", "cloudevents-binary", "cloudevents-xml"] as const) {
      const lines = FORMATS[name].headerLines?.(EVENT, null).split("\r\n").slice(0, -1) ?? [];
      const headers = {
        ...Object.fromEntries(lines.map((line) => line.split(": "))),
        "content-type": FORMATS[name].contentType,
      };
      const text = requestText(await shown(bodyOf(name, "1").toString(), headers));
      assert.ok(text.startsWith(`03:04:05.678Z  order.paid  ${EVENT.id} (no webhook-id)  unverified\n`), text);
    }
  });

  test("what begins like XML and is none loses no character", async () => {
    const text = requestText(await shown("<a>\n1 < 2 <b and <<c"));
    assert.match(text, /\n {2}<a>\n {2}1 < 2 <b and <<c\n$/);
  });

  test("a batch shows how many events of which types it has", async () => {
    const text = requestText(await shown(`[{"id":"1",${ENVELOPE}1},{"id":"2",${ENVELOPE}2}]`));
    assert.match(text, /^03:04:05\.678Z {2}2 of order\.paid {2}msg {2}unverified\n/);
  });

  test("XML is laid out, an element with text on one line", async () => {
    const lines = requestText(await shown(bodyOf("xml", '{"a":[1,"x  y",null],"b":{}}').toString()))
      .split("\n")
      .slice(1);
    assert.deepEqual(lines, [
      '  <?xml version="1.0" encoding="UTF-8"?>',
      "  <event>",
      "    <type>order.paid</type>",
      "    <timestamp>2026-11-03T20:26:10.344522Z</timestamp>",
      "    <data>",
      '      <map xmlns="http://www.w3.org/2005/xpath-functions">',
      '        <array key="a">',
      "          <number>1</number>",
      "          <string>x  y</string>",
      "          <null/>",
      "        </array>",
      '        <map key="b"></map>',
      "      </map>",
      "    </data>",
      "  </event>",
      "",
    ]);
  });

  test("a large body is cut", async () => {
    const text = requestText(await shown(`{"a":"${"x".repeat(100_000)}"}`));
    assert.ok(text.length < 5_000);
    assert.match(text, /… \(100008 bytes in all\)\n$/);
  });
});

describe("what is encrypted", () => {
  const { publicJwk, privateJwk } = makeKeyPair("X25519");
  const sendEncrypted = async (receiver: LocalReceiver, webhookId: string, id = webhookId) => {
    const key = await loadEncryptionKey(publicJwk);
    assert.ok(key.kind === "key");
    const about = { contentType: "application/json", webhookId, endpointId: "e" };
    const body = await encryptBody(key.key, Buffer.from(BODY), about);
    return send(receiver, { id, body: body.toString(), contentType: "application/jose+json" });
  };
  const startWith = async (jwk: unknown) => {
    const parsed = parseDecryptionKey(jwk);
    assert.ok(parsed.kind === "key");
    return start([SECRET], { decryptionKeys: [parsed.key] });
  };

  test("is verified as it came, then decrypted and deduplicated", async () => {
    const receiver = await startWith(privateJwk);
    assert.equal((await sendEncrypted(receiver, "msg_1")).status, 204);
    assert.equal((await sendEncrypted(receiver, "msg_1")).status, 204);
    assert.deepEqual(
      received.map(({ body, contentType, events, judgement, isDecrypted, isDuplicate }) => [
        String(body),
        contentType,
        events[0]?.type,
        judgement.kind,
        isDecrypted,
        isDuplicate,
      ]),
      [false, true].map((isDuplicate) => [BODY, "application/json", "order.paid", "verified", true, isDuplicate]),
    );
  });

  test("is answered with 422 if it is for another key or another message", async () => {
    const other = await startWith(makeKeyPair("X25519").privateJwk);
    assert.equal(await (await sendEncrypted(other, "msg_1")).text(), "the body cannot be decrypted with these keys\n");
    const receiver = await startWith(privateJwk);
    const answer = await sendEncrypted(receiver, "msg_1", "msg_2");
    assert.equal(answer.status, 422);
    assert.equal(await answer.text(), "the body was encrypted for another webhook-id\n");
  });

  test("is taken as it is without a key", async () => {
    const receiver = await start([SECRET]);
    assert.equal((await sendEncrypted(receiver, "msg_1")).status, 204);
    assert.equal(received[0]?.isDecrypted, false);
  });
});

describe("the command", () => {
  test("decrypts with the key of a file, and refuses a file that holds none", async () => {
    const directory = mkdtempSync(join(tmpdir(), "postrider-receive-"));
    const path = join(directory, "private.jwk");
    writeFileSync(path, JSON.stringify(makeKeyPair("P-256").privateJwk));
    const command = new CommandProcess(["receive", "--port", "0", "--decryption-key", path]);
    const [, url = ""] = await command.match(/listening on (\S+)/);
    const headers = { "content-type": "application/jose+json" };
    assert.equal((await fetch(url, { method: "POST", body: "{}", headers })).status, 422);
    await command.match(/REJECTED: the body cannot be decrypted with these keys/);
    assert.deepEqual(await command.end("SIGINT"), { code: 0, signal: null });
    writeFileSync(path, JSON.stringify(makeKeyPair("P-256").publicJwk));
    for (const [file, found] of [
      [path, /^PR0019: cannot read a key from \S+: the key is not a private JWK: it has no member d;/],
      [join(directory, "missing"), /^PR0019: cannot read a key from \S+: ENOENT/],
    ] as const) {
      const { code, stderr } = await runCommand(["receive", "--port", "0", "--decryption-key", file]);
      assert.equal(code, 1);
      assert.match(stderr, found);
    }
    rmSync(directory, { recursive: true });
  });

  test("writes events where it is told, and its text beside them", async () => {
    const directory = mkdtempSync(join(tmpdir(), "postrider-receive-"));
    const command = new CommandProcess(["receive", "--port", "0", "--output", "-"]);
    const [, url = ""] = await command.match(/listening on (\S+)/, "stderr");
    const headers = { "content-type": "application/json", "webhook-id": "msg" };
    assert.equal((await fetch(url, { method: "POST", body: BODY, headers })).status, 204);
    await command.match(/order\.paid {2}msg {2}unverified\n/, "stderr");
    const thin = BODY.replace(
      '"data":1.10',
      '"dataref":{"url":"http://127.0.0.1:1/p","expires":"2099-01-01T00:00:00Z"},"id":"thin"',
    );
    const refused = await fetch(url, { method: "POST", body: thin, headers: { ...headers, "webhook-id": "thin" } });
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /no signature covers/);
    assert.deepEqual(await command.end("SIGINT"), { code: 0, signal: null });
    assert.equal(command.stdout, `{"id":"msg",${ENVELOPE}1.10}\n`);
    const { code, stderr } = await runCommand(["receive", "--output", join(directory, "missing/x")]);
    assert.equal(code, 1);
    assert.match(stderr, /^PR0019: cannot write events to /);
    rmSync(directory, { recursive: true });
  });

  test("prints what arrives, and ends with exit status 0 when it is stopped", async () => {
    const command = new CommandProcess(["receive", "--port", "0", "--secret", SECRET]);
    const [, url = ""] = await command.match(/listening on (\S+)/);
    assert.equal((await fetch(url, { method: "POST", body: "hello" })).status, 400);
    await command.match(/REJECTED: the header webhook-id is missing\n {2}hello\n/);
    assert.deepEqual(await command.end("SIGINT"), { code: 0, signal: null });
    assert.equal(command.stderr, "");
  });

  test("ends quietly when its output is no longer read", async () => {
    const command = new CommandProcess(["receive", "--port", "0"]);
    const [, url = ""] = await command.match(/listening on (\S+)/);
    command.child.stdout?.destroy();
    // The reader's absence shows when something is written.
    await fetch(url, { method: "POST", body: "hello" }).catch(() => {});
    const [code] = await once(command.child, "exit");
    assert.deepEqual({ code, stderr: command.stderr }, { code: 0, stderr: "" });
  });

  test("says that a port is taken, with exit status 1", async () => {
    const receiver = await start([]);
    const { code, stderr } = await runCommand(["receive", "--port", String(receiver.port)]);
    assert.equal(code, 1);
    assert.match(stderr, /^PR0010: cannot listen on 127\.0\.0\.1:\d+: another program listens there;/);
  });
});

async function start(
  secrets: readonly string[],
  options: Pick<LocalReceiverOptions, "refuse" | "keep" | "decryptionKeys"> = {},
): Promise<LocalReceiver> {
  const receiver = await LocalReceiver.start({
    ...{ port: 0, secrets, now: () => NOW_MS, ...options },
    onRequest: (request) => received.push(request),
  });
  receivers.push(receiver);
  return receiver;
}

interface Sending {
  readonly id?: string;
  readonly secret?: string;
  readonly body?: string;
  /** Default: `body`. */
  readonly signedBody?: string;
  readonly timestampSeconds?: number;
  readonly contentType?: string;
}

function send(receiver: LocalReceiver, sending: Sending): Promise<Response> {
  const {
    id = randomUUID(),
    secret = SECRET,
    body = BODY,
    signedBody = body,
    contentType = "application/json",
  } = sending;
  const timestampSeconds = sending.timestampSeconds ?? Math.floor(NOW_MS / 1000);
  const parsed = parseSecret(secret);
  assert.ok(parsed.kind === "key");
  return fetch(`${receiver.url}/hooks?x=1`, {
    method: "POST",
    body,
    headers: {
      "content-type": contentType,
      "webhook-id": id,
      "webhook-timestamp": String(timestampSeconds),
      "webhook-signature": signV1([parsed.key], id, timestampSeconds, signedBody),
    },
  });
}

/** As it is shown if nothing is verified. */
async function shown(
  body: string,
  headers: Readonly<Record<string, string>> = { "content-type": "application/json", "webhook-id": "msg" },
): Promise<ReceivedRequest> {
  const now = () => NOW_MS;
  const opener = { keys: [], remoteKeys: null, decryptionKeys: [] as readonly GivenKey[], toleranceSeconds: 300, now };
  const judged = await judgeRequest(opener, headerMap(headers), Buffer.from(body));
  return { ...judged, receivedAtMs: NOW_MS, path: "/", id: headers["webhook-id"] ?? null, isDuplicate: false };
}
