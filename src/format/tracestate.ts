import { readTokens, stringOf } from "./jsonTokens.ts";

/** Longer ones need not be passed on (W3C Trace Context §3.3.1.5), and no receiver has to take more members (§3.3.1.1). */
const CHARACTERS_MAX = 512;
const MEMBERS_MAX = 32;
/** §3.3.1.3: a key, or a tenant and a system, and a value that does not end with a blank. */
const MEMBER =
  /^[ \t]*(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e][ \t]*$/;

/** What the text of an event's attributes has as `tracestate`; null if it has none, or one that cannot be sent. */
export function tracestateIn(attributes: string | null): string | null {
  if (attributes === null || !attributes.includes('"tracestate"')) {
    return null;
  }
  const tracestate = memberOf(attributes, "tracestate");
  return tracestate !== null && isTracestate(tracestate) ? tracestate : null;
}

/** The string that an object has under this name; null if it has none. */
function memberOf(json: string, name: string): string | null {
  let found: string | null = null;
  let depth = 0;
  let isNext = false;
  readTokens(json, (token, from, to) => {
    if (token === "{" || token === "[") {
      depth += 1;
    } else if (token === "}" || token === "]") {
      depth -= 1;
    } else if (depth === 1) {
      found = isNext && token === "string" ? stringOf(json.slice(from, to)) : found;
      isNext = token === "key" && json.slice(from, to) === name;
    }
    return found === null;
  });
  return found;
}

function isTracestate(text: string): boolean {
  if (text.length > CHARACTERS_MAX) {
    return false;
  }
  const members = text.split(",");
  return members.length <= MEMBERS_MAX && members.every((member) => MEMBER.test(member));
}
