import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerParser, type AnswerSink, type Progress } from "../../src/http/answerParser.ts";

const LIMITS = { responseHeaderBytesMax: 1_000, responseBytesRead: 10_000 };
const IGNORING: AnswerSink = { onHead() {}, onBody() {} };

/** What the parser says of bytes that arrive in pieces of this size. */
function progressOf(text: string, pieceBytes = text.length): Progress {
  return read(new AnswerParser(LIMITS), text, pieceBytes);
}

function read(parser: AnswerParser, text: string, pieceBytes = text.length): Progress {
  const bytes = Buffer.from(text, "latin1");
  parser.begin();
  let progress: Progress = "more";
  for (let at = 0; at < bytes.length && progress === "more"; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    progress = parser.read(piece, piece.length, IGNORING);
  }
  return progress;
}

function assertRefused(text: string, why: RegExp): void {
  for (const pieceBytes of [text.length, 1, 7]) {
    const progress = progressOf(text, pieceBytes);
    assert.ok(typeof progress !== "string", `${JSON.stringify(text.slice(0, 80))} is not refused`);
    assert.match(progress.fault, why);
  }
}

const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

test("an answer is refused at its first wrong byte, not at the end of the line", () => {
  for (const text of ["S", "HTTP/2", "HTTP/1.1 2x", "HTTP/1.1 0", "HTTP/1.1 200 a\n", "HTTP/1.1 200\r\nx "]) {
    assertRefused(text, /^the answer is not well-formed HTTP/);
    assert.equal(progressOf(text.slice(0, -1)), "more");
  }
});

test("each way to smuggle a length is refused", () => {
  for (const fields of [
    "content-length: 1\r\ncontent-length: 1",
    "content-length: 1, 1",
    "content-length: +1",
    "content-length: -1",
    "content-length: 0x1",
    "content-length: 1e1",
    "content-length:",
    "content-length: 1234567890123456",
    "content-length: 1\r\ntransfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 1",
    "transfer-encoding: chunk ed",
    "transfer-encoding : chunked",
    "x: y\r\n content-length: 1",
    "x: y\r\n\tz",
    "x: y\nz: a",
    "x: y\rz: a",
    ": y",
  ]) {
    assertRefused(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`, /^the answer is not well-formed HTTP/);
  }
});

test("an informational answer is refused if it says that nothing follows, whatever follows", () => {
  const final = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
  for (const head of [
    "HTTP/1.1 100 Continue\r\nConnection: close",
    "HTTP/1.1 103 Early Hints\r\nconnection: x, Close",
    "HTTP/1.1 102\r\nconnection: keep-alive\r\nconnection: close",
    "HTTP/1.0 103 Early Hints",
  ]) {
    assertRefused(`${head}\r\n\r\n${final}`, /^the receiver ended the connection with an informational answer$/);
    assertRefused(`HTTP/1.1 103 Early Hints\r\n\r\n${head}\r\n\r\n`, /^the receiver ended the connection/);
  }
  for (const field of ["connection: keep-alive", "connection: upgrade", "x: close"]) {
    assert.equal(progressOf(`HTTP/1.1 103 Early Hints\r\n${field}\r\n\r\n${final}`), "ended", field);
  }
});

test("each way to spoil a chunk is refused", () => {
  for (const chunks of [
    "\r\n",
    ";a\r\n",
    " 1\r\n",
    "1 \r\n",
    "-1\r\n",
    "0x1\r\n",
    "1\n",
    "00000000000001\r\n",
    "1\r\nab\r\n",
    "1\r\na\n",
    "1;\r\n",
    "1;a=\r\n",
    '1;a="b\r\n',
    "1; a\r\n",
    "1;a\0\r\n",
    "0\r\n x: y\r\n\r\n",
    "0\r\nx\r\n\r\n",
    "0\r\nContent-Length: 2\r\n\r\n",
    "0\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n",
  ]) {
    assertRefused(CHUNKED + chunks, /^the answer is not well-formed HTTP/);
  }
});

test("a head and trailers have the same limit, wherever they are cut", () => {
  const head = (bytes: number) => `HTTP/1.1 200 OK\r\nx:${"y".repeat(bytes - 16)}`;
  assert.equal(progressOf(`${head(1_000)}\r\n`), "more");
  assertRefused(`${head(1_001)}\r\n`, /^the answer's headers are larger than 1000 bytes$/);
  assertRefused(head(1_010), /^the answer's headers are larger than 1000 bytes$/);
  assertRefused(`HTTP/1.1 200 ${"y".repeat(1_010)}`, /^the answer's headers are larger than 1000 bytes$/);
  assertRefused(`${CHUNKED}0\r\n${"x:y\r\n".repeat(501)}`, /^the answer's headers are larger than 1000 bytes$/);
  assertRefused(
    `${CHUNKED}1;${"e".repeat(1_100)}`,
    /^the answer is not well-formed HTTP .*extensions of more than 1024/,
  );
});

test("a body is overlong by its bytes off the socket: the sizes and extensions of chunks count", () => {
  const chunks = `1;e=${"e".repeat(90)}\r\na\r\n`;
  assert.equal(progressOf(CHUNKED + chunks.repeat(98), 50), "more");
  assert.equal(progressOf(CHUNKED + chunks.repeat(103), 50), "overlong");
  assert.equal(progressOf(`HTTP/1.1 200 OK\r\n\r\n${"a".repeat(10_000)}`, 50), "more");
  assert.equal(progressOf(`HTTP/1.1 200 OK\r\n\r\n${"a".repeat(10_001)}`, 50), "overlong");
});

test("a connection is reusable if the answer ended by its own framing and neither side closes", () => {
  for (const [text, isReusable] of [
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true],
    [`${CHUNKED}2\r\nok\r\n0\r\nx: y\r\n\r\n`, true],
    ["HTTP/1.1 204 No Content\r\n\r\n", true],
    ["HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", true],
    ["HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok", true],
    ["HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false],
    ["HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok", false],
    ["HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", false],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok!", false],
    ["HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n", false],
  ] as const) {
    const parser = new AnswerParser(LIMITS);
    assert.equal(read(parser, text), "ended", text);
    assert.equal(parser.isReusable, isReusable, text);
  }
});

test("an answer ends with its connection only if nothing else says where it ends", () => {
  for (const [text, end] of [
    ["HTTP/1.1 200 OK\r\n\r\nabc", "ended"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc", "ended"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", "cut short"],
    [`${CHUNKED}3\r\nabc\r\n`, "cut short"],
    [`${CHUNKED}3\r\nabc\r\n0\r\n`, "cut short"],
    ["HTTP/1.1 200 OK\r\n", "cut short"],
  ] as const) {
    const parser = new AnswerParser(LIMITS);
    assert.equal(read(parser, text), "more");
    assert.equal(parser.close(), end, text);
  }
});
