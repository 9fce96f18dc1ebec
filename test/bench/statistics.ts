/** The middle and the ends of several rounds: on a shared machine a mean is decided by the worst round. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Null where there is nothing to summarise. */
export function summarise(values: readonly number[]): Summary | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) {
    return null;
  }
  return { median: percentile(sorted, 50), min, max };
}

/** By linear interpolation between the two nearest ranks; `sorted` is ascending and not empty. */
export function percentile(sorted: readonly number[], percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) {
    throw new Error("a percentile of nothing was asked for");
  }
  return below + (above - below) * (place - Math.floor(place));
}

/** Backwards in every second round, so that being early or late in a round favours none. */
export function inTurn<Item>(items: readonly Item[], round: number): readonly Item[] {
  return round % 2 === 1 ? items : items.toReversed();
}
