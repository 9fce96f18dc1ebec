/** One answer as three clients read it: ours, undici, and Node's own. */
import { Agent, type IncomingMessage, request } from "node:http";
import { Duplex } from "node:stream";
import { Client } from "undici";
import { keepHeaders } from "../../src/http/answer.ts";
import type { AnswerHead } from "../../src/http/answerHead.ts";
import { AnswerParser, type AnswerSink, type Progress } from "../../src/http/answerParser.ts";
import type { AnswerCase } from "./answerCases.ts";

export interface Accepted {
  readonly status: number;
  /** Lower-case names; repeated ones joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Refused {
  /** Why, in the client's own words. */
  readonly refused: string;
}

export type Reading = Accepted | Refused;

export const CUT_SHORT: Refused = { refused: "cut short" };

/** No limit that the cases can meet, except that of headers, which is the same for all. */
const LIMITS = { responseHeaderBytesMax: 16_384, responseBytesRead: 1_000_000 };

export function readByOurs({ pieces }: AnswerCase): Reading {
  const answer = new Noted();
  const parser = new AnswerParser(LIMITS);
  parser.begin();
  for (const piece of pieces) {
    const progress = parser.read(piece, piece.length, answer);
    if (typeof progress !== "string") {
      return { refused: progress.fault };
    }
    if (progress === "ended") {
      return answer.reading;
    }
  }
  return parser.close() === "ended" ? answer.reading : CUT_SHORT;
}

/** How many bytes the answer has, if there are more. */
export function endOfOurs({ bytes }: AnswerCase): number | undefined {
  let [tooFew, enough] = [0, bytes.length];
  while (enough - tooFew > 1) {
    const count = (tooFew + enough) >> 1;
    if (progressOf(bytes.subarray(0, count)) === "ended") {
      enough = count;
    } else {
      tooFew = count;
    }
  }
  return enough < bytes.length ? enough : undefined;
}

function progressOf(bytes: Buffer): Progress {
  const parser = new AnswerParser(LIMITS);
  parser.begin();
  return parser.read(bytes, bytes.length, new Noted());
}

class Noted implements AnswerSink {
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #body = "";

  onHead({ status, fields }: AnswerHead): void {
    this.#status = status;
    this.#headers = keepHeaders(fields, Number.MAX_SAFE_INTEGER);
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    this.#body += bytes.toString("latin1", from, to);
  }

  get reading(): Accepted {
    return { status: this.#status, headers: this.#headers, body: this.#body };
  }
}

export function readByUndici({ pieces }: AnswerCase): Promise<Reading> {
  return new Promise((resolve) => {
    const wire = new Wire(pieces);
    const client = new Client("http://receiver.example", {
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: LIMITS.responseHeaderBytesMax,
      connect: (_, callback) => queueMicrotask(() => callback(null, wire as never)),
    });
    let status = 0;
    let headers: Readonly<Record<string, string>> = {};
    const body: string[] = [];
    const done = (reading: Reading): void => {
      resolve(reading);
      void client.destroy();
    };
    client.dispatch(
      { path: "/", method: "POST", body: "x" },
      {
        onRequestStart() {},
        onResponseStart(_, received, receivedHeaders) {
          status = received;
          headers = joined(
            Object.entries(receivedHeaders).flatMap(([name, value]) =>
              [value ?? ""].flat().map((each): [string, string] => [name, each]),
            ),
          );
        },
        onResponseData: (_, chunk) => void body.push(chunk.toString("latin1")),
        onResponseEnd: () => done({ status, headers, body: body.join("") }),
        onResponseError: (_, error) => done({ refused: error.message }),
      },
    );
  });
}

export function readByNode({ pieces }: AnswerCase): Promise<Reading> {
  return new Promise((resolve) => {
    const wire = new Wire(pieces);
    const agent = new Agent();
    agent.createConnection = () => wire as never;
    const sent = request({
      host: "receiver.example",
      method: "POST",
      agent,
      maxHeaderSize: LIMITS.responseHeaderBytesMax,
    });
    sent.on("response", (answer) => void readNodeAnswer(answer, resolve));
    sent.on("error", (error) => resolve({ refused: error.message }));
    sent.on("upgrade", () => resolve({ refused: "upgrade" }));
    sent.on("close", () => wire.destroy());
    sent.end("x");
  });
}

function readNodeAnswer(answer: IncomingMessage, resolve: (reading: Reading) => void): void {
  const body: string[] = [];
  const pairs: [string, string][] = [];
  for (let index = 0; index < answer.rawHeaders.length; index += 2) {
    pairs.push([(answer.rawHeaders[index] ?? "").toLowerCase(), answer.rawHeaders[index + 1] ?? ""]);
  }
  answer.on("data", (chunk: Buffer) => body.push(chunk.toString("latin1")));
  answer.on("error", (error) => resolve({ refused: error.message }));
  answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: joined(pairs), body: body.join("") }));
}

/** undici leaves the blanks behind a value, which do not belong to it. RFC 9110 §5.5. */
function joined(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of pairs) {
    const former = headers[name];
    const trimmed = value.replace(/[\t ]+$/, "");
    headers[name] = former === undefined ? trimmed : `${former}, ${trimmed}`;
  }
  return headers;
}

/** A socket without a network: when a request has been written, the pieces come in, and then the end. */
class Wire extends Duplex {
  #pieces: readonly Buffer[] | undefined;

  constructor(pieces: readonly Buffer[]) {
    super();
    this.#pieces = pieces;
    this.on("error", () => {});
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    callback();
    this.#answer();
  }

  override _writev(_chunks: unknown, callback: () => void): void {
    callback();
    this.#answer();
  }

  #answer(): void {
    const pieces = this.#pieces;
    this.#pieces = undefined;
    if (pieces !== undefined) {
      setImmediate(() => {
        for (const piece of pieces) this.push(piece);
        this.push(null);
      });
    }
  }

  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;
}
