/** A key, a string, a bracket, or any other value. */
const TOKEN = /("[^"\\]*(?:\\.[^"\\]*)*")\s*(:?)|[{[]|[}\]]|[^\s"{}[\],]+/gs;

/**
 * Parses an answer, but for the members of these names: they stay the text that the API gave, so that no number in them loses
 * digits. Null is null.
 */
export function parseRows(json: string, asText: readonly string[]): unknown {
  if (asText.length === 0) {
    return JSON.parse(json);
  }
  const parts: string[] = [];
  let copied = 0;
  let isNext = false;
  let begins: number | null = null;
  let depth = 0;
  for (const { 0: token, 1: string, 2: colon, index } of json.matchAll(TOKEN)) {
    if (begins === null && !isNext) {
      isNext = colon === ":" && asText.includes(string?.slice(1, -1) ?? "");
      continue;
    }
    isNext = false;
    begins ??= index;
    depth += "{[".includes(token) ? 1 : "}]".includes(token) ? -1 : 0;
    const end = index + (string ?? token).length;
    const text = json.slice(begins, end);
    if (depth === 0) {
      parts.push(json.slice(copied, begins), text === "null" ? text : JSON.stringify(text));
      copied = end;
      begins = null;
    }
  }
  return JSON.parse([...parts, json.slice(copied)].join(""));
}
