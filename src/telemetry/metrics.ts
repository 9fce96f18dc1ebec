import { DELAY_MS_BOUNDS, REQUEST_MS_BOUNDS } from "../domain/minuteCounts.ts";

/**
 * Everything that /metrics tells, in one map: the name of each metric, its type, its labels, and what it means.
 *
 * `over` says what several daemons' processes make together: their sum, or the largest or smallest of them. Counters and
 * histograms are sums. What is asked of the database is the same whichever daemon asks, so it is the largest.
 */
export const METRICS = {
  postrider_build_info: gauge("max", "Always 1. The labels say which version runs.", ["version", "node_version"]),
  process_start_time_seconds: gauge("min", "When the program started, in seconds since 1970."),
  process_cpu_seconds_total: counter("CPU time of the program, in seconds."),
  process_resident_memory_bytes: gauge("sum", "Resident memory of the program."),
  postrider_event_loop_busy_seconds_total: counter(
    "How long event loops were busy. Its rate, divided by postrider_daemons, is how far a daemon is from having no time left, which is 1.",
  ),
  postrider_log_events_total: counter(
    "Events that the log knows, by name and level, whether its level shows them or not.",
    ["event", "level"],
  ),

  postrider_ready: gauge("min", "1 if events are claimed and results recorded, as /readyz says."),
  postrider_daemons: gauge("sum", "Daemons that answer here: 1, or POSTRIDER_PROCESSES."),
  postrider_condition: gauge("sum", "Daemons in which the condition lasts, such as not_recording. 0 is well.", [
    "condition",
  ]),
  postrider_in_flight_requests: gauge("sum", "Requests in progress that count for the limit."),
  postrider_in_flight_requests_limit: gauge("sum", "The most that there may be: POSTRIDER_MAX_IN_FLIGHT."),
  postrider_unanswered_first_requests: gauge(
    "sum",
    "Requests in progress besides: the first ones to endpoints that have not answered yet.",
  ),
  postrider_waiting_deliveries: gauge("sum", "Deliveries that wait in the memory of daemons for their turn."),
  postrider_unrecorded_results: gauge("sum", "Results of attempts that are not recorded yet."),
  postrider_memory_bytes: gauge("max", "Resident memory of the daemon that takes the most."),
  postrider_memory_limit_bytes: gauge("max", "What a daemon takes at most, without its HTTP listener."),
  postrider_large_payload_bytes: gauge("sum", "Memory that large payloads take of what they share."),
  postrider_large_payload_limit_bytes: gauge("sum", "What they share."),
  postrider_postgres_connections: gauge("sum", "Open connections to Postgres, without the listener and the gate."),
  postrider_postgres_connections_limit: gauge("sum", "The most of them that there may be."),
  postrider_http_connections: gauge("sum", "Open connections to receivers."),
  postrider_http_connects_total: counter("Connections to receivers that were begun."),
  postrider_wake_state: gauge(
    "sum",
    "Daemons that are awake, sleeping until an insert notifies, napping beside one that does either, or blind: without LISTEN.",
    ["state"],
  ),

  postrider_claims_total: counter("Pages of new events that were claimed."),
  postrider_claimed_events_total: counter("Events that were claimed."),
  postrider_claimed_deliveries_total: counter("Deliveries of claimed events that are attempted at once, from memory."),
  postrider_taken_over_claims_total: counter("Unfinished claims that were taken over from daemons that were gone."),
  postrider_unmatched_events_total: counter("Claimed events that no endpoint got."),
  postrider_flushes_total: counter("Statements that recorded results."),
  postrider_attempts_total: counter(
    "Attempts that were recorded, by result: succeeded or failed. Failed ones say their failure_kind, and with status the status_class, such as 5xx.",
    ["result", "failure_kind", "status_class"],
  ),
  postrider_first_attempt_successes_total: counter("Deliveries that succeeded with their first attempt."),
  postrider_finished_deliveries_total: counter("Deliveries that ended: succeeded, exhausted or discarded.", ["state"]),
  postrider_sent_bytes_total: counter("Bytes of bodies that were sent."),
  postrider_request_duration_seconds: histogram(
    "How long attempts took, from the connection to the end of the answer.",
    REQUEST_MS_BOUNDS,
  ),
  postrider_delivery_delay_seconds: histogram(
    "From when a delivery was due to its success: from the insert of its event, or deliver_at. Without redeliveries and replays.",
    DELAY_MS_BOUNDS,
  ),

  postrider_database_up: gauge("max", "Whether the figures below could be read from Postgres, the last time."),
  postrider_database_age_seconds: gauge("max", "How old the figures below are."),
  postrider_pending_deliveries: gauge("max", "Deliveries that wait or are leased, by the state of their endpoints.", [
    "endpoint_state",
  ]),
  postrider_pending_endpoints: gauge("max", "Endpoints that have any."),
  postrider_uncounted_endpoints: gauge(
    "max",
    "Those of them with more than 100,000, of which only so many are counted.",
  ),
  postrider_due_deliveries: gauge("max", "Deliveries of active endpoints whose time has come."),
  postrider_overdue_deliveries: gauge(
    "max",
    "Due deliveries that nothing known holds back: no lease, no order, no open circuit, no limit, no missing consent. A pull endpoint has none.",
  ),
  postrider_longest_overdue_seconds: gauge("max", "How long one of them has been due. 0 if there is none."),
  postrider_oldest_pending_seconds: gauge(
    "max",
    "The age of the oldest event that waits for an active endpoint. 0 if none waits.",
  ),
  postrider_unclaimed_events: gauge("max", "Events that no daemon has claimed yet; 10,000 are counted at most."),
  postrider_oldest_unclaimed_seconds: gauge("max", "The age of the oldest of them. 0 if there is none."),
  postrider_endpoints: gauge("max", "Endpoints by state.", ["state"]),
  postrider_open_circuits: gauge("max", "Active endpoints that keep failing, and are sent only probes."),
  postrider_longest_open_circuit_seconds: gauge("max", "How long one of them has been so. 0 if there is none."),
  postrider_unconsented_endpoints: gauge("max", "Active endpoints whose receivers have not granted their handshake."),
  postrider_known_daemons: gauge("max", "Daemons of this database, on whatever host, by state: live, late or lost.", [
    "state",
  ]),
  postrider_running_replays: gauge("max", "Replays that are not finished."),
  postrider_partitions_ahead: gauge("max", "Days after today that have their partitions already."),
  postrider_schema_version: gauge("max", "The version of the schema in the database."),
  postrider_known_schema_version: gauge("max", "The version that this program brings."),
  postrider_notification_queue_ratio: gauge("max", "How full the server's queue of notifications is, from 0 to 1."),

  postrider_endpoint_attempts_total: counter("Attempts of one of the busiest endpoints, by result.", [
    ...endpointLabels(),
    "result",
  ]),
  postrider_endpoint_request_seconds_total: counter("How long its attempts took in all.", endpointLabels()),
  postrider_endpoint_undelivered_total: counter("Its deliveries that were exhausted or discarded.", [
    ...endpointLabels(),
    "state",
  ]),
  postrider_endpoint_pending_deliveries: gauge(
    "max",
    "Its deliveries that wait or are leased; 1,000 are counted at most.",
    endpointLabels(),
  ),
  postrider_endpoint_oldest_pending_seconds: gauge("max", "The age of its oldest event that waits.", endpointLabels()),
  postrider_endpoint_circuit_open: gauge("max", "1 while its circuit is open.", endpointLabels()),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

export interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly over: "sum" | "max" | "min";
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's counts, in milliseconds; there is one count more. */
  readonly boundsMs: readonly number[];
}

/** What one series says: one value, or of a histogram the sum and then each count, not yet added up. */
export interface Sample {
  /** In the order of the metric's labels. */
  readonly labels: readonly string[];
  readonly values: readonly number[];
}

/** Plain data, so that it can pass between processes. What is not known is left out. */
export type Samples = { readonly [Name in MetricName]?: readonly Sample[] };

/** Metrics of one endpoint: which endpoints have them changes. */
export function isOfEndpoint(name: MetricName): boolean {
  return name.startsWith("postrider_endpoint_");
}

function endpointLabels() {
  return ["endpoint_id", "tenant", "endpoint_name"] as const;
}

function counter(help: string, labels: readonly string[] = []): Metric {
  return { type: "counter", over: "sum", help, labels, boundsMs: [] };
}

function gauge(over: Metric["over"], help: string, labels: readonly string[] = []): Metric {
  return { type: "gauge", over, help, labels, boundsMs: [] };
}

function histogram(help: string, boundsMs: readonly number[]): Metric {
  return { type: "histogram", over: "sum", help, labels: [], boundsMs };
}
