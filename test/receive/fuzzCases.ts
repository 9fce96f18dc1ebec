/** Requests for the fuzz: of every format, whole or spoiled before they are signed, or spoiled afterwards. */
import { batchBody, makeFormats } from "../../src/format/body.ts";
import { encryptBody, loadEncryptionKey } from "../../src/format/encrypt.ts";
import { type DataRef, FORMAT_NAMES, type FormatName, type FormattedEvent } from "../../src/format/format.ts";
import { makeKeyPair } from "../format/jweReader.ts";
import type { Dice } from "../http/answerCases.ts";
import { now, sign } from "./signing.ts";

export const FUZZ_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEYS = makeKeyPair("X25519");
export const FUZZ_DECRYPTION_KEY = KEYS.privateJwk;
const FORMATS = makeFormats("https://shop.example.com");
const ENCRYPTION_KEY = await loadEncryptionKey(KEYS.publicJwk);

export interface FuzzCase {
  readonly format: FormatName;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The payloads in their order; null for one that is to be fetched. */
  readonly payloads: readonly (string | null)[];
  /** `whole`: as the daemon sends it. `signed`: spoiled, then signed. `forged`: signed, then spoiled. */
  readonly kind: "whole" | "signed" | "forged";
}

interface Draft {
  readonly format: FormatName;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly payloads: readonly (string | null)[];
}

export async function makeCase(dice: Dice): Promise<FuzzCase> {
  const id = dice.oneIn(4) ? "b1" : `evt_${dice.below(1e9)}`;
  const kind = dice.pick<FuzzCase["kind"]>(["whole", "signed", "signed", "forged"]);
  const plain = draft(dice, id);
  const sent = dice.oneIn(6) ? await encrypted(plain, id) : plain;
  const spoiled = kind === "signed" ? spoil(dice, sent) : sent;
  const headers = { ...spoiled.headers, "content-type": spoiled.contentType };
  const signed = { ...headers, ...sign({ id, body: spoiled.body, secret: FUZZ_SECRET }) };
  const base = { format: sent.format, payloads: sent.payloads, kind };
  return kind === "forged"
    ? { ...base, ...forge(dice, signed, spoiled.body) }
    : { ...base, headers: signed, body: spoiled.body };
}

function draft(dice: Dice, id: string): Draft {
  const format = FORMATS[FORMAT_NAMES[dice.below(FORMAT_NAMES.length)] ?? "standard"];
  if (format.batch !== null && dice.oneIn(3)) {
    const payloads = Array.from({ length: 1 + dice.below(4) }, () => (dice.oneIn(5) ? null : json(dice, 4)));
    const items = payloads.map((payload, index) => {
      const event = eventOf(dice, `${id}-${index}`);
      return payload === null ? format.batch?.thinItem(event, REF) : format.batch?.item(event, payload);
    });
    const body = batchBody(items.map((item) => item ?? ""));
    return { format: format.name, contentType: format.batch.contentType, headers: {}, body, payloads };
  }
  const event = eventOf(dice, id);
  const payload = dice.oneIn(6) ? null : json(dice, 5);
  const lines = format.headerLines?.(event, payload === null ? REF : null) ?? "";
  const headers = Object.fromEntries(lines.split("\r\n").flatMap((line) => (line === "" ? [] : [line.split(": ", 2)])));
  const body = payload === null ? format.thinBody(event, REF) : (format.body(event, payload) ?? Buffer.alloc(0));
  const thin = payload === null ? { "postrider-thin": "true" } : {};
  const type = { "postrider-event-type": encodeURIComponent(event.eventType) };
  return {
    ...{ format: format.name, contentType: format.contentType, body, payloads: [payload] },
    headers: { ...type, ...thin, ...headers },
  };
}

const REF: DataRef = {
  url: "https://events.example.com/payloads/AQGY?x=1&y=%20",
  bytes: 9,
  expires: "2026-11-27T09:00:00.000Z",
};

function eventOf(dice: Dice, id: string): FormattedEvent {
  const attributes = dice.oneIn(2)
    ? null
    : JSON.stringify({ subject: text(dice), retries: dice.below(9), final: true });
  return {
    ...{ id, attributes, hasLargeAttributes: false, createdAt: "2026-11-24T09:00:00.123456Z" },
    eventType: dice.pick(["order.paid", "user.registered", "a.b.c", "Zoë.%", "x"]),
  };
}

/** JSON text with blanks, odd numbers, repeated keys and hard strings. */
function json(dice: Dice, depth: number): string {
  const blank = () => dice.pick(["", "", "", " ", "\n", "\t  "]);
  const list = (item: () => string) => Array.from({ length: dice.below(4) }, item).join(`${blank()},${blank()}`);
  switch (depth === 0 ? dice.below(4) : dice.below(6)) {
    case 0:
      return dice.pick(["0", "-0", "1.10", "12345678901234567890.5", "1e3", "-1.5E-7", "1e400"]);
    case 1:
      return dice.pick(["true", "false", "null", '""']);
    case 2:
    case 3:
      return JSON.stringify(text(dice));
    case 4:
      return `[${blank()}${list(() => json(dice, depth - 1))}${blank()}]`;
    default:
      return `{${blank()}${list(() => `${JSON.stringify(text(dice))}${blank()}:${json(dice, depth - 1)}`)}}`;
  }
}

