import { performance } from "node:perf_hooks";
import { CONDITIONS, type ConditionName } from "../telemetry/conditions.ts";
import type { Sample, Samples } from "../telemetry/metrics.ts";
import { type Parts, WORK_CONNECTIONS } from "./parts.ts";

const WAKE_STATES: readonly Parts["wake"]["state"][] = ["awake", "sleeping", "napping", "blind"];
/** A daemon follows no file. */
const CONDITION_NAMES = (Object.keys(CONDITIONS) as ConditionName[]).filter((name) => name !== "file_missing");

/** What a daemon takes at most. */
interface DaemonLimits {
  readonly maxInFlight: number;
  readonly memoryBytesMax: number;
}

/** What metrics tell of one daemon, without what it asks of Postgres. `lasts`: in it, or in its process. */
export function daemonSamples(
  parts: Parts,
  { maxInFlight, memoryBytesMax }: DaemonLimits,
  lasts: (name: ConditionName) => boolean,
): Samples {
  const { lanes, recorder, sessions, sender, wake, budget, minutes } = parts;
  const { socketsOpen, connects } = sender.stats;
  return {
    ...minutes.totals.samples(),
    postrider_daemons: one(1),
    postrider_event_loop_busy_seconds_total: one(performance.eventLoopUtilization().active / 1_000),
    postrider_condition: CONDITION_NAMES.map((name) => labelled(name, lasts(name) ? 1 : 0)),
    postrider_in_flight_requests: one(lanes.inFlight - lanes.apart),
    postrider_in_flight_requests_limit: one(maxInFlight),
    postrider_unanswered_first_requests: one(lanes.apart),
    postrider_waiting_deliveries: one(lanes.waiting),
    postrider_unrecorded_results: one(recorder.pendingCount),
    postrider_memory_bytes: one(process.memoryUsage.rss()),
    postrider_memory_limit_bytes: one(memoryBytesMax),
    postrider_large_payload_bytes: one(budget.heldBytes),
    postrider_large_payload_limit_bytes: one(budget.bytesMax),
    postrider_postgres_connections: one(sessions.count),
    postrider_postgres_connections_limit: one(WORK_CONNECTIONS),
    postrider_http_connections: one(socketsOpen),
    postrider_http_connects_total: one(connects),
    postrider_wake_state: WAKE_STATES.map((state) => labelled(state, wake.state === state ? 1 : 0)),
  };
}

function one(value: number): readonly Sample[] {
  return [{ labels: [], values: [value] }];
}

function labelled(label: string, value: number): Sample {
  return { labels: [label], values: [value] };
}
