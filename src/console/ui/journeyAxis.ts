/**
 * A time axis on which 40 ms and five hours are both readable: between two moments it is as long as the logarithm of the
 * time between them. A gap in which nothing happens is folded, and says how long it is.
 */
export interface Axis {
  /** From 0 to 1. */
  at(ms: number): number;
  /** The stretches between moments, the first one first. */
  readonly gaps: readonly Gap[];
}

export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  /** From 0 to 1. */
  readonly begins: number;
  readonly ends: number;
  readonly isFolded: boolean;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const WEIGHT_MIN = 0.5;
const WEIGHT_MAX = 3.5;
/** A shorter pause is drawn as it is. */
const FOLDED_MS_MIN = 2_000;

/** `busy`: when something was in progress, which is never folded. */
export function makeAxis(moments: readonly number[], busy: readonly Span[]): Axis {
  const times = [...new Set(moments)].sort((one, other) => one - other);
  const weights = times.slice(1).map((time, place) => weightOf(time - (times[place] ?? time)));
  const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  let ends = 0;
  const gaps = weights.map((weight, place): Gap => {
    const begins = ends;
    ends = begins + weight / total;
    const [fromMs, toMs] = [times[place] ?? 0, times[place + 1] ?? 0];
    const isBusy = busy.some((span) => span.fromMs < toMs && span.toMs > fromMs);
    return { fromMs, toMs, begins, ends, isFolded: !isBusy && toMs - fromMs >= FOLDED_MS_MIN };
  });
  return { gaps, at: (ms) => placeOf(ms, gaps) };
}

function weightOf(gapMs: number): number {
  return Math.min(WEIGHT_MAX, Math.max(WEIGHT_MIN, Math.log10(1 + gapMs)));
}

function placeOf(ms: number, gaps: readonly Gap[]): number {
  const gap = gaps.find(({ toMs }) => ms <= toMs) ?? gaps.at(-1);
  if (gap === undefined) {
    return 0;
  }
  const share = (ms - gap.fromMs) / (gap.toMs - gap.fromMs);
  return gap.begins + (gap.ends - gap.begins) * Math.min(1, Math.max(0, share));
}

/** An attempt as it is drawn. */
export interface DrawnAttempt {
  readonly started_at: string;
  readonly duration_ms: number;
}

/** Something that a person did. */
export interface Mark {
  readonly atMs: number;
  readonly text: string;
}

/** What happened to the event at one endpoint. */
export interface DrawnLane {
  readonly attempts: readonly DrawnAttempt[];
  readonly marks: readonly Mark[];
  readonly nextAt: string | null;
}

export interface DrawnJourney {
  readonly axis: Axis;
  /** Nothing is due any more, so the present has no place on the axis. */
  readonly isOver: boolean;
  readonly isEmpty: boolean;
}

export function drawJourney(insertedMs: number, lanes: readonly DrawnLane[], nowMs: number): DrawnJourney {
  const spans = lanes.flatMap(({ attempts }) => attempts.map((attempt) => spanOf(attempt, insertedMs)));
  const due = lanes.flatMap(({ nextAt }) => (nextAt === null ? [] : Date.parse(nextAt)));
  const marks = lanes.flatMap((lane) => lane.marks.map(({ atMs }) => atMs));
  const isOver = due.length === 0;
  const moments = [insertedMs, ...spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs]), ...due, ...marks];
  return {
    axis: makeAxis(isOver ? moments : [...moments, nowMs], spans),
    isOver,
    isEmpty: moments.length === 1,
  };
}

/** An attempt has the clock of its daemon, which may be a little behind that of Postgres. */
export function spanOf({ started_at, duration_ms }: DrawnAttempt, insertedMs: number): Span {
  const fromMs = Math.max(insertedMs, Date.parse(started_at));
  return { fromMs, toMs: fromMs + duration_ms };
}

/** What is nearer to its neighbour than this share of the width has no room for a text. */
export const LABELLED_SHARE_MIN = 0.07;

/** Labels that have room behind the one before. */
export function labelledOf(places: readonly number[]): ReadonlySet<number> {
  const labelled = new Set<number>();
  let last = Number.NEGATIVE_INFINITY;
  for (const [index, place] of places.entries()) {
    if (place - last >= LABELLED_SHARE_MIN) {
      labelled.add(index);
      last = place;
    }
  }
  return labelled;
}

/** A text near an end of the axis would leave it. */
export function anchorAt(place: number): "start" | "middle" | "end" {
  return place < 0.1 ? "start" : place > 0.9 ? "end" : "middle";
}
