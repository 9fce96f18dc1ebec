/** Signatures by public keys, sets of keys at a URL, and encrypted bodies. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { makePrivateKey, parsePrivateKey, publicJwk, publicKeyOf } from "../../src/format/ed25519.ts";
import { encryptBody, loadEncryptionKey } from "../../src/format/encrypt.ts";
import { signMixed } from "../../src/format/sign.ts";
import { createReceiver, type ReceivedRequest, ReceiveError, type ReceiverOptions } from "../../src/receive/receive.ts";
import { KEY_KINDS, makeKeyPair } from "../format/jweReader.ts";
import { envelope, ID, NOW_SECONDS, OTHER_SECRET, SECRET, setStore, signed } from "./requests.ts";

type Options = ReceiverOptions<Readonly<Record<string, unknown>>, string>;

function receiverWith(options: Partial<Options>) {
  const defaults = { store: setStore(), handlers: {}, log: () => {}, now: () => NOW_SECONDS * 1_000 };
  return createReceiver({ ...defaults, ...options });
}

async function resultOf(options: Partial<Options>, request: ReceivedRequest): Promise<string> {
  const { status, outcome } = await receiverWith(options).receive(request);
  return `${status} ${outcome.kind === "rejected" ? outcome.code : outcome.kind}`;
}

/** Signed with these keys of ed25519, and with nothing else. */
function signedWith(privateKeys: readonly string[], body = envelope("1")): ReceivedRequest {
  const ed25519 = privateKeys.map((text) => {
    const parsed = parsePrivateKey(text);
    assert.ok(parsed.kind === "key");
    return parsed.key;
  });
  const signature = signMixed({ hmac: [], ed25519 }, ID, NOW_SECONDS, body);
  return signed(body, { headers: { "webhook-signature": signature } });
}

describe("a signature of ed25519", () => {
  const [one, other] = [makePrivateKey(), makePrivateKey()];

  test("is good by any of the public keys, and by no other", async () => {
    const publicKeys = [publicKeyOf(other), publicKeyOf(one)];
    assert.equal(await resultOf({ publicKeys }, signedWith([one])), "200 received");
    assert.equal(await resultOf({ publicKeys: [publicKeyOf(other)] }, signedWith([one, other])), "200 received");
    assert.equal(await resultOf({ publicKeys: [publicKeyOf(other)] }, signedWith([one])), "401 signature_mismatch");
    const changed = { ...signedWith([one]), body: envelope("2") };
    assert.equal(await resultOf({ publicKeys }, changed), "401 signature_mismatch");
  });

  test("is the only good one for a receiver that has public keys alone", async () => {
    assert.equal(await resultOf({ publicKeys: [publicKeyOf(one)] }, signed(envelope("1"))), "401 signature_unknown");
    assert.equal(await resultOf({ secrets: [SECRET] }, signedWith([one])), "401 signature_unknown");
    const both = { secrets: [OTHER_SECRET], publicKeys: [publicKeyOf(one)] };
    assert.equal(await resultOf(both, signedWith([one])), "200 received");
  });

  test("counts in its one canonical spelling", async () => {
    const request = signedWith([one]);
    const headers = request.headers as Record<string, string>;
    const signature = headers["webhook-signature"] ?? "";
    for (const spelling of [signature.replace(/=*$/, ""), `${signature}=`, signature.replace("v1a,", "v1a, ")]) {
      const respelt = { ...request, headers: { ...headers, "webhook-signature": spelling } };
      assert.equal(await resultOf({ publicKeys: [publicKeyOf(one)] }, respelt), "401 signature_unknown");
    }
  });
});

describe("keys at a URL", () => {
  const [one, other] = [makePrivateKey(), makePrivateKey()];
  let keys: readonly unknown[] = [];
  let status = 200;
  let asked = 0;
  let jwksUrl = "";
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
  });

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  test("are fetched when a signature of ed25519 comes, and once for many", async () => {
    keys = [{ kty: "RSA", n: "AQ", e: "AQAB" }, publicJwk(publicKeyOf(one))];
    asked = 0;
    const receiver = receiverWith({ jwksUrl });
    assert.equal((await receiver.receive(signed(envelope("1")))).status, 401);
    assert.equal(asked, 0);
    const answers = await Promise.all([1, 2, 3].map(() => receiver.receive(signedWith([one]))));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [200, 200, 200],
    );
    assert.equal(asked, 1);
    // A stranger cannot make it ask more often.
    for (let time = 0; time < 3; time += 1) {
      assert.equal((await receiver.receive(signedWith([other]))).status, 401);
    }
    assert.equal(asked, 1);
  });

  test("that cannot be fetched are answered 503, and are not asked for at once again", async () => {
    [status, asked] = [500, 0];
    const receiver = receiverWith({ jwksUrl });
    for (let time = 0; time < 3; time += 1) {
      const { status: answered, headers, outcome } = await receiver.receive(signedWith([one]));
      assert.deepEqual([answered, headers["retry-after"]], [503, "30"]);
      assert.ok(outcome.kind === "failed" && outcome.error instanceof ReceiveError && outcome.error.code === "no_keys");
    }
    assert.equal(asked, 1);
    status = 200;
  });

  test("are not believed without TLS, except on this machine", () => {
    for (const url of [
      "http://events.example.com/jwks.json",
      "ftp://127.0.0.1/",
      "jwks.json",
      "http://127.0.0.1.nip.io/",
    ]) {
      assert.throws(() => receiverWith({ jwksUrl: url }), /jwksUrl: it is no URL of https/);
    }
    receiverWith({ jwksUrl: "https://events.example.com/jwks.json" });
  });
});

