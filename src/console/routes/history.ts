import { cursor, inPath, inQuery, limit, type Route } from "../route.ts";

const SINCE = inQuery("timestamp with time zone", "From this time on; by default within the last 24 hours.");

/** What happened: who did what, what was not delivered, and what failed. */
export const HISTORY: readonly Route[] = [
  {
    ...{ method: "GET", path: "/audit", name: "list_audit", scope: "read" },
    summary: "What operators did, the newest first.",
    takes: {
      endpoint_id: inQuery("uuid", "Only what was about this endpoint."),
      event_id: inQuery("uuid", "Only what was about this event."),
      action: inQuery("text", "Only this action, such as pause_endpoint."),
      by: inQuery("text", "Only what this role did, or what was done for this key."),
      since: inQuery("timestamp with time zone", "From this time on; by default within the last 30 days."),
      limit,
      after_id: cursor(),
    },
    gives: {
      ...{ id: "uuid", at: "timestamp with time zone", actor: "text", acting_as: "text?", on_behalf_of: "text?" },
      ...{ action: "text", endpoint_id: "uuid?", endpoint_name: "text?", event_id: "uuid?", detail: "jsonb" },
      ...{ before: "jsonb?", after: "jsonb?" },
    },
    answer: { kind: "page", cursor: ["id"] },
  },
  {
    ...{ method: "GET", path: "/unmatched", name: "list_unmatched", scope: "read" },
    summary: "Events that no endpoint got, by tenant and type, the most first.",
    takes: { since: SINCE },
    gives: { tenant: "text", event_type: "text", events: "bigint", last_seen_at: "timestamp with time zone" },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/deliveries", name: "list_deliveries", scope: "read" },
    summary: "Deliveries that ended without success, the newest event first.",
    takes: {
      state: inQuery("text[]", "`exhausted`, `discarded`, or both with a comma between them, the default."),
      endpoint_id: inQuery("uuid", "Only those to this endpoint."),
      since: inQuery("timestamp with time zone", "Of events from this time on; by default of the last 24 hours."),
      limit,
      after_event_id: cursor(),
      after_endpoint_id: cursor(),
    },
    gives: {
      ...{ event_id: "uuid", endpoint_id: "uuid", name: "text?", event_type: "text?", tenant: "text?", state: "text" },
      ...{ reason: "text?", attempts: "integer", created_at: "timestamp with time zone" },
      finished_at: "timestamp with time zone?",
    },
    answer: { kind: "page", cursor: ["event_id", "endpoint_id"] },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/waiting", name: "list_waiting", scope: "read" },
    summary: "What waits for an endpoint, the oldest event first.",
    takes: { endpoint_id: inPath("The endpoint's id."), limit, after_event_id: cursor() },
    gives: {
      ...{ event_id: "uuid", event_type: "text?", tenant: "text?", created_at: "timestamp with time zone?" },
      ...{ attempts: "integer", next_attempt_at: "timestamp with time zone?", is_in_flight: "boolean" },
    },
    answer: { kind: "page", cursor: ["event_id"] },
  },
  {
    ...{ method: "GET", path: "/attempts", name: "list_failed_attempts", scope: "read" },
    summary: "Attempts that failed, the newest first. Looks at 20,000 attempts at most.",
    takes: {
      endpoint_id: inQuery("uuid", "Only those to this endpoint."),
      endpoint: inQuery("text", "Only those to this endpoint: its name, or its id."),
      http_status: inQuery("smallint", "Only those that were answered with this status."),
      failure_kind: inQuery("text", "Only those that failed so, such as `timeout`."),
      since: SINCE,
      until: inQuery("timestamp with time zone", "From before this time."),
      limit,
      after_started_at: cursor("timestamp with time zone"),
      after_id: cursor(),
    },
    gives: {
      ...{ event_id: "uuid", endpoint_id: "uuid", name: "text?", event_type: "text?", id: "uuid" },
      attempt_number: "integer",
      ...{ started_at: "timestamp with time zone", duration_ms: "integer", http_status: "smallint?" },
      ...{ failure_kind: "text?", error: "text?" },
    },
    answer: {
      ...{ kind: "page", cursor: ["started_at", "id"] },
      search: {
        name: "read_attempts_searched_to",
        takes: ["since", "until", "after_started_at", "after_id"],
        lookedAt: 20_000,
      },
    },
  },
];

