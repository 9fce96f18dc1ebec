import type { Evidence } from "./oracle.ts";
import { FAULTS } from "./schedule.ts";

/** Requests in progress end, and daemons review four times a second what they have in memory. */
const SETTLE_MS = 3_000;
const FIRST_GAP_MS = 5_000;
/** A probe may come a fifth earlier than its gap says. */
const EARLIEST = 0.8;

export interface CircuitFindings {
  /** How many times for which a circuit was open were judged. */
  readonly judged: number;
  readonly excesses: readonly string[];
}

/**
 * Counts the requests that endpoints got while their circuits were open. Judged is the time while no daemon, link or
 * server was at fault: one that is cut off does not hear of the circuit, and sends what it has in hand. An edit, and a
 * resumption, close the circuit.
 */
export function judgeCircuits({ world, faults, redeliveries }: Evidence): CircuitFindings {
  const excesses: string[] = [];
  let judged = 0;
  for (const { plan, id } of world.routes) {
    const requests = [...world.receiver.requests(plan.path).values()].flat();
    const closings = timesOf(world, "circuit.closed", id);
    for (const openedAtMs of timesOf(world, "circuit.opened", id)) {
      const fromMs = openedAtMs + SETTLE_MS;
      const disturbing = faults.filter(({ kind, target }) => {
        const { target: what } = FAULTS[kind];
        return what === "endpoint"
          ? kind !== "endpoint.redeliver" && world.routes[target]?.id === id
          : what !== "receiver";
      });
      const ends = [
        ...closings,
        ...disturbing.map(({ startedAtMs }) => startedAtMs),
        ...faults
          .filter(({ kind, note }) => kind === "receiver.dead" && note === plan.path)
          .map(({ endedAtMs }) => endedAtMs),
      ].filter((atMs) => atMs > openedAtMs);
      const untilMs = Math.min(...ends);
      const isDisturbed = disturbing.some(
        ({ startedAtMs, endedAtMs }) => startedAtMs < fromMs && endedAtMs > openedAtMs - SETTLE_MS,
      );
      if (!isDisturbed && Number.isFinite(untilMs) && untilMs > fromMs) {
        judged += 1;
        const asked = redeliveries.filter(
          ({ endpointId, atMs }) => endpointId === id && atMs > openedAtMs && atMs < untilMs,
        );
        const bound = probesWithin(untilMs - openedAtMs) + asked.length;
        const count = requests.filter(({ atMs }) => atMs > fromMs && atMs < untilMs).length;
        if (count > bound) {
          excesses.push(`${plan.path}: ${count} in ${Math.round(untilMs - fromMs)} ms, and ${bound} may be`);
        }
      }
    }
  }
  return { judged, excesses };
}

function timesOf({ slots }: Evidence["world"], event: string, endpointId: string): number[] {
  return slots.flatMap((slot) => slot.timesOf(event, endpointId)).sort((a, b) => a - b);
}

/** How many probes there may be so long after the opening, each gap being twice the one before. */
function probesWithin(spanMs: number): number {
  let probes = 0;
  for (let gapMs = FIRST_GAP_MS, atMs = gapMs; atMs <= spanMs; gapMs *= 2, atMs += EARLIEST * gapMs) {
    probes += 1;
  }
  return probes;
}
