import {
  type AnswerFault,
  type AnswerHead,
  headOf,
  MORE,
  malformed,
  Section,
  skipLineEnd,
  skipValue,
} from "./answerHead.ts";

/** One chunk's size with its extensions. */
const CHUNK_LINE_BYTES_MAX = 1_024;
/** 2^52 bytes. */
const CHUNK_SIZE_DIGITS_MAX = 13;

export interface AnswerLimits {
  /** Of the lines of a head, and of those of trailers, without colons and line ends. */
  readonly responseHeaderBytesMax: number;
  /**
   * Bytes of a body as it is transferred: sizes, extensions and trailers of chunks count. And of informational answers,
   * which would keep a core busy until the deadline if nothing limited them.
   */
  readonly responseBytesRead: number;
}

/** What hears of an answer as it is read. */
export interface AnswerSink {
  /** The final head; informational ones are passed over. */
  onHead(head: AnswerHead): void;
  /** A piece of the body, which is overwritten after the call. */
  onBody(bytes: Buffer, from: number, to: number): void;
}

/** more: of the answer; ended: the answer; overlong: the body has reached the limit of what is read of it. */
export type Progress = "more" | "ended" | "overlong" | AnswerFault;

type State = "head" | "length" | "until close" | "chunk size" | "chunk" | "chunk end" | "trailers" | "ended";

/** Reads the answers of one connection, one at a time, from pieces that may be cut anywhere. */
export class AnswerParser {
  readonly #limits: AnswerLimits;
  readonly #section: Section;
  #state: State = "ended";
  #informationalBytes = 0;
  /** The beginning of a line that has not come to its end, or of a section. */
  #unread: Buffer | undefined;
  /** Bytes that are left of the body or of the chunk. */
  #left = 0;
  #bodyBytes = 0;
  #fault: AnswerFault | undefined;
  #head: AnswerHead | undefined;
  /** Where the body begins in the bytes at hand. */
  #bodyStart = 0;
  /** Bytes came behind the answer that ended. */
  hasExcess = false;

  constructor(limits: AnswerLimits) {
    this.#limits = limits;
    this.#section = new Section(limits.responseHeaderBytesMax);
  }

  /** A request has been written; what comes next is its answer. */
  begin(): void {
    this.#state = "head";
    this.#section.begin(true);
    this.#informationalBytes = 0;
    this.#unread = undefined;
    this.#bodyBytes = 0;
    this.#head = undefined;
    this.hasExcess = false;
  }

  /** Whether the connection may carry another request, once the answer has ended. */
  get isReusable(): boolean {
    return !this.hasExcess && this.#head?.keepsAlive === true && this.#head.body !== "until close";
  }

  /** How long the receiver keeps the connection if it is idle, if it said so. */
  get keepAliveMs(): number | undefined {
    return this.#head?.keepAliveMs;
  }

  read(received: Buffer, receivedLength: number, sink: AnswerSink): Progress {
    let bytes = received;
    let length = receivedLength;
    if (this.#unread !== undefined) {
      bytes = Buffer.concat([this.#unread, received.subarray(0, receivedLength)]);
      length = bytes.length;
      this.#unread = undefined;
    }
    const isBody = this.#state !== "head";
    let at = 0;
    while (at < length) {
      const next = this.#step(bytes, at, length, sink);
      if (this.#fault !== undefined) {
        return this.#fault;
      }
      if (next === MORE) {
        this.#unread = Buffer.from(bytes.subarray(at, length));
        break;
      }
      at = next;
      if (this.#state === "ended") {
        this.hasExcess = at < length;
        return "ended";
      }
    }
    if (this.#state !== "head") {
      this.#bodyBytes += isBody ? receivedLength : length - this.#bodyStart;
    }
    return this.#bodyBytes > this.#limits.responseBytesRead ? "overlong" : "more";
  }

  /** The receiver sends nothing more. */
  close(): "ended" | "cut short" {
    return this.#state === "until close" ? "ended" : "cut short";
  }

  #step(bytes: Buffer, at: number, length: number, sink: AnswerSink): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes, at, length, sink);
      case "length":
        return this.#readPiece(bytes, at, length, sink, "ended");
      case "chunk":
        return this.#readPiece(bytes, at, length, sink, "chunk end");
      case "until close":
        sink.onBody(bytes, at, length);
        return length;
      case "chunk size":
        return this.#readChunkSize(bytes, at, length);
      case "chunk end":
        return this.#readChunkEnd(bytes, at, length);
      case "trailers":
        return this.#readTrailers(bytes, at, length);
      case "ended":
        return length;
    }
  }

