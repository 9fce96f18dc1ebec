import { MalformedBody } from "./malformedBody.ts";

/** The text of a body in UTF-8. */
export function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new MalformedBody("it is not UTF-8");
  }
}

/** JSON in Postgres is nested less deeply. */
const DEPTH_MAX = 10_000;

/** The value of JSON text. */
export function jsonOf(text: string): unknown {
  if (text.length > DEPTH_MAX && isDeep(text)) {
    throw new MalformedBody(`it is nested more than ${DEPTH_MAX} deep`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedBody("it is not JSON");
  }
}

/** Whether a text is nested too deeply, if it is JSON. JSON.parse takes seconds to find out about each mebibyte of brackets. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at) - 1;
        break;
      case 0x5b:
      case 0x7b:
        depth += 1;
        if (depth > DEPTH_MAX) {
          return true;
        }
        break;
      case 0x5d:
      case 0x7d:
        depth -= 1;
        break;
    }
  }
  return false;
}

/** The text of a member's value in the object that begins at `from`; of several the last, as JSON.parse has it. */
export function memberText(text: string, from: number, name: string): string {
  const range = memberRange(text, from, name);
  return range === null ? "" : text.slice(range.from, range.to);
}

/**
 * The text of a member's value in each item of the array that begins at `from`. All items are looked for when the first
 * text is asked for, because each lies behind those before it.
 */
export function memberTexts(text: string, from: number, name: string): (index: number) => string {
  let items: readonly Range[] | null = null;
  return (index) => {
    items ??= itemRanges(text, from);
    const item = items[index];
    return item === undefined ? "" : memberText(text, item.from, name);
  };
}

/** The texts of the items of the array that the text is. */
export function itemTexts(text: string): readonly string[] {
  return itemRanges(text, 0).map(({ from, to }) => text.slice(from, to));
}

/** The names and texts of all members of the object that the text is, in their order, those of one name included. */
export function allMembers(text: string): readonly (readonly [name: string, text: string])[] {
  return memberRanges(text, 0).map(({ key, value }) => [
    String(jsonOf(text.slice(key.from, key.to))),
    text.slice(value.from, value.to),
  ]);
}

/** Where a value lies in a text. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Where the items lie of the array that begins at `from`. The text must be JSON: it is walked through, not judged. */
function itemRanges(text: string, from: number): readonly Range[] {
  const ranges: Range[] = [];
  let at = afterBlanks(text, afterBlanks(text, from) + 1);
  while (at < text.length && text[at] !== "]") {
    const to = endOfValue(text, at);
    ranges.push({ from: at, to });
    at = afterBlanks(text, to);
    at = text[at] === "," ? afterBlanks(text, at + 1) : at;
  }
  return ranges;
}

/** Where the value of a member lies in the object that begins at `from`; null if there is none. The text must be JSON. */
export function memberRange(text: string, from: number, name: string): Range | null {
  const named = memberRanges(text, from).filter(({ key }) => isString(text, key, name));
  return named.at(-1)?.value ?? null;
}

interface Member {
  readonly key: Range;
  readonly value: Range;
}

/** Where the members lie of the object that begins at `from`. The text must be JSON: it is walked through, not judged. */
function memberRanges(text: string, from: number): readonly Member[] {
  const members: Member[] = [];
  let at = afterBlanks(text, afterBlanks(text, from) + 1);
  while (at < text.length && text[at] !== "}") {
    const key = { from: at, to: endOfValue(text, at) };
    const value = afterBlanks(text, afterBlanks(text, key.to) + 1);
    const to = endOfValue(text, value);
    members.push({ key, value: { from: value, to } });
    at = afterBlanks(text, to);
    at = text[at] === "," ? afterBlanks(text, at + 1) : at;
  }
  return members;
}

function isString(text: string, { from, to }: Range, expected: string): boolean {
  const quoted = text.slice(from, to);
  return quoted === `"${expected}"` || (quoted.includes("\\") && JSON.parse(quoted) === expected);
}

/** Behind the value that begins at `at`. Takes no stack, so that depth costs nothing. */
function endOfValue(text: string, at: number): number {
  switch (text[at]) {
    case '"':
      return endOfString(text, at);
    case "{":
    case "[":
      return endOfNested(text, at);
    default:
      return endOfScalar(text, at);
  }
}

function endOfNested(text: string, from: number): number {
  const marks = /["{}[\]]/g;
  marks.lastIndex = from;
  let depth = 0;
  while (marks.test(text)) {
    const at = marks.lastIndex - 1;
    const mark = text[at];
    if (mark === '"') {
      marks.lastIndex = endOfString(text, at);
    } else {
      depth += mark === "{" || mark === "[" ? 1 : -1;
      if (depth === 0) {
        return marks.lastIndex;
      }
    }
  }
  return text.length;
}

/** A quote closes a string unless it follows an odd number of backslashes. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text[before] === "\\") {
      before -= 1;
    }
    if ((at - before) % 2 === 1) {
      return at + 1;
    }
  }
  return text.length;
}

function endOfScalar(text: string, from: number): number {
  const end = /[\s,\]}]/g;
  end.lastIndex = from;
  return end.test(text) ? end.lastIndex - 1 : text.length;
}

function afterBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") {
    at += 1;
  }
  return at;
}
