/** Receivers that misbehave, each in one way, and what the attempt must say of it. */
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Attempt } from "../../src/domain/attempt.ts";

export interface Misbehaviour {
  readonly what: string;
  /** Called with a request that has been read. */
  readonly answer: (socket: Socket) => void | Promise<void>;
  readonly kind: Attempt["failureKind"];
  /** Null after a success. */
  readonly error: RegExp | null;
  readonly status?: number;
  /** Node cannot reset a connection under TLS. */
  readonly isPlain?: true;
}

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const KIB = "x".repeat(1_024);
/** A thousand times as large. */
const BOMB = gzipSync(Buffer.alloc(30_000_000));

/** Writes as fast as it is taken, until the connection is closed. */
function flood(socket: Socket, piece: string | Buffer): void {
  const onDrain = (): void => {
    while (!socket.destroyed && socket.writable && socket.write(piece, "latin1")) {
      // Until the kernel takes no more.
    }
  };
  socket.on("drain", onDrain);
  onDrain();
}

async function trickle(socket: Socket, piece: string): Promise<void> {
  while (!socket.destroyed) {
    socket.write(piece, "latin1");
    await delay(20);
  }
}

function first(head: string, then: (socket: Socket) => void | Promise<void>): (socket: Socket) => void | Promise<void> {
  return (socket) => {
    socket.write(head, "latin1");
    return then(socket);
  };
}

function says(text: string | Buffer): (socket: Socket) => void {
  return (socket) => void socket.end(text, "latin1");
}

const DEADLINE = /^\d+ ms passed before /;
const TOO_LARGE = /^the answer's headers are larger than 16384 bytes$/;
const EXTENSIONS_TOO_LONG = /extensions of more than 1024 bytes/;

/** These end when the deadline of the attempt passes, and not before. */
export const SLOW: readonly Misbehaviour[] = [
  { what: "accepts and says nothing", answer: () => {}, kind: "timeout", error: DEADLINE },
  {
    what: "trickles its headers",
    answer: first(OK, (socket) => trickle(socket, "x: y\r\n")),
    kind: "timeout",
    error: DEADLINE,
  },
  { what: "trickles one header", answer: first(`${OK}x: `, (s) => trickle(s, "y")), kind: "timeout", error: DEADLINE },
  {
    what: "trickles its body",
    answer: first(`${OK}content-length: 9999999\r\n\r\n`, (socket) => trickle(socket, "y")),
    kind: "timeout",
    error: /^\d+ ms passed before the answer's end$/,
    status: 200,
  },
  {
    what: "trickles chunks of one byte",
    answer: first(CHUNKED, (socket) => trickle(socket, "1\r\ny\r\n")),
    kind: "timeout",
    error: DEADLINE,
    status: 200,
  },
  {
    what: "trickles informational answers",
    answer: (socket) => trickle(socket, "HTTP/1.1 103 Early Hints\r\n\r\n"),
    kind: "timeout",
    error: /before an answer$/,
  },
  {
    what: "promises more than it sends, and stays",
    answer: first(`${OK}content-length: 10\r\n\r\n12345`, () => {}),
    kind: "timeout",
    error: DEADLINE,
    status: 200,
  },
];

