const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** When a UUID version 7 was made, as an ISO text; null for any other text. */
export function uuidTime(id: string): string | null {
  const digits = id.replaceAll("-", "").toLowerCase();
  return /^[0-9a-f]{12}7[0-9a-f]{19}$/.test(digits)
    ? new Date(Number.parseInt(digits.slice(0, 12), 16)).toISOString()
    : null;
}
