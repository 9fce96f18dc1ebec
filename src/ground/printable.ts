/**
 * Makes text from outside safe for a terminal, on one line. Control and format characters (escape sequences, line breaks,
 * direction overrides, lone surrogates) become `\n`, `\x1b` or `\u202e`; everything else is unchanged.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  const long = code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
  return SHORT.get(character) ?? (code.length <= 2 ? `\\x${code.padStart(2, "0")}` : long);
}