  #readHead(bytes: Buffer, at: number, length: number, sink: AnswerSink): number {
    const end = this.#section.scan(bytes, at, length);
    if (typeof end !== "number") {
      return this.#refuse(end);
    }
    if (end === MORE) {
      return MORE;
    }
    const text = bytes.toString("latin1", at, end);
    const status = this.#section.statusOf(text);
    const head = headOf(status, this.#section.minorVersionOf(text), this.#section.fieldsOf(text));
    if ("fault" in head) {
      return this.#refuse(head);
    }
    if (status < 200) {
      return this.#passOver(head, end - at) ?? end;
    }
    this.#head = head;
    this.#bodyStart = end;
    this.#left = head.bodyLength;
    this.#state = STATE_AFTER_HEAD[head.body];
    sink.onHead(head);
    return end;
  }

  /** An informational answer; the final one follows. Undefined if that is all right. */
  #passOver({ status, keepsAlive }: AnswerHead, bytes: number): number | undefined {
    this.#informationalBytes += bytes;
    this.#section.begin(true);
    if (status === 101) {
      return this.#refuse({ fault: "the receiver switched protocols, which was not asked for" });
    }
    if (!keepsAlive) {
      // RFC 9112 §9.6: nothing is read behind an answer that says close, so the final one must not follow it.
      return this.#refuse({ fault: "the receiver ended the connection with an informational answer" });
    }
    const { responseBytesRead } = this.#limits;
    if (this.#informationalBytes > responseBytesRead) {
      return this.#refuse({ fault: `the receiver sent more than ${responseBytesRead} bytes of informational answers` });
    }
    return undefined;
  }

  #readPiece(bytes: Buffer, at: number, length: number, sink: AnswerSink, next: State): number {
    const end = Math.min(length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) {
      this.#state = next;
    }
    sink.onBody(bytes, at, end);
    return end;
  }

  #readChunkSize(bytes: Buffer, at: number, length: number): number {
    const sizeEnd = skipHex(bytes, at, length);
    const hasExtension = sizeEnd < length && bytes[sizeEnd] === SEMICOLON;
    const end = hasExtension ? skipValue(bytes, sizeEnd, length) : sizeEnd;
    const next = skipLineEnd(bytes, end, length);
    if (next === undefined || (sizeEnd === at && sizeEnd < length) || sizeEnd - at > CHUNK_SIZE_DIGITS_MAX) {
      return this.#refuse(malformed("a chunk's size"));
    }
    if (end - at > CHUNK_LINE_BYTES_MAX) {
      return this.#refuse(malformed(`a chunk's extensions of more than ${CHUNK_LINE_BYTES_MAX} bytes`));
    }
    if (next === MORE) {
      return MORE;
    }
    if (hasExtension && !EXTENSIONS.test(bytes.toString("latin1", sizeEnd, end))) {
      return this.#refuse(malformed("a chunk's extension"));
    }
    this.#left = Number.parseInt(bytes.toString("latin1", at, sizeEnd), 16);
    if (this.#left === 0) {
      this.#state = "trailers";
      this.#section.begin(false);
    } else {
      this.#state = "chunk";
    }
    return next;
  }

  #readChunkEnd(bytes: Buffer, at: number, length: number): number {
    const next = skipLineEnd(bytes, at, length);
    if (next === undefined) {
      return this.#refuse(malformed("a chunk's end"));
    }
    if (next !== MORE) {
      this.#state = "chunk size";
    }
    return next;
  }

  /** Checked, and not kept. */
  #readTrailers(bytes: Buffer, at: number, length: number): number {
    const end = this.#section.scan(bytes, at, length);
    if (typeof end !== "number") {
      return this.#refuse(end);
    }
    if (end === MORE) {
      return MORE;
    }
    const fields = this.#section.fieldsOf(bytes.toString("latin1", at, end));
    if (fields.some((field, index) => index % 2 === 0 && FRAMING.has(field))) {
      return this.#refuse(malformed("a trailer that frames the body"));
    }
    this.#state = "ended";
    return end;
  }

  #refuse(fault: AnswerFault): number {
    this.#fault = fault;
    return MORE;
  }
}

const STATE_AFTER_HEAD: Readonly<Record<AnswerHead["body"], State>> = {
  none: "ended",
  length: "length",
  chunked: "chunk size",
  "until close": "until close",
};

/** RFC 9110 §6.5.1: not in trailers, because the body has been read by then. */
const FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

const SEMICOLON = 59;

/** RFC 9112 §7.1.1, without the whitespace that a sender must not put there. */
const EXTENSIONS = /^(?:;[\w!#$%&'*+.^`|~-]+(?:=(?:[\w!#$%&'*+.^`|~-]+|"(?:[^"\\]|\\.)*"))?)*$/;

function skipHex(bytes: Buffer, from: number, length: number): number {
  let at = from;
  while (at < length && isHexDigit(bytes[at] ?? 0)) {
    at += 1;
  }
  return at;
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 32;
  return (byte >= 48 && byte <= 57) || (letter >= 97 && letter <= 102);
}
