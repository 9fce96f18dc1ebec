/** What a text holds if it is one JSON object; null otherwise. Not for payloads, whose numbers and keys would change. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    // The text of the error quotes what was read, which may be secret.
    return null;
  }
}
