/** RFC 3339. Postgres would also read words such as "now" and "infinity". */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** A time with all digits of its second: JavaScript's own has milliseconds. */
export interface Moment {
  readonly secondMs: number;
  /** The digits behind the point, without zeros at the end. */
  readonly fraction: string;
}

/** Undefined if the text is no time. */
export function momentOf(timestamp: string): Moment | undefined {
  const parts = TIMESTAMP.exec(timestamp);
  const [, fraction = ""] = parts ?? [];
  const secondMs = Date.parse(timestamp.replace(fraction, "").replace(" ", "T").toUpperCase());
  return parts === null || Number.isNaN(secondMs)
    ? undefined
    : { secondMs, fraction: fraction.slice(1).replace(/0+$/, "") };
}

export function isBefore(one: Moment, other: Moment): boolean {
  return one.secondMs === other.secondMs ? one.fraction < other.fraction : one.secondMs < other.secondMs;
}