const OF_WHAT: Route["takes"] = {
  endpoint_id: inQuery("uuid", "Only what goes to this endpoint."),
  tenant: inQuery("text", "Only what goes to the endpoints of this tenant."),
};

const CHARTED = inQuery("timestamp with time zone", "From this time on; by default within the last hour.");

const BARS: Route["takes"] = {
  ...OF_WHAT,
  since: CHARTED,
  step: inQuery(
    "interval",
    "How long a bar is, such as `5 minutes`; at most 300 are made of the whole. By default a minute, five minutes, an hour or six hours, as the range is up to two hours, a day, a week or longer.",
  ),
};

/** What charts are made of. */
export const CHARTS: readonly Route[] = [
  {
    ...{ method: "GET", path: "/charts/deliveries", name: "read_chart", scope: "read" },
    summary: "What became of deliveries, in bars. In a bar in which no daemon lived everything is null.",
    takes: BARS,
    gives: {
      ...{ at: "timestamp with time zone", step: "interval", claimed: "bigint?", succeeded_first: "bigint?" },
      ...{ succeeded_later: "bigint?", failed: "bigint?", exhausted: "bigint?", discarded: "bigint?" },
      ...{ sent_again: "bigint?", failures: "jsonb?" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/charts/latency", name: "read_latency", scope: "read" },
    summary:
      "How long requests took, and how late deliveries arrived, in bars: counts by bucket, and percentiles, interpolated and as the bound of their bucket.",
    takes: BARS,
    gives: {
      ...{ at: "timestamp with time zone", step: "interval", request_ms: "bigint[]?", delay_ms: "bigint[]?" },
      ...{ request_p50_ms: "double precision?", request_p95_ms: "double precision?" },
      ...{ request_p99_ms: "double precision?", request_p50_within_ms: "integer?", request_p95_within_ms: "integer?" },
      ...{ request_p99_within_ms: "integer?", delay_p50_ms: "double precision?", delay_p95_ms: "double precision?" },
      ...{ delay_p99_ms: "double precision?", delay_p50_within_ms: "integer?", delay_p95_within_ms: "integer?" },
      ...{ delay_p99_within_ms: "integer?" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/charts/objective", name: "read_objective", scope: "read" },
    summary: "How deliveries of the last 30 days stand to the objective, and how fast they use up what it allows.",
    takes: OF_WHAT,
    gives: {
      ...{ target: "numeric", within: "interval", set_for: "text", in_time: "double precision?" },
      ...{ budget_left: "double precision?", good: "bigint", bad: "bigint", overdue: "bigint", is_exact: "boolean" },
      ...{ left_out: "bigint", burn_5m: "double precision?", burn_30m: "double precision?" },
      ...{ burn_1h: "double precision?", burn_6h: "double precision?", is_burning: "boolean" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/figures", name: "read_figures", scope: "read" },
    summary:
      "How much happens: events claimed and deliveries made each minute, and what was not delivered in 24 hours.",
    takes: {},
    gives: {
      ...{ claimed_per_minute: "numeric", delivered_per_minute: "numeric", exhausted: "bigint", unmatched: "bigint" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/charts/busiest", name: "list_busiest", scope: "read" },
    summary:
      "The busiest endpoints, and how many attempts they had in each minute, by the minute's Unix time; of more than two hours, each minute of an hour on average, by the hour's.",
    takes: {
      since: inQuery(
        "timestamp with time zone",
        "From this time on, 7 days ago at most; by default within the last hour.",
      ),
      limit,
    },
    gives: {
      ...{ endpoint_id: "uuid", tenant: "text?", name: "text?", url: "text?", succeeded: "bigint", failed: "bigint" },
      ...{ exhausted: "bigint", discarded: "bigint", requests_per_minute: "jsonb" },
    },
    answer: { kind: "rows" },
  },
];