function text(dice: Dice): string {
  const part = () =>
    dice.pick(["a", "id", "type", "data", "__proto__", '"', "\\", "<", "]]>", "&amp;", "é", "🚂", "\u2028", " "]);
  return Array.from({ length: dice.below(5) }, part).join("");
}

async function encrypted(plain: Draft, webhookId: string): Promise<Draft> {
  if (ENCRYPTION_KEY.kind !== "key") throw new Error("the key cannot encrypt");
  const body = await encryptBody(ENCRYPTION_KEY.key, plain.body, {
    ...{ contentType: plain.contentType, webhookId, endpointId: "5b1f0a3e-0000-7000-8000-000000000001" },
  });
  return { ...plain, contentType: "application/jose+json", body };
}

const CONTENT_TYPES = [
  ...["", "application/json", "APPLICATION/JSON; charset=utf-8", "application/json;charset=utf-16", "text/plain"],
  ...["application/xml", "text/xml", "application/cloudevents+json", "application/cloudevents-batch+json"],
  ...["application/cloudevents+xml", "application/jose+json", "application/jose", "application/x-www-form-urlencoded"],
  ...[";", "/", "a/b;".repeat(50), "multipart/form-data; boundary=x"],
] as [string, ...string[]];

function spoil(dice: Dice, draft: Draft): Draft {
  if (dice.oneIn(4)) return { ...draft, contentType: dice.pick(CONTENT_TYPES) };
  if (dice.oneIn(4)) return { ...draft, headers: spoilHeaders(dice, draft.headers) };
  let body = draft.body;
  for (let count = 1 + dice.below(3); count > 0; count -= 1) body = spoilBytes(dice, body);
  return { ...draft, body };
}

const ODD_VALUES = [
  "",
  " ",
  "%",
  "%zz",
  "%ff",
  "1".repeat(300),
  "null",
  "__proto__",
  "\u00ff",
  "a, b",
  "-1",
  "true",
] as [string, ...string[]];

function spoilHeaders(dice: Dice, headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = [
    ...Object.keys(headers),
    ...["postrider-event-type", "postrider-attempt", "postrider-thin", "postrider-ordering-key", "traceparent"],
    ...["ce-id", "ce-specversion", "ce-type", "ce-source", "ce-dataref", "ce-datarefsize", "ce-__proto__", "ce-x"],
  ] as [string, ...string[]];
  const kept = Object.entries(headers).filter(() => !dice.oneIn(5));
  return { ...Object.fromEntries(kept), [dice.pick(names)]: dice.pick(ODD_VALUES) };
}

const PIECES = [
  ...[
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "<",
    ">",
    "</",
    "/>",
    "&",
    ";",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
  ],
  ...[
    "<!DOCTYPE a>",
    "<data>",
    "</data>",
    "<type>",
    '"data":',
    '"type":',
    '"id":',
    '"__proto__":',
    "null",
    "0",
    "\u0000",
  ],
  ...["\ufeff", "\ud83d", "&#0;", "&#xD800;", "&lol;", " ", "\n", 'xmlns="x"', "1e999"],
] as [string, ...string[]];

function spoilBytes(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + dice.below(dice.oneIn(4) ? 40 : 3));
  const [before, piece, behind] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (dice.below(7)) {
    case 0:
      return before;
    case 1:
      return Buffer.concat([before, behind]);
    case 2:
      return Buffer.concat([before, piece, piece, behind]);
    case 3:
      return Buffer.concat([before, Buffer.from(dice.pick(PIECES)), behind]);
    case 4:
      return Buffer.concat([before, Buffer.from([dice.below(256)]), behind]);
    case 5:
      return Buffer.concat([before, Buffer.from(dice.pick(PIECES)), piece, behind]);
    default:
      return Buffer.concat([behind, before]);
  }
}

/** What the signature covers is changed behind it. */
function forge(
  dice: Dice,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } {
  if (dice.oneIn(3)) {
    let spoiled = spoilBytes(dice, body);
    if (spoiled.equals(body)) spoiled = Buffer.concat([body, Buffer.from(" ")]);
    return { headers, body: spoiled };
  }
  const name = dice.pick(["webhook-id", "webhook-timestamp", "webhook-signature"]);
  return { headers: { ...headers, [name]: forgedValue(dice, name, headers[name] ?? "") }, body };
}

function forgedValue(dice: Dice, name: string, value: string): string {
  const at = dice.below(value.length);
  const other = value[at] === "A" ? "B" : "A";
  const changed = `${value.slice(0, at)}${other}${value.slice(at + 1)}`;
  const odd = dice.pick([
    ...ODD_VALUES,
    "v1,",
    "v1a,AAAA",
    "v1,".repeat(500),
    "9".repeat(50),
    now(-400),
    now(400),
    "1.5",
  ]);
  const rest = [changed, `${value}A`, `x${value}`, value.slice(0, -1), `${value}.1`, odd] as const;
  return name === "webhook-timestamp"
    ? dice.pick([`${value}x`, `${value}.0`, ` ${value}`, `${value}0`, odd])
    : dice.pick([...rest]);
}
