import { cursor, inPath, inQuery, limit, type Route } from "../route.ts";

const ENDPOINT = inPath("The endpoint's id.");

/** Endpoints, their subscriptions and their secrets. */
export const ENDPOINTS: readonly Route[] = [
  {
    ...{ method: "GET", path: "/endpoints", name: "list_endpoints", scope: "read" },
    summary: "Endpoints, the newest first, and whether each fails.",
    takes: {
      tenant: inQuery("text", "Only those of this tenant; the empty string is a tenant."),
      state: inQuery("text", "Only those in this state: active, paused or disabled."),
      failing: inQuery("boolean", "Only those whose last attempt failed."),
      search: inQuery("text", "A part of the name, the URL or the id, in small letters or capitals."),
      limit,
      after_id: cursor(),
    },
    gives: {
      ...{ id: "uuid", tenant: "text", name: "text?", url: "text?", kind: "text", format: "text", state: "text" },
      ...{
        state_reason: "text?",
        state_changed_at: "timestamp with time zone",
        created_at: "timestamp with time zone",
      },
      ...{ revision: "bigint", consecutive_failures: "bigint", failing_since: "timestamp with time zone?" },
      ...{ last_failure_at: "timestamp with time zone?", last_failure_kind: "text?", last_http_status: "smallint?" },
      ...{ last_error: "text?", circuit_opened_at: "timestamp with time zone?" },
    },
    answer: { kind: "page", cursor: ["id"] },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}", name: "read_endpoint", scope: "read" },
    summary: "An endpoint and its settings, without the query of its URL, its headers and its credentials.",
    takes: { endpoint_id: ENDPOINT },
    gives: {
      ...{
        id: "uuid",
        tenant: "text",
        name: "text?",
        description: "text?",
        kind: "text",
        url: "text?",
        format: "text",
      },
      ...{ ordered: "boolean", when_exhausted: "text", batch_size: "integer", batch_delay_ms: "integer" },
      ...{ max_in_flight: "integer?", rate_limit: "numeric?", rate_burst: "integer?", timeout_ms: "integer" },
      ...{ retry_schedule: "interval[]", retry_on: "text[]?", give_up_on: "text[]?", signing: "text" },
      ...{ encryption_key: "jsonb?", inline_limit: "integer?", handshake: "boolean", handshake_state: "text?" },
      ...{
        disable_after: "interval?",
        payload: "text?",
        payload_fallback: "text",
        state: "text",
        state_reason: "text?",
      },
      ...{ state_changed_at: "timestamp with time zone", circuit_opened_at: "timestamp with time zone?" },
      ...{ revision: "bigint", created_at: "timestamp with time zone", updated_at: "timestamp with time zone" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/health", name: "read_endpoint_health", scope: "read" },
    summary:
      "Whether an endpoint fails, since when and how, how fast it answers, up to 500 of what waits for it, and as many of what it did not get of the last day's events.",
    takes: { endpoint_id: ENDPOINT },
    gives: {
      ...{ endpoint_id: "uuid", state: "text", state_reason: "text?", is_failing: "boolean" },
      ...{ failing_since: "timestamp with time zone?", consecutive_failures: "bigint" },
      ...{ last_failure_at: "timestamp with time zone?", last_failure_kind: "text?", last_http_status: "smallint?" },
      ...{ last_error: "text?", recovered_at: "timestamp with time zone?", p50_ms: "integer?", p95_ms: "integer?" },
      ...{ disabled_from: "timestamp with time zone?", circuit: "text" },
      ...{ circuit_opened_at: "timestamp with time zone?", next_probe_at: "timestamp with time zone?" },
      ...{ halted_keys: "bigint", halted_since: "timestamp with time zone?" },
      ...{ certificate_expires_at: "timestamp with time zone?", pending: "bigint", due: "bigint" },
      ...{ oldest_at: "timestamp with time zone?", is_exact: "boolean" },
      ...{ exhausted: "bigint", discarded: "bigint" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/subscriptions", name: "list_subscriptions", scope: "read" },
    summary: "Which events an endpoint gets.",
    takes: { endpoint_id: ENDPOINT },
    gives: { id: "uuid", event_type: "text", filter: "text?", created_at: "timestamp with time zone" },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/secrets", name: "list_secrets", scope: "read" },
    summary: "The secrets that sign an endpoint's requests, without what is secret of them.",
    takes: { endpoint_id: ENDPOINT },
    gives: {
      ...{ id: "uuid", kind: "text", public_key: "text?", created_at: "timestamp with time zone" },
      expires_at: "timestamp with time zone?",
    },
    answer: { kind: "rows" },
  },
];
