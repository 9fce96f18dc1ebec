/**
 * The origin of a URL and no more: the user, password and query hold credentials, and a path that is hard to guess is one.
 * The endpoint's id says which endpoint it is. A text that is no http URL is not repeated.
 */
export function originOf(url: string): string {
  const { protocol, origin } = URL.parse(url) ?? {};
  return (protocol === "http:" || protocol === "https:") && origin !== undefined ? origin : "(not an http URL)";
}

/**
 * A copy of the fields for the log. The types of events allow no secret and nothing nested; if some code passes either all
 * the same, it is blanked. Null stays null: an absent setting is not a secret. This is not pino's own `redact`, which cost
 * 35 us a line against 2 us this way.
 */
export function redacted(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const name in fields) {
    const value = fields[name];
    shown[name] = value === null || (isFlat(value) && !BLANKED_NAMES.has(name)) ? value : "[redacted]";
  }
  return shown;
}

const BLANKED_NAMES: ReadonlySet<string> = new Set([
  "secret",
  "secrets",
  "password",
  "token",
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "webhook-signature",
  "x-api-key",
  "database_url",
  "databaseUrl",
  "listen_url",
  "listenUrl",
]);

function isFlat(value: unknown): boolean {
  return Array.isArray(value) ? value.every((entry) => typeof entry === "string") : typeof value !== "object";
}
