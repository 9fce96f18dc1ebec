/**
 * What our client, undici and Node's client make of the same bytes. Where they differ, a rule must say why. Most rules say
 * that we are stricter; one about undici alone holds only if Node's client reads the answer as ours does.
 */
import { isDeepStrictEqual } from "node:util";
import type { AnswerCase } from "./answerCases.ts";
import { endOfOurs, type Reading, type Refused, readByNode, readByOurs, readByUndici } from "./peers.ts";

export type Peer = "undici" | "node" | "ours, cut finely";

export interface Difference {
  readonly peer: Peer;
  /** The rule that explains it; undefined if none does. */
  readonly rule: string | undefined;
  readonly ours: Reading;
  readonly theirs: Reading;
}

interface Comparison {
  readonly ours: Reading;
  readonly differences: readonly Difference[];
}

const PEERS = { undici: readByUndici, node: readByNode } as const;

export async function compare(answer: AnswerCase): Promise<Comparison> {
  const ours = readByOurs(answer);
  const differences: Difference[] = [];
  const finely = readByOurs({ ...answer, pieces: finePieces(answer.bytes) });
  if (!isSame(ours, finely)) {
    differences.push({ peer: "ours, cut finely", rule: undefined, ours, theirs: finely });
  }
  for (const peer of ["undici", "node"] as const) {
    const theirs = await PEERS[peer](answer);
    if (!isSame(ours, theirs)) {
      differences.push({ peer, rule: await ruleFor(peer, ours, theirs, answer), ours, theirs });
    }
  }
  return { ours, differences };
}

/** A byte at a time, or more of a long answer. */
function finePieces(bytes: Buffer): Buffer[] {
  const size = Math.ceil((bytes.length + 1) / 300);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** Two refusals are the same, however they are put. */
function isSame(ours: Reading, theirs: Reading): boolean {
  if ("refused" in ours || "refused" in theirs) {
    return "refused" in ours && "refused" in theirs;
  }
  return isDeepStrictEqual({ ...ours, headers: { ...ours.headers } }, { ...theirs, headers: { ...theirs.headers } });
}

/** By what our client says of an answer that another one accepts. */
const STRICTER: readonly (readonly [RegExp, string])[] = [
  [/^the receiver switched protocols/, "101 answers an upgrade, and we ask for none"],
  [/no status line\)$/, "an answer begins with HTTP/1.0 or HTTP/1.1 and a status from 100 to 999"],
  [
    /a character of the status line\)$/,
    "a reason has visible ASCII, blanks and 0x80-0xff, and its line ends with CRLF",
  ],
  [/a content-length\)$/, "a content-length has 1 to 15 digits, even where there is no body"],
  [/a transfer-encoding\)$/, "a transfer-encoding is a list of names"],
  [/a chunk's size\)$/, "a chunk's size has 1 to 13 digits"],
  [/a chunk's extension\)$/, "a chunk's extension has a name, and if it has a value, a name or a quoted text"],
  [/a chunk's extensions of more than 1024 bytes\)$/, "a chunk's extensions have at most 1024 bytes"],
  [/a trailer that frames the body\)$/, "trailers have no content-length and no transfer-encoding"],
  [/^the answer's headers are larger than/, "the status line counts as part of the headers"],
];

const EXCESS = "an answer ends where it ends: it counts, what is behind it does not, and the connection is closed";

async function ruleFor(
  peer: keyof typeof PEERS,
  ours: Reading,
  theirs: Reading,
  answer: AnswerCase,
): Promise<string | undefined> {
  if ("refused" in ours) {
    return STRICTER.find(([fault]) => fault.test(ours.refused))?.[1];
  }
  const end = endOfOurs(answer);
  if ("refused" in theirs && end !== undefined) {
    const bytes = answer.bytes.subarray(0, end);
    const theirsWithout = await PEERS[peer]({ ...answer, bytes, pieces: [bytes] });
    return isSame(ours, theirsWithout) ? EXCESS : laxer(peer, ours, theirsWithout, answer);
  }
  return laxer(peer, ours, theirs, answer);
}

/** Where one of the others refuses what we accept. */
async function laxer(
  peer: keyof typeof PEERS,
  ours: Reading,
  theirs: Reading,
  answer: AnswerCase,
): Promise<string | undefined> {
  if (!("refused" in theirs)) {
    return undefined;
  }
  const rule = peer === "undici" ? undiciRule(theirs, answer) : undefined;
  if (rule !== undefined) {
    const end = endOfOurs(answer) ?? answer.bytes.length;
    const bytes = answer.bytes.subarray(0, end);
    return isSame(ours, await readByNode({ ...answer, bytes, pieces: [bytes] })) ? rule : undefined;
  }
  return /overflow/i.test(theirs.refused) ? "Node counts colons and line ends as part of the headers" : undefined;
}

/** Why undici alone refuses an answer, if Node's client reads it as ours does. */
function undiciRule({ refused }: Refused, { bytes }: AnswerCase): string | undefined {
  const text = bytes.toString("latin1");
  if (refused === "bad response" && /^HTTP\/1\.[01] 100[ \r]/m.test(text)) {
    return "100 Continue unasked is passed over, RFC 9110 §15.2, as Node's client agrees";
  }
  // It refuses a length of 0 with a blank behind it, RFC 9110 §5.5, after it has read the answer by that length.
  return /^content-length:.*[\t ]\r$/im.test(text)
    ? "blanks behind a content-length do not belong to it, as Node's client agrees"
    : undefined;
}
