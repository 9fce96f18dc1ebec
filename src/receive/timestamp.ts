const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;
const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
/** The year 10000, which RFC 3339 cannot say. */
const END_MS = 253_402_300_800_000;

/**
 * When an event was inserted: as it was sent, if RFC 3339 can say it so, and otherwise the time in its id. An id that is
 * no UUID of version 7 has none; then it is the time when the request was signed.
 */
export function timestampOf(sent: unknown, id: string, signedSeconds: number): string {
  if (typeof sent === "string" && RFC_3339.test(sent)) {
    return sent;
  }
  const [, high = "", low = ""] = UUID_V7.exec(id) ?? [];
  const ms = high === "" ? Number.NaN : Number.parseInt(high + low, 16);
  return new Date(ms < END_MS ? ms : signedSeconds * 1_000).toISOString();
}
