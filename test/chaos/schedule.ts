import type { Random } from "./random.ts";

/** The target of a fault; the number is an index into the daemons or the endpoints, and 0 for Postgres. */
export type TargetKind = "daemon" | "link" | "postgres" | "receiver" | "endpoint";

interface FaultTraits {
  readonly target: TargetKind;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /** How long it lasts, from and to. */
  readonly spanMs: readonly [number, number];
}

/** How long an event loop is blocked; the lease is 15 s. */
export const BLOCK_MS = 16_000;

/**
 * Every fault there is. The lease of a daemon is 15 s: a freeze outlasts it, a nap does not; half-open links do either.
 * Receivers are disturbed for less than their retry schedules last, so that no delivery may end as exhausted.
 */
export const FAULTS = {
  /** kill -9, and a new process after the span. */
  "daemon.kill": { target: "daemon", weight: 8, spanMs: [0, 3_000] },
  "daemon.stop": { target: "daemon", weight: 4, spanMs: [0, 2_000] },
  "daemon.freeze": { target: "daemon", weight: 3, spanMs: [15_500, 19_000] },
  /** Its event loop stands, for longer than the lease: every timer and every answer is due at once afterwards. */
  "daemon.block": { target: "daemon", weight: 2, spanMs: [BLOCK_MS, BLOCK_MS] },
  "daemon.nap": { target: "daemon", weight: 3, spanMs: [500, 6_000] },
  "link.cut": { target: "link", weight: 6, spanMs: [300, 8_000] },
  /** Every connection is reset once; new ones come about at once. */
  "link.sever": { target: "link", weight: 5, spanMs: [0, 0] },
  "link.half_open": { target: "link", weight: 5, spanMs: [1_000, 20_000] },
  "link.slow": { target: "link", weight: 4, spanMs: [1_000, 8_000] },
  /** Connections end in the middle of what Postgres answers: the claim or the record was committed. */
  "link.cut_answer": { target: "link", weight: 7, spanMs: [500, 4_000] },
  /** Connections end in the middle of a statement. */
  "link.cut_statement": { target: "link", weight: 3, spanMs: [500, 3_000] },
  "backend.terminate": { target: "postgres", weight: 6, spanMs: [0, 0] },
  /** Cancels whatever runs, like a small statement_timeout. */
  "backend.cancel": { target: "postgres", weight: 4, spanMs: [500, 3_000] },
  "postgres.restart": { target: "postgres", weight: 2, spanMs: [0, 1_500] },
  "postgres.crash": { target: "postgres", weight: 3, spanMs: [0, 1_500] },
  /** A synchronous standby takes over from a primary that has crashed. */
  "postgres.failover": { target: "postgres", weight: 1, spanMs: [0, 2_000] },
  /** A lock on one of our tables, for up to more than the daemons' lock_timeout. */
  "postgres.lock": { target: "postgres", weight: 2, spanMs: [1_000, 7_000] },
  "postgres.connections": { target: "postgres", weight: 2, spanMs: [1_000, 5_000] },
  "postgres.statement_timeout": { target: "postgres", weight: 2, spanMs: [1_000, 4_000] },
  /** Daemons cannot write, as on a full disk; applications still can. */
  "postgres.disk_full": { target: "postgres", weight: 2, spanMs: [500, 5_000] },
  /** Every lease has run out at once, as after a step of the server's clock. */
  "postgres.clock_step": { target: "postgres", weight: 1, spanMs: [0, 0] },
  "receiver.down": { target: "receiver", weight: 4, spanMs: [500, 6_000] },
  "receiver.hang": { target: "receiver", weight: 3, spanMs: [1_000, 6_000] },
  "receiver.slow": { target: "receiver", weight: 3, spanMs: [1_000, 6_000] },
  "receiver.reset": { target: "receiver", weight: 3, spanMs: [500, 5_000] },
  "receiver.half_open": { target: "receiver", weight: 3, spanMs: [1_000, 6_000] },
  /** Long enough for the circuit of its endpoint to open: its deliveries wait then, and their schedules do not run. */
  "receiver.dead": { target: "receiver", weight: 1, spanMs: [42_000, 55_000] },
  "receiver.cut_answer": { target: "receiver", weight: 4, spanMs: [500, 4_000] },
  "endpoint.pause": { target: "endpoint", weight: 3, spanMs: [300, 5_000] },
  "endpoint.edit": { target: "endpoint", weight: 3, spanMs: [500, 5_000] },
  "endpoint.redeliver": { target: "endpoint", weight: 4, spanMs: [0, 0] },
} as const satisfies Readonly<Record<string, FaultTraits>>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

