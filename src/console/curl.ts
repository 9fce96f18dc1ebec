/** A request in the order of the wire. */
export interface WrittenRequest {
  readonly url: string;
  /** Null for a value that nobody may see. */
  readonly headers: readonly (readonly [name: string, value: string | null])[];
  readonly body: string;
}

/** What curl or the connection sets itself. */
const LEFT_OUT: ReadonlySet<string> = new Set(["host", "connection", "content-length"]);

/**
 * A command of curl that sends the request from a shell. Whatever strangers wrote into it is one word of the shell, in
 * visible ASCII: nothing of it is run, moves the cursor or changes the direction of the text. Null if it holds a NUL, which
 * no word can. The value that nobody may see is a variable of the shell.
 */
export function curlOf({ url, headers, body }: WrittenRequest): string | null {
  const sent = headers.filter(([name]) => !LEFT_OUT.has(name));
  if ([url, body, ...sent.map(([, value]) => value ?? "")].some((text) => text.includes("\0"))) {
    return null;
  }
  return [
    // Brackets in a URL are no pattern, and a settings file of the user's adds nothing.
    "curl --disable --globoff --http1.1 --request POST",
    `--url ${word(url, "utf8")}`,
    ...sent.map(([name, value]) => `--header ${headerWord(name, value)}`),
    // Not --data-binary, to which an @ at the beginning names a file.
    `--data-raw ${word(body, "utf8")}`,
  ].join(" ");
}

/** An empty value is written with a semicolon: with a colon curl would leave the header out. */
function headerWord(name: string, value: string | null): string {
  if (value === null) {
    return `${word(`${name}: `, "latin1")}"$${variableOf(name)}"`;
  }
  return word(value.trim() === "" ? `${name};` : `${name}: ${value}`, "latin1");
}

function variableOf(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "_")
    .replace(/^(?=\d)/, "_");
}

/** One word of a shell. Values of headers are bytes, each a character of latin1. */
function word(text: string, encoding: "utf8" | "latin1"): string {
  if (/^[\x20-\x7e]*$/.test(text) && !/['!\\]/.test(text)) {
    return `'${text}'`;
  }
  const bytes = Array.from(Buffer.from(text, encoding), (byte) =>
    byte < 0x20 || byte > 0x7e || SPECIAL.has(byte)
      ? `\\x${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte),
  );
  return `$'${bytes.join("")}'`;
}

/** Quotation marks, backslashes, and the exclamation mark, with which an interactive shell finds earlier commands. */
const SPECIAL: ReadonlySet<number> = new Set([0x21, 0x27, 0x5c]);