/** These end at once, long before any deadline. */
export const CUT_OFF: readonly Misbehaviour[] = [
  { what: "floods headers", answer: first(OK, (s) => flood(s, `x: ${KIB}\r\n`)), kind: "protocol", error: TOO_LARGE },
  {
    what: "floods empty headers",
    answer: first(OK, (s) => flood(s, "x:\r\n".repeat(200))),
    kind: "protocol",
    error: TOO_LARGE,
  },
  { what: "floods one header", answer: first(`${OK}x: `, (s) => flood(s, KIB)), kind: "protocol", error: TOO_LARGE },
  {
    what: "floods the name of a header",
    answer: first(OK, (socket) => flood(socket, KIB)),
    kind: "protocol",
    error: TOO_LARGE,
  },
  {
    what: "floods its status text",
    answer: first("HTTP/1.1 200 ", (socket) => flood(socket, KIB)),
    kind: "protocol",
    error: TOO_LARGE,
  },
  {
    what: "sends a status text of 20 kB",
    answer: says(`HTTP/1.1 200 ${KIB.repeat(20)}\r\ncontent-length: 0\r\n\r\n`),
    kind: "protocol",
    error: TOO_LARGE,
  },
  {
    what: "floods informational answers",
    answer: (socket) => flood(socket, "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50)),
    kind: "protocol",
    error: /more than 65536 bytes of informational answers/,
  },
  {
    what: "floods the extension of a chunk",
    answer: first(`${CHUNKED}5;`, (socket) => flood(socket, KIB)),
    kind: "protocol",
    error: EXTENSIONS_TOO_LONG,
    status: 200,
  },
  {
    what: "floods the size of a chunk",
    answer: first(CHUNKED, (socket) => flood(socket, "0".repeat(1_024))),
    kind: "protocol",
    error: /a chunk's size/,
    status: 200,
  },
  {
    what: "floods trailers",
    answer: first(`${CHUNKED}0\r\n`, (socket) => flood(socket, `x: ${KIB}\r\n`)),
    kind: "protocol",
    error: TOO_LARGE,
    status: 200,
  },
  {
    what: "floods chunks of one byte, which count with their sizes",
    answer: first(CHUNKED, (socket) => flood(socket, "1;a=b\r\ny\r\n".repeat(100))),
    kind: null,
    error: null,
    status: 200,
  },
  {
    what: "floods a body with a length",
    answer: first(`${OK}content-length: 99999999999\r\n\r\n`, (socket) => flood(socket, KIB)),
    kind: null,
    error: null,
    status: 200,
  },
  {
    what: "floods a body without a length",
    answer: first("HTTP/1.1 500 No\r\n\r\n", (socket) => flood(socket, KIB)),
    kind: "status",
    error: /answered 500/,
    status: 500,
  },
  {
    what: "floods bytes behind its answer",
    answer: first(`${OK}content-length: 2\r\n\r\nok`, (socket) => flood(socket, KIB)),
    kind: null,
    error: null,
    status: 200,
  },
  {
    what: "answers with a bomb of gzip",
    answer: (socket) => {
      socket.write(`${OK}content-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n`);
      socket.write(BOMB);
    },
    kind: null,
    error: null,
    status: 200,
  },
  {
    what: "names ten content-encodings, which nobody undoes",
    answer: says(`${OK}content-encoding: ${"gzip, ".repeat(10)}br\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00`),
    kind: null,
    error: null,
    status: 200,
  },
  {
    what: "puts NUL and invalid UTF-8 into its body",
    answer: says(`${OK}x: \xff\xfe\r\ncontent-length: 8\r\n\r\na\0\xff\xc3\xed\xa0\x80b`),
    kind: null,
    error: null,
    status: 200,
  },
  { what: "puts NUL into a header", answer: says(`${OK}x: a\0b\r\n\r\n`), kind: "protocol", error: /a header's value/ },
  {
    what: "puts NUL into its status text",
    answer: says("HTTP/1.1 200 O\0K\r\n\r\n"),
    kind: "protocol",
    error: /status line/,
  },
  {
    what: "names two lengths",
    answer: says(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\nabc`),
    kind: "protocol",
    error: /two content-lengths/,
  },
  {
    what: "names a negative length",
    answer: says(`${OK}content-length: -1\r\n\r\n`),
    kind: "protocol",
    error: /a content-length/,
  },
  {
    what: "names a length beyond all numbers",
    answer: says(`${OK}content-length: 99999999999999999999\r\n\r\n`),
    kind: "protocol",
    error: /a content-length/,
  },
  {
    what: "promises more than it sends, and closes",
    answer: says(`${OK}content-length: 10\r\n\r\n12345`),
    kind: "reset",
    error: /before the end of its answer/,
    status: 200,
  },
  { what: "closes without an answer", answer: (s) => void s.end(), kind: "reset", error: /before an answer/ },
  {
    what: "resets without an answer",
    answer: (s) => void s.resetAndDestroy(),
    kind: "reset",
    error: /before an answer/,
    isPlain: true,
  },
  {
    what: "resets in the middle of its body",
    answer: (socket) => {
      socket.write(`${OK}content-length: 10\r\n\r\n12345`, () => setTimeout(() => socket.resetAndDestroy(), 20));
    },
    kind: "reset",
    error: /before the end of its answer \(ECONNRESET\)/,
    status: 200,
    isPlain: true,
  },
  {
    what: "resets in the middle of its headers",
    answer: (socket) => void socket.write(`${OK}x: `, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    kind: "reset",
    error: /before an answer \(ECONNRESET\)/,
    isPlain: true,
  },
  { what: "speaks another protocol", answer: says("220 smtp ready\r\n"), kind: "protocol", error: /no status line/ },
];
