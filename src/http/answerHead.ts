/**
 * The status line and the header fields of an answer, RFC 9112 §2 to §6, read strictly: CRLF alone ends a line, names are
 * tokens, no line is folded, and what frames the body may be said once and in one way.
 */

export interface AnswerHead {
  readonly status: number;
  /** Names, in lower case, and values as latin1, alternating, in the order of the answer. */
  readonly fields: readonly string[];
  readonly body: "none" | "length" | "chunked" | "until close";
  /** Bytes of a body with a length. */
  readonly bodyLength: number;
  /** The receiver keeps the connection open after the answer. */
  readonly keepsAlive: boolean;
  /** How long it keeps an idle one, if it says so. */
  readonly keepAliveMs: number | undefined;
}

/** Why an answer is refused, as the sentence of its attempt. */
export interface AnswerFault {
  readonly fault: string;
}

export function malformed(what: string): AnswerFault {
  return { fault: `the answer is not well-formed HTTP (${what})` };
}

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

const IN_NAME = 1;
const IN_VALUE = 2;
/** Where each byte may stand. RFC 9110 §5.5, §5.6.2: token characters; visible ASCII, space, tab and 0x80-0xff. */
const PLACES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const inName = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte)) ? IN_NAME : 0;
  const inValue = byte === TAB || (byte >= SPACE && byte !== 127) ? IN_VALUE : 0;
  return inName | inValue;
});

export function skipValue(bytes: Buffer, from: number, length: number): number {
  let at = from;
  while (at < length && ((PLACES[bytes[at] ?? 0] ?? 0) & IN_VALUE) !== 0) {
    at += 1;
  }
  return at;
}

function skipName(bytes: Buffer, from: number, length: number): number {
  let at = from;
  while (at < length && ((PLACES[bytes[at] ?? 0] ?? 0) & IN_NAME) !== 0) {
    at += 1;
  }
  return at;
}

/** More bytes are needed. */
export const MORE = -1;

/** The position behind a line's CRLF at `at`; MORE; undefined if something else stands there. */
export function skipLineEnd(bytes: Buffer, at: number, length: number): number | undefined {
  if (at < length && bytes[at] !== CR) {
    return undefined;
  }
  if (at + 1 >= length) {
    return MORE;
  }
  return bytes[at + 1] === LF ? at + 2 : undefined;
}

/**
 * Reads the lines of one section, a head or trailers, up to the empty line. A section may come in any number of pieces.
 * The caller keeps the bytes from its start on and presents them again with more. What has been read is not read again, so
 * that a receiver that sends byte by byte costs little more than its packets.
 */
export class Section {
  readonly #bytesMax: number;
  /** From the section's start: where the next line begins, and of each field where name and value begin and end. */
  #next = 0;
  #positions: number[] = [];
  /** How far the name and the value of an unfinished line have been read, from the section's start. */
  #nameSeen = 0;
  #valueSeen = 0;
  #bytes = 0;
  #statusLineBytes = 0;
  #hasStatusLine = false;

  /** @param bytesMax of the lines, without colons and line ends */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  begin(hasStatusLine: boolean): void {
    this.#next = 0;
    this.#positions.length = 0;
    this.#nameSeen = 0;
    this.#valueSeen = 0;
    this.#bytes = 0;
    this.#statusLineBytes = 0;
    this.#hasStatusLine = hasStatusLine;
  }

  /** @returns the position behind the section, or MORE */
  scan(bytes: Buffer, start: number, length: number): number | AnswerFault {
    if (this.#hasStatusLine && this.#statusLineBytes === 0) {
      const fault = this.#scanStatusLine(bytes, start, length);
      if (fault !== undefined) {
        return fault;
      }
    }
    for (;;) {
      const at = start + this.#next;
      if (at < length && bytes[at] === CR) {
        return skipLineEnd(bytes, at, length) ?? malformed("a line end is not CRLF");
      }
      const result = this.#scanField(bytes, start, length);
      if (result !== undefined) {
        return result;
      }
    }
  }

  /** This and the next two read the text of a section that has been scanned to its end. */
  statusOf(text: string): number {
    return Number(text.slice(9, 12));
  }

  minorVersionOf(text: string): number {
    return text.charCodeAt(7) - 48;
  }

  fieldsOf(text: string): string[] {
    const positions = this.#positions;
    const fields: string[] = [];
    for (let index = 0; index < positions.length; index += 4) {
      fields.push(
        text.slice(positions[index], positions[index + 1]).toLowerCase(),
        text.slice(positions[index + 2], positions[index + 3]),
      );
    }
    return fields;
  }

