const UNIT_MS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration as people write it: `500ms`, `1s`, `1.5 h`, `5 min`, `2d`, rounded to whole milliseconds.
 * Null for anything else, including a number without a unit: half of its readers would take it for seconds.
 */
export function parseDurationMs(text: string): number | null {
  const parts = /^(?<count>\d{1,9}(?:\.\d{1,9})?) ?(?<unit>ms|s|min|h|d)$/.exec(text)?.groups;
  const unit = Object.entries(UNIT_MS).find(([name]) => name === parts?.unit);
  return parts === undefined || unit === undefined ? null : Math.round(Number(parts.count) * unit[1]);
}

/** What to write instead of a malformed duration. */
export function durationRemedy(text: string): string {
  if (/^\d+$/.test(text)) {
    return `add the unit: ${text}s for seconds, ${text}ms for milliseconds`;
  }
  const minutes = /^(\d+) ?m$/.exec(text)?.[1];
  return minutes === undefined ? "write 500ms, 1s, 5min, 2h or 1d" : `write ${minutes}min for minutes`;
}
