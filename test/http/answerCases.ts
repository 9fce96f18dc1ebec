/** Answers for the differential fuzz: well-formed ones by a small grammar, and what mutilation makes of them. */

/** The same numbers for the same seed, on every machine. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below the limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}

/** The bytes of one answer in the pieces in which they arrive; then the receiver closes the connection. */
export interface AnswerCase {
  readonly bytes: Buffer;
  readonly pieces: readonly Buffer[];
  readonly isMutilated: boolean;
}

export function makeCase(dice: Dice): AnswerCase {
  const isMutilated = !dice.oneIn(3);
  let bytes = Buffer.from(answer(dice), "latin1");
  for (let count = isMutilated ? 1 + dice.below(3) : 0; count > 0; count -= 1) {
    bytes = mutilate(dice, bytes);
  }
  return { bytes, pieces: cut(dice, bytes), isMutilated };
}

function answer(dice: Dice): string {
  let text = "";
  while (dice.oneIn(8)) {
    text += `HTTP/1.1 ${dice.pick(["103 Early Hints", "102 Processing", "100 Continue", "110 Odd"])}\r\n${fields(dice)}\r\n`;
  }
  const version = dice.pick(["1.1", "1.1", "1.1", "1.1", "1.1", "1.0"]);
  const status = dice.pick([
    "200 OK",
    "200 OK",
    "200 OK",
    "201",
    "204 No Content",
    "304 Not Modified",
    "429 Slow Down",
  ]);
  const rare = dice.pick(["500 ", "299 \xe4\xf6\t!", "999 What", "205 Reset Content", "410 Gone", "101 Switching"]);
  const head = `HTTP/${version} ${dice.oneIn(5) ? rare : status}\r\n${fields(dice)}`;
  return text + head + framedBody(dice) + (dice.oneIn(20) ? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" : "");
}

function framedBody(dice: Dice): string {
  const body = "x{}\r\n0 é".repeat(dice.below(dice.oneIn(10) ? 800 : 6)).slice(0, dice.below(6_000));
  switch (dice.below(10)) {
    case 0:
      return `${connection(dice)}\r\n${body}`;
    case 1:
    case 2:
    case 3:
      return `${dice.pick(CHUNKED)}\r\n${connection(dice)}\r\n${chunks(dice, body)}`;
    case 4:
      return `${connection(dice)}${dice.pick(ODD_FRAMING)}\r\n\r\n${body}`;
    default:
      return `Content-Length: ${body.length}\r\n${connection(dice)}${fields(dice)}\r\n${body}`;
  }
}

const CHUNKED = [
  "Transfer-Encoding: chunked",
  "transfer-encoding:chunked",
  "Transfer-Encoding: \t Chunked ",
  "transfer-encoding: gzip, chunked",
] as const;

const ODD_FRAMING = [
  "content-length: 3\r\ncontent-length: 3",
  "content-length: 3\r\ncontent-length: 4",
  "content-length: 3, 3",
  "content-length: +3",
  "content-length: 0x3",
  "content-length: 00003",
  "content-length:",
  "content-length: 3 ",
  "content-length: 3\r\ntransfer-encoding: chunked",
  "transfer-encoding: chunked\r\ncontent-length: 3",
  "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
  "transfer-encoding: chunked, gzip",
  "transfer-encoding: xchunked",
  "transfer-encoding: identity",
  "transfer-encoding:",
  "content-length: 18446744073709551616",
  "content-length: 9007199254740993",
] as const;

function connection(dice: Dice): string {
  return dice.pick([
    "",
    "",
    "",
    "Connection: close\r\n",
    "connection: keep-alive\r\n",
    "Connection: Keep-Alive, x\r\nKeep-Alive: timeout=5, max=100\r\n",
    "connection: upgrade\r\n",
    "connection: x, close\r\n",
  ]);
}

function fields(dice: Dice): string {
  let text = "";
  while (!dice.oneIn(3)) {
    const value = rarely(dice, "w".repeat(7_000 + dice.below(2_400)), dice.pick(VALUES));
    text += `${dice.pick(NAMES)}:${dice.pick(["", " ", "  \t"])}${value}\r\n`;
  }
  return text;
}

const NAMES = [
  "x",
  "X-Long-Name",
  "date",
  "Retry-After",
  "set-cookie",
  "Set-Cookie",
  "!#$%&'*+.^_`|~",
  "__proto__",
] as const;
const VALUES = [
  "",
  "a",
  "a b\t c ",
  "\xff\x80",
  "Sun, 29 Nov 2026 07:00:00 GMT",
  '"\\',
  "v".repeat(300),
  ": :",
] as const;

function chunks(dice: Dice, body: string): string {
  let text = "";
  let rest = body;
  while (rest !== "") {
    const size = 1 + dice.below(rest.length);
    const hex = size.toString(16);
    text += `${dice.pick([hex, hex, hex.toUpperCase(), `0${hex}`, rarely(dice, hex.padStart(14, "0"), hex)])}${extension(dice)}\r\n${rest.slice(0, size)}\r\n`;
    rest = rest.slice(size);
  }
  const trailers = dice.oneIn(4) ? fields(dice) + rarely(dice, `${dice.pick(ODD_FRAMING)}\r\n`, "") : "";
  return `${text}${dice.pick(["0", "0", "000"])}${extension(dice)}\r\n${trailers}\r\n`;
}

function rarely(dice: Dice, rare: string, usual: string): string {
  return dice.oneIn(40) ? rare : usual;
}

function extension(dice: Dice): string {
  return dice.oneIn(6)
    ? dice.pick([";a", ";a=b", ';a="b c"', rarely(dice, `;${"e".repeat(1_100)}`, ";e"), ";a=b;c", `;${"e".repeat(50)}`])
    : "";
}

function mutilate(dice: Dice, bytes: Buffer): Buffer<ArrayBuffer> {
  // Most of what there is to get wrong stands at the beginning.
  const at = dice.below(dice.oneIn(2) ? Math.min(bytes.length, 80) + 1 : bytes.length + 1);
  const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (dice.below(7)) {
    case 0:
      return Buffer.concat([before, behind.subarray(1 + dice.below(4))]);
    case 1:
      return Buffer.concat([before, Buffer.from([dice.below(256)]), behind]);
    case 2:
      return Buffer.concat([before, Buffer.from([dice.below(256)]), behind.subarray(1)]);
    case 3:
      return Buffer.concat([before, Buffer.from(dice.pick(INSERTED), "latin1"), behind]);
    case 4:
      return Buffer.concat([before]);
    case 5: {
      const from = dice.below(bytes.length + 1);
      return Buffer.concat([before, bytes.subarray(from, from + dice.below(40)), behind]);
    }
    default:
      return spoilLineEnd(dice, bytes);
  }
}

const INSERTED = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "0",
  "\r\n ",
  "\r\n\t",
  "\r\n\r\n",
  "chunked",
  "-1",
  "\x7f",
  "\r\ncontent-length: 2\r\n",
  "\r\ntransfer-encoding: chunked\r\n",
  "\r\nConnection: close\r\n",
  "HTTP/1.1 ",
] as const;

function spoilLineEnd(dice: Dice, bytes: Buffer): Buffer<ArrayBuffer> {
  const ends: number[] = [];
  for (let at = bytes.indexOf("\r\n"); at !== -1; at = bytes.indexOf("\r\n", at + 1)) {
    ends.push(at);
  }
  const at = ends[dice.below(Math.max(1, ends.length))] ?? 0;
  const instead = Buffer.from(dice.pick(["\n", "\r", "\r\r\n", "\n\n", " \r\n", "\r\n ", "\r \n", ""]));
  return Buffer.concat([bytes.subarray(0, at), instead, bytes.subarray(at + 2)]);
}

function cut(dice: Dice, bytes: Buffer): readonly Buffer[] {
  const most = dice.pick([bytes.length, bytes.length, 1, 3, 20, 500]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + dice.below(Math.max(1, most));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}
