/** A part of a JSON text as it is shown. */
export interface Written {
  readonly text: string;
  readonly kind: "key" | "string" | "number" | "word" | "sign";
}

/** Nesting beyond this is not indented further: thousands of levels would be gigabytes of blanks. */
const INDENTS_MAX = 40;

const TOKEN = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/gs;

/** Cuts JSON, whole or broken off, into tokens, with line breaks and indents between them. No token is changed. */
export function pretty(text: string): readonly Written[] {
  const tokens = text.match(TOKEN) ?? [];
  const written: Written[] = [];
  let depth = 0;
  const sign = (part: string): void => void written.push({ text: part, kind: "sign" });
  for (const [place, token] of tokens.entries()) {
    const next = tokens[place + 1];
    if (token === "{" || token === "[") {
      const isEmpty = next === "}" || next === "]";
      depth += 1;
      sign(isEmpty ? token : `${token}${lineBreak(depth)}`);
    } else if (token === "}" || token === "]") {
      const before = tokens[place - 1];
      depth = Math.max(0, depth - 1);
      sign(before === "{" || before === "[" ? token : `${lineBreak(depth)}${token}`);
    } else if (token === ",") {
      sign(`,${lineBreak(depth)}`);
    } else if (token === ":") {
      sign(": ");
    } else {
      written.push({ text: token, kind: kindOf(token, next) });
    }
  }
  return written;
}

function kindOf(token: string, next: string | undefined): Written["kind"] {
  if (token.startsWith('"')) {
    return next === ":" ? "key" : "string";
  }
  return /^[-\d]/.test(token) ? "number" : "word";
}

function lineBreak(depth: number): string {
  return `\n${"  ".repeat(Math.min(depth, INDENTS_MAX))}`;
}
