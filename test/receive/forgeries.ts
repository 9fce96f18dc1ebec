/** Requests of an order.paid that must be refused, each signed as well as a forger could, or as a lax verifier would have it. */
import { mac, now, randomSecret, type Signed, sign } from "./signing.ts";

export interface Forgery {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Headers = Readonly<Record<string, string>>;

export function forgeriesOf(event: Signed): readonly Forgery[] {
  const headers = sign(event);
  const text = event.body.toString();
  const changed = (name: string, change: Headers): Forgery => ({
    name,
    headers: { ...headers, ...change },
    body: text,
  });
  return [
    ...["webhook-id", "webhook-timestamp", "webhook-signature"].flatMap((name) => [
      { name: `no ${name}`, headers: without(headers, name), body: text },
      changed(`empty ${name}`, { [name]: "" }),
    ]),
    ...IDS.map((id) => changed(`id ${id.slice(0, 20)}`, sign({ ...event, id }))),
    ...timestampsOf(event).map(([name, change]) => changed(name, change)),
    ...signaturesOf(event).map((signature) =>
      changed(`signature ${signature.slice(0, 60)}`, { "webhook-signature": signature }),
    ),
    ...bodiesOf(text).map((body) => ({ name: `body ${body.slice(0, 60)}`, headers, body })),
  ];
}

/** With its last dot where it is, each signs what another id with another timestamp or body would sign as well. */
const IDS = ["evt.1", "1.1700000000", "one,two", "one, two", "one two", "x".repeat(257), latin1("é"), "tab\there"];

function timestampsOf(event: Signed): readonly (readonly [string, Headers])[] {
  const seconds = now();
  const lax = [
    ...[`${seconds}abc`, `${seconds}.0`, `${seconds}.5`, `+${seconds}`, `${seconds}e0`, `${seconds},`, `${seconds} 1`],
    ...[`${seconds.slice(0, 4)}_${seconds.slice(4)}`, `0x${Number(seconds).toString(16)}`, `-${seconds}`],
    ...[latin1([...seconds].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join("")), `${seconds}000`],
    ...["NaN", "Infinity", "1e400", "9".repeat(400), now(-310), now(310), "0", "-1"],
  ];
  // Over the text, as one verifier reads it, and over the number, as another does.
  return lax.flatMap(
    (timestamp) =>
      [
        [`timestamp ${timestamp.slice(0, 20)}, itself signed`, sign({ ...event, timestamp })],
        [
          `timestamp ${timestamp.slice(0, 20)}, its number signed`,
          { ...sign({ ...event, timestamp: seconds }), "webhook-timestamp": timestamp },
        ],
      ] as const,
  );
}

function signaturesOf(event: Signed): readonly string[] {
  const right = sign(event)["webhook-signature"] ?? "";
  const base64 = right.slice("v1,".length);
  const forged = sign({ ...event, secret: randomSecret() })["webhook-signature"] ?? "";
  return [
    ...["v1", "v1,", ",", "v1,,", "v1,AAAA", latin1("v1,é"), "v1,\u00ff\u00fe", base64, `V1,${base64}`, `v2,${base64}`],
    ...[
      `v1a,${base64}`,
      `v1,${base64.slice(0, -1)}`,
      `v1,${base64.slice(0, -5)}`,
      `${right}A`,
      `${right}==`,
      `${right},`,
    ],
    ...[`v1 ,${base64}`, `v1, ${base64}`, `v1,${base64.toLowerCase()}`, `x${right}`, forged, `${forged} ${forged}`],
    ...[`${forged},${right}`, "v1,AAAA ".repeat(400).trim(), mac(event.secret ?? "whsec_", "", event.body)],
  ];
}

function bodiesOf(body: string): readonly string[] {
  const changed = body.replace("order.paid", "order.void");
  return [changed, `${body} `, ` ${body}`, JSON.stringify({ ...JSON.parse(body), a: 1 }), ""];
}

function without(headers: Headers, name: string): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
}

/** A header is bytes; this text has one character for each byte of the UTF-8. */
function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}