  #scanStatusLine(bytes: Buffer, start: number, length: number): AnswerFault | typeof MORE | undefined {
    const end = skipStatus(bytes, start, length);
    if (end === undefined) {
      return malformed("no status line");
    }
    if (end === MORE) {
      return MORE;
    }
    const reasonEnd = skipValue(bytes, Math.max(end, start + this.#valueSeen), length);
    const next = skipLineEnd(bytes, reasonEnd, length);
    if (next === undefined) {
      return malformed("a character of the status line");
    }
    if (reasonEnd - start > this.#bytesMax) {
      return this.#tooLarge();
    }
    this.#valueSeen = reasonEnd - start;
    if (next === MORE) {
      return MORE;
    }
    this.#statusLineBytes = reasonEnd - start;
    this.#bytes = this.#statusLineBytes;
    this.#next = next - start;
    return undefined;
  }

  /** Undefined: one field was read, and another line follows. */
  #scanField(bytes: Buffer, start: number, length: number): AnswerFault | typeof MORE | undefined {
    const nameStart = start + this.#next;
    const nameEnd = skipName(bytes, Math.max(nameStart, start + this.#nameSeen), length);
    if (nameEnd < length && (bytes[nameEnd] !== COLON || nameEnd === nameStart)) {
      return malformed("a header's name");
    }
    let valueEnd = skipValue(bytes, Math.max(nameEnd + 1, start + this.#valueSeen), length);
    const next = skipLineEnd(bytes, valueEnd, length);
    if (next === undefined) {
      return malformed("a header's value");
    }
    const sectionBytes = this.#bytes + Math.min(valueEnd, length) - nameStart - 1;
    if (sectionBytes > this.#bytesMax) {
      return this.#tooLarge();
    }
    this.#nameSeen = nameEnd - start;
    if (next === MORE) {
      this.#valueSeen = nameEnd < length ? valueEnd - start : 0;
      return MORE;
    }
    this.#bytes = sectionBytes;
    let valueStart = nameEnd + 1;
    while (valueStart < valueEnd && isBlank(bytes[valueStart])) {
      valueStart += 1;
    }
    // A tab behind "chunked" is a blank to RFC 9110, and to Node's parser a part of the name: the two would read different
    // bodies. Left in place, it is refused.
    const keepsTab = isTransferEncoding(bytes, nameStart, nameEnd);
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || (bytes[valueEnd - 1] === TAB && !keepsTab))) {
      valueEnd -= 1;
    }
    this.#positions.push(nameStart - start, nameEnd - start, valueStart - start, valueEnd - start);
    this.#next = next - start;
    return undefined;
  }

  #tooLarge(): AnswerFault {
    return { fault: `the answer's headers are larger than ${this.#bytesMax} bytes` };
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

const TRANSFER_ENCODING = "transfer-encoding";

function isTransferEncoding(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start === TRANSFER_ENCODING.length && bytes.toString("latin1", start, end).toLowerCase() === TRANSFER_ENCODING
  );
}

const VERSION = Buffer.from("HTTP/1.");

/** The position behind `HTTP/1.1 200`; MORE; undefined if that is not what stands there. */
function skipStatus(bytes: Buffer, start: number, length: number): number | undefined {
  for (let index = 0; index < 13; index += 1) {
    const at = start + index;
    if (at >= length) {
      return MORE;
    }
    if (!mayStandInStatus(index, bytes[at] ?? 0)) {
      return undefined;
    }
  }
  return start + 12;
}

function mayStandInStatus(index: number, byte: number): boolean {
  switch (index) {
    case 7:
      return byte === 48 || byte === 49;
    case 8:
      return byte === SPACE;
    case 9:
      // 1 to 9: there is no status below 100.
      return byte >= 49 && byte <= 57;
    case 10:
    case 11:
      return byte >= 48 && byte <= 57;
    case 12:
      return byte === SPACE || byte === CR;
    default:
      return byte === VERSION[index];
  }
}

/** What the fields of a head say about the body and the connection. RFC 9112 §6.3, §9.3. */
export function headOf(status: number, minorVersion: number, fields: readonly string[]): AnswerHead | AnswerFault {
  let length: number | undefined;
  let codings: string | undefined;
  let connection = "";
  let keepAliveMs: number | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] ?? "";
    switch (fields[index]) {
      case "content-length":
        if (length !== undefined || !/^\d{1,15}$/.test(value)) {
          return malformed(length === undefined ? "a content-length" : "two content-lengths");
        }
        length = Number(value);
        break;
      case "transfer-encoding":
        codings = codings === undefined ? value : `${codings},${value}`;
        break;
      case "connection":
        connection += `,${value.toLowerCase()}`;
        break;
      case "keep-alive":
        keepAliveMs = keepAliveOf(value);
    }
  }
  if (
    codings !== undefined &&
    (length !== undefined || !/^[\w!#$%&'*+.^`|~-]+(?:[\t ]*,[\t ]*[\w!#$%&'*+.^`|~-]+)*$/.test(codings))
  ) {
    return malformed(length === undefined ? "a transfer-encoding" : "a content-length and a transfer-encoding");
  }
  const closes = minorVersion === 0 ? !hasToken(connection, "keep-alive") : false;
  return {
    status,
    fields,
    body: bodyOf(status, length, codings),
    bodyLength: length ?? 0,
    // RFC 9112 §6.1: chunks from an HTTP/1.0 receiver may have been made by something on the way that knows no better.
    keepsAlive: !closes && !hasToken(connection, "close") && (minorVersion === 1 || codings === undefined),
    keepAliveMs,
  };
}

function bodyOf(status: number, length: number | undefined, codings: string | undefined): AnswerHead["body"] {
  if (status < 200 || status === 204 || status === 304) {
    return "none";
  }
  if (codings !== undefined) {
    return isChunked(codings) ? "chunked" : "until close";
  }
  if (length === undefined) {
    return "until close";
  }
  return length === 0 ? "none" : "length";
}

function isChunked(codings: string): boolean {
  return (
    codings
      .slice(codings.lastIndexOf(",") + 1)
      .trim()
      .toLowerCase() === "chunked"
  );
}

function hasToken(list: string, token: string): boolean {
  return list !== "" && list.split(",").some((item) => item.trim() === token);
}

/** `timeout=5`: whole seconds. */
function keepAliveOf(value: string): number | undefined {
  const seconds = /(?:^|[,\t ])timeout=(\d{1,6})(?:$|[,\t ])/i.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}
