import { printable } from "../ground/printable.ts";

/**
 * Text from the catalogue as TypeScript. Any role that may define an event type writes it, and it ends up in other
 * people's programs. So it must not end a comment or a string, direct the compiler, or look like something else.
 */

/** A string literal. Format characters (direction overrides and the like) become escapes. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/** A name in a type literal, with quotes if it needs them. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : quoted(name);
}

/** A JSDoc comment of these paragraphs, with a line end; empty if all of them are. */
export function docComment(paragraphs: readonly string[], indent: string): string {
  const lines = paragraphs
    .filter((paragraph) => paragraph.trim() !== "")
    .flatMap((paragraph) => paragraph.trim().split(LINE_ENDS).map(commentLine));
  const [only] = lines.filter((line) => line !== "");
  if (only === undefined) {
    return "";
  }
  return lines.length === 1
    ? `${indent}/** ${only} */\n`
    : `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}

const LINE_ENDS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/** Tags, and directives such as "@ts-expect-error", begin with an @ at the start or after a blank. */
function commentLine(line: string): string {
  const text = printable(line.trim()).replaceAll("*/", "*\\/");
  return TAGS.has(text) ? text : text.replace(/(^|\s)@/g, "$1\\@");
}

/** The tags that the modules here write themselves. */
export const DEPRECATED = "@deprecated";
const TAGS: ReadonlySet<string> = new Set([DEPRECATED]);
