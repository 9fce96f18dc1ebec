/**
 * postrider/receive beside standardwebhooks and svix, over the same requests: what both of them accept in a strictly valid
 * form we accept, and where they are lax a rule says what we refuse.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { createReceiver } from "../../src/receive/receive.ts";
import { Dice } from "../http/answerCases.ts";
import { forgeriesOf } from "../receive/forgeries.ts";
import { mac, now, randomSecret, sign } from "../receive/signing.ts";

type Headers = Readonly<Record<string, string>>;

interface Request {
  readonly headers: Headers;
  readonly body: string;
}

const SECRET = randomSecret();
const BODY = '{"type":"order.paid","timestamp":"2026-11-24T09:00:00Z","data":{"note":"Zoë 🚂"}}';
const CASES = 3_000;

const receiver = createReceiver({
  secrets: [SECRET],
  store: { once: (_, handle) => handle(undefined).then(() => "handled" as const) },
  handlers: {},
});

async function ours({ headers, body }: Request): Promise<string> {
  const verdict = await receiver.verify({ headers, body: Buffer.from(body) });
  return verdict.kind === "verified" ? "accepted" : verdict.code;
}

const PEERS = {
  standardwebhooks: new StandardWebhook(SECRET),
  svix: new SvixWebhook(SECRET),
};

function accepts(peer: keyof typeof PEERS, { headers, body }: Request): boolean {
  try {
    PEERS[peer].verify(body, { ...headers });
    return true;
  } catch {
    return false;
  }
}

/** What we refuse and they accept, by our reason: all that there may be. */
const LAX: Readonly<Record<string, (headers: Headers) => boolean>> = {
  // parseInt takes what begins with digits; blanks and a sign before them are nothing to it.
  timestamp_malformed: ({ "webhook-timestamp": timestamp = "" }) => /^\s*\+?\d+/.test(timestamp),
  // "a.1" with the timestamp 2 signs what "a" with "1" and another body signs as well.
  id_malformed: ({ "webhook-id": id = "" }) => /[.,\s]|[^!-~]/.test(id) || id.length > 256,
  signature_unknown: hasSecondComma,
  signature_mismatch: hasSecondComma,
};

/** They ignore what stands behind a second comma of a signature. */
function hasSecondComma({ "webhook-signature": signatures = "" }: Headers): boolean {
  return /v1,[^ ,]+,/.test(signatures);
}

/** A zero before the number: we verify the text as it was sent, and they the number. Neither takes what the other signs. */
function isPadded({ headers }: Request): boolean {
  return /^0\d/.test(headers["webhook-timestamp"] ?? "");
}

for (const peer of ["standardwebhooks", "svix"] as const) {
  describe(`beside ${peer}`, () => {
    let disagreements: readonly (readonly [Request, string])[];
    let accepted = 0;
    before(async () => {
      const found: (readonly [Request, string])[] = [];
      for (let seed = 0; seed < CASES; seed += 1) {
        const request = makeRequest(new Dice(seed));
        const [verdict, theirs] = [await ours(request), accepts(peer, request)];
        accepted += verdict === "accepted" ? 1 : 0;
        if ((verdict === "accepted") !== theirs && !isPadded(request)) found.push([request, verdict]);
      }
      disagreements = found;
    });

    test("whatever we accept, it accepts", () => {
      assert.deepEqual(
        disagreements.filter(([, verdict]) => verdict === "accepted"),
        [],
      );
      assert.ok(accepted > CASES / 10 && accepted < (CASES * 9) / 10, `${accepted} accepted`);
    });

    test("whatever it accepts, we accept, but for an id, timestamp or signature that is not strictly valid", () => {
      const unexplained = disagreements.filter(([{ headers }, verdict]) => !LAX[verdict]?.(headers));
      assert.deepEqual(unexplained, []);
      const verdicts = disagreements.map(([, verdict]) => verdict);
      for (const code of ["timestamp_malformed", "id_malformed"]) assert.ok(verdicts.includes(code), code);
    });

    test("it accepts a timestamp with something behind it, and an id with a dot, which is why we say that we do not", async () => {
      const seconds = now();
      const trailing = { ...sign({ id: "evt_1", timestamp: seconds, body: BODY, secret: SECRET }) };
      trailing["webhook-timestamp"] = `${seconds}abc`;
      const dotted = sign({ id: "evt.1", body: BODY, secret: SECRET });
      for (const [headers, code] of [
        [trailing, "timestamp_malformed"],
        [dotted, "id_malformed"],
      ] as const) {
        assert.ok(accepts(peer, { headers, body: BODY }));
        assert.equal(await ours({ headers, body: BODY }), code);
      }
    });

    test("none of the requests is accepted that no receiver may accept", async () => {
      for (const { name, headers, body } of forgeriesOf({ id: "evt_1", body: BODY, secret: SECRET })) {
        assert.notEqual(await ours({ headers, body }), "accepted", name);
      }
    });
  });
}

/** A request whose id, timestamp, signatures and body are right, lax or wrong, each by chance. */
function makeRequest(dice: Dice): Request {
  const id = dice.pick([
    "evt_1",
    "evt_1",
    "evt_1",
    "019a5b0c-9f3e-7cc1",
    "x".repeat(256),
    "x".repeat(257),
    "a.1",
    "a,b",
    "é",
    "~!",
  ]);
  const seconds = Number(now()) + dice.pick([0, 0, 0, -290, 290, -310, 310]);
  const timestamp = dice.pick([String(seconds), ...(dice.oneIn(2) ? odd(seconds) : [])]);
  const signed = dice.oneIn(2) ? timestamp : String(seconds);
  const right = mac(SECRET, `${id}.${signed}.`, BODY);
  const entries = Array.from({ length: 1 + dice.below(4) }, () => (dice.oneIn(2) ? right : wrong(dice, right)));
  return {
    headers: {
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": entries.join(dice.oneIn(9) ? "  " : " "),
    },
    body: dice.oneIn(8) ? BODY.replace("paid", "void") : BODY,
  };
}

function odd(seconds: number): readonly string[] {
  return [
    `${seconds}abc`,
    `${seconds}.0`,
    `+${seconds}`,
    ` ${seconds}`,
    `${seconds} `,
    `0${seconds}`,
    `${seconds}000`,
    "",
    "x",
  ];
}

function wrong(dice: Dice, right: string): string {
  const base64 = right.slice("v1,".length);
  const forged = mac(randomSecret(), "", "");
  return dice.pick([
    ...([forged, "v1", "v1,", ",", "", `v2,${base64}`, `v1a,${base64}`, `V1,${base64}`, `${right}=`] as const),
    ...[`v1,${base64.slice(0, -1)}`, `v1,${base64} `, `v1, ${base64}`, `${right},${base64}`, base64],
  ]);
}