for (const kind of KEY_KINDS) {
  describe(`a body that is encrypted to a key of ${kind}`, () => {
    const [pair, other] = [makeKeyPair(kind), makeKeyPair(kind)];
    const secrets = [SECRET];

    async function encrypted(about: { readonly webhookId?: string; readonly contentType?: string } = {}) {
      const loaded = await loadEncryptionKey(pair.publicJwk);
      assert.ok(loaded.kind === "key");
      const described = { contentType: "application/json", webhookId: ID, endpointId: "e", ...about };
      const body = await encryptBody(loaded.key, Buffer.from(envelope('{"a": 1}')), described);
      return signed(body, { contentType: "application/jose+json" });
    }

    test("is decrypted by one of the keys, given as an object or as text", async () => {
      const decryptionKeys = [JSON.stringify(other.privateJwk), { ...pair.privateJwk }];
      const verified = await receiverWith({ secrets, decryptionKeys }).verify(await encrypted());
      assert.ok(verified.kind === "verified");
      assert.equal(verified.events[0]?.dataText, '{"a": 1}');
      assert.equal(Buffer.from(verified.body).toString(), envelope('{"a": 1}'));
      assert.equal(verified.contentType, "application/json");
    });

    test("is refused without the key, under another id, and as another format", async () => {
      const decryptionKeys = [{ ...pair.privateJwk }];
      assert.equal(await resultOf({ secrets }, await encrypted()), "422 encrypted");
      const wrong = { secrets, decryptionKeys: [{ ...other.privateJwk }] };
      assert.equal(await resultOf(wrong, await encrypted()), "422 not_decrypted");
      const lifted = await encrypted({ webhookId: "another" });
      assert.equal(await resultOf({ secrets, decryptionKeys }, lifted), "422 encrypted_for_another");
      const xml = await encrypted({ contentType: "application/xml" });
      assert.equal(await resultOf({ secrets, decryptionKeys }, xml), "422 malformed");
    });

    test("is decrypted only if it is signed", async () => {
      const request = await encrypted();
      const forged = { ...request, body: Buffer.concat([Buffer.from(request.body as Buffer), Buffer.from(" ")]) };
      const decryptionKeys = [{ ...pair.privateJwk }];
      assert.equal(await resultOf({ secrets, decryptionKeys }, forged), "401 signature_mismatch");
    });
  });
}

test("what is signed as encrypted and is not is refused", async () => {
  const decryptionKeys = [{ ...makeKeyPair("X25519").privateJwk }];
  for (const body of ["", "{", "null", "[]", "{}", '{"protected":"e30"}', envelope("1")]) {
    const request = signed(body, { contentType: "application/jose+json" });
    assert.equal(await resultOf({ secrets: [SECRET], decryptionKeys }, request), "422 not_decrypted", body);
  }
});

test("what is encrypted is no payload for a receiver that decrypts, whatever its content-type says", async () => {
  const jwe = '{"protected":"e30","encrypted_key":"","iv":"","ciphertext":"","tag":""}';
  const headers = {
    "ce-specversion": "1.0",
    "ce-id": ID,
    "ce-source": "s",
    "ce-type": "t",
    "postrider-event-type": "t",
  };
  const decryptionKeys = [{ ...makeKeyPair("X25519").privateJwk }];
  for (const format of ["raw", "cloudevents-binary"] as const) {
    const options = { secrets: [SECRET], formats: [format] };
    assert.equal(await resultOf({ ...options, decryptionKeys }, signed(jwe, { headers })), "422 malformed");
    assert.equal(await resultOf({ ...options, decryptionKeys }, signed("1", { headers })), "200 received");
    assert.equal(await resultOf(options, signed(jwe, { headers })), "200 received");
  }
});

test("what is no private key is refused when the receiver is made, and not shown", () => {
  const { publicJwk: publicOne } = makeKeyPair("P-256");
  const keys = [
    "",
    "s3cret",
    "null",
    '{"d":"s3cret"}',
    { ...publicOne },
    { kty: "oct", k: "s3cret" },
    { kty: "EC", crv: "P-521", d: "s3cret" },
  ];
  for (const key of keys) {
    assert.throws(
      () => receiverWith({ secrets: [SECRET], decryptionKeys: [key] }),
      (thrown) =>
        thrown instanceof ReceiveError && /decryptionKeys\[0\]/.test(thrown.message) && !/s3cret/.test(thrown.message),
    );
  }
});