export interface PlannedFault {
  readonly number: number;
  readonly kind: FaultKind;
  readonly target: number;
  /** From the start of the run. */
  readonly atMs: number;
  readonly spanMs: number;
  /** Uniform in [0, 1): what else there is to choose. */
  readonly draws: readonly [number, number, number];
}

export interface ScheduleOptions {
  readonly durationMs: number;
  readonly daemons: number;
  /** How many of the endpoints may be disturbed, from the first one on. */
  readonly endpoints: number;
  readonly kinds: readonly FaultKind[];
}

/** The first events are delivered in peace, so that there is something in hand. */
const FIRST_AT_MS = 1_500;
const GAP_MIN_MS = 150;
const GAP_MEAN_MS = 1_100;
const GAP_MAX_MS = 4_000;

/** Depends only on the random numbers. Faults overlap, except on the same target; none lasts beyond the duration. */
export function makeSchedule(random: Random, options: ScheduleOptions): PlannedFault[] {
  const planned: PlannedFault[] = [];
  const busyUntilMs = new Map<string, number>();
  let atMs = FIRST_AT_MS;
  while (options.kinds.length > 0 && atMs < options.durationMs) {
    const kind = drawKind(random, options.kinds);
    const traits: FaultTraits = FAULTS[kind];
    const target = random.integer(0, targetsOf(traits.target, options) - 1);
    const spanMs = Math.round(random.between(...traits.spanMs));
    const draws = [random.next(), random.next(), random.next()] as const;
    const key = `${traits.target} ${target}`;
    if ((busyUntilMs.get(key) ?? 0) <= atMs && atMs + spanMs <= options.durationMs) {
      busyUntilMs.set(key, atMs + spanMs);
      planned.push({ number: planned.length + 1, kind, target, atMs: Math.round(atMs), spanMs, draws });
    }
    atMs += Math.min(GAP_MAX_MS, Math.max(GAP_MIN_MS, -GAP_MEAN_MS * Math.log(1 - random.next())));
  }
  return planned;
}

/** `all`, `none`, or a list of kinds and of their first words: `daemon,link.cut`; a minus in front leaves out. */
export function parseFaultKinds(text: string): readonly FaultKind[] {
  if (text === "none") {
    return [];
  }
  const words = text.split(",").filter((word) => word !== "");
  const without = words.filter((word) => word.startsWith("-")).map((word) => word.slice(1));
  const wanted = words.filter((word) => !word.startsWith("-") && word !== "all");
  const unknown = [...wanted, ...without].find((word) => !FAULT_KINDS.some((kind) => isNamed(kind, word)));
  if (unknown !== undefined) {
    throw new Error(`there is no fault "${unknown}"; there are ${FAULT_KINDS.join(", ")}`);
  }
  return FAULT_KINDS.filter(
    (kind) =>
      (wanted.length === 0 || wanted.some((word) => isNamed(kind, word))) &&
      !without.some((word) => isNamed(kind, word)),
  );
}

function isNamed(kind: FaultKind, word: string): boolean {
  return kind === word || kind.startsWith(`${word}.`);
}

function drawKind(random: Random, kinds: readonly FaultKind[]): FaultKind {
  const total = kinds.reduce((sum, kind) => sum + FAULTS[kind].weight, 0);
  let left = random.next() * total;
  for (const kind of kinds) {
    left -= FAULTS[kind].weight;
    if (left < 0) {
      return kind;
    }
  }
  return random.pick(kinds);
}

function targetsOf(kind: TargetKind, options: ScheduleOptions): number {
  switch (kind) {
    case "daemon":
    case "link":
      return options.daemons;
    case "postgres":
      return 1;
    case "receiver":
    case "endpoint":
      return options.endpoints;
  }
}
