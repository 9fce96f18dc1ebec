import { cursor, inPath, inQuery, limit, neededInQuery, type Parameter, type Route, type Search } from "../route.ts";

const EVENT = inPath("The event's id.");

const SOUGHT: Readonly<Record<string, Parameter>> = {
  since: inQuery("timestamp with time zone", "Inserted from this time on; by default within the last 24 hours."),
  until: inQuery("timestamp with time zone", "Inserted before this time."),
  event_type: inQuery("text", "Only this type, or a prefix such as `order.*`."),
  tenant: inQuery("text", "Only those of this tenant; the empty string is a tenant."),
  key: inQuery("text", "Only those with this ordering key or idempotency key."),
  state: inQuery("text[]", "Only those with a delivery in one of these states, with commas between them."),
  endpoint: inQuery("text", "Only those with such a delivery to this endpoint: its name, or its id."),
  attempts_min: inQuery("integer", "Only those with such a delivery that took at least so many attempts."),
};

const LISTED: Route["gives"] = {
  ...{ id: "uuid", event_type: "text", tenant: "text", ordering_key: "text?", idempotency_key: "text?" },
  ...{ created_at: "timestamp with time zone", deliver_at: "timestamp with time zone?" },
  ...{ erased_at: "timestamp with time zone?", is_test: "boolean", deliveries: "jsonb", attempts: "bigint" },
  ...{ next_attempt_at: "timestamp with time zone?", last_endpoint_id: "uuid?", last_endpoint_name: "text?" },
  ...{ last_http_status: "smallint?", last_failure_kind: "text?" },
};

function searchOf(lookedAt: number): Search {
  const takes = ["since", "until", "state", "endpoint", "attempts_min", "after_id"];
  return { name: "read_searched_to", takes, lookedAt };
}

/** Events, their deliveries and attempts. */
export const EVENTS: readonly Route[] = [
  {
    ...{ method: "GET", path: "/events", name: "list_events", scope: "read" },
    summary:
      "Events, the newest first, with what became of the first 1,000 deliveries, and what the last attempt got at the endpoint that most needs a look. Looks at 10,000 events at most; for `state`, `endpoint` or `attempts_min` at 250 deliveries, or at the newest 2,500 if no index leads to them.",
    takes: { ...SOUGHT, limit, after_id: cursor() },
    gives: LISTED,
    answer: { kind: "page", cursor: ["id"], search: searchOf(10_000) },
  },
  {
    ...{ method: "GET", path: "/events/search", name: "search_events", scope: "payload" },
    summary: "Events whose payload matches a filter, as in the list of events. Looks at 2,000 events at most.",
    takes: {
      ...SOUGHT,
      filter: neededInQuery("jsonpath", "A predicate over the payload, as subscriptions have it: `$.amount > 100`."),
      limit,
      after_id: cursor(),
    },
    gives: LISTED,
    answer: { kind: "page", cursor: ["id"], search: searchOf(2_000) },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}", name: "read_event", scope: "read" },
    summary: "An event without its payload.",
    takes: { event_id: EVENT },
    gives: {
      ...{ id: "uuid", event_type: "text", tenant: "text", ordering_key: "text?", idempotency_key: "text?" },
      ...{ created_at: "timestamp with time zone", deliver_at: "timestamp with time zone?" },
      ...{ erased_at: "timestamp with time zone?", is_test: "boolean", seq: "bigint", xid: "xid8" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/payload", name: "read_payload", scope: "payload" },
    summary:
      "An event's payload as it was written, as a text, or the first 256 Ki characters of it; and its attributes.",
    takes: { event_id: EVENT },
    gives: { id: "uuid", payload_bytes: "integer", payload: "text", is_whole: "boolean", attributes: "jsonb?" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/explanation", name: "explain_event", scope: "payload" },
    summary: "For each endpoint of the event's tenant: what became of the event there, or why nothing did.",
    takes: { event_id: EVENT },
    gives: {
      ...{ endpoint_id: "uuid?", name: "text?", url: "text?", endpoint_state: "text?", outcome: "text" },
      ...{ explanation: "text", would_match_now: "boolean", now_explanation: "text" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/absence", name: "explain_absence", scope: "read" },
    summary:
      "Why there may be no event with this id: it is past its retention, or a transaction that inserts it is open.",
    takes: { event_id: EVENT },
    gives: {
      ...{ is_there: "boolean", made_at: "timestamp with time zone?", retention: "interval" },
      ...{ is_past_retention: "boolean", is_from_future: "boolean", open_transactions: "integer" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/deliveries", name: "list_event_deliveries", scope: "read" },
    summary: "What became of an event at each endpoint that gets it.",
    takes: { event_id: EVENT, limit, after_endpoint_id: cursor() },
    gives: {
      ...{ endpoint_id: "uuid", name: "text?", url: "text?", state: "text", detail: "text", reason: "text?" },
      ...{ attempts: "integer", last_http_status: "integer?", last_error: "text?" },
      ...{ next_attempt_at: "timestamp with time zone?", created_at: "timestamp with time zone" },
      ...{ finished_at: "timestamp with time zone?", format: "text?", transformation: "text?", batch_id: "uuid?" },
      ...{ behind_event_id: "uuid?", halts_key: "boolean", is_thin: "boolean" },
      replay_id: "uuid?",
    },
    answer: { kind: "page", cursor: ["endpoint_id"] },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/attempts", name: "list_event_attempts", scope: "read" },
    summary: "Every attempt of an event, by endpoint, without what the receivers answered.",
    takes: {
      event_id: EVENT,
      endpoint_id: inQuery("uuid", "Only those to this endpoint."),
      limit,
      after_endpoint_id: cursor(),
      after_id: cursor(),
    },
    gives: {
      ...{ endpoint_id: "uuid", id: "uuid", attempt_number: "integer", started_at: "timestamp with time zone" },
      ...{ duration_ms: "integer", http_status: "smallint?", failure_kind: "text?", error: "text?" },
      ...{ requests: "smallint", endpoint_revision: "bigint?", daemon_id: "uuid", batch_id: "uuid?" },
      endpoint_has_changed: "boolean?",
    },
    answer: { kind: "page", cursor: ["endpoint_id", "id"] },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/answers", name: "list_answers", scope: "payload" },
    summary: "What the receiver answered to each attempt of a delivery, up to 100 attempts.",
    takes: { event_id: EVENT, endpoint_id: neededInQuery("uuid", "The endpoint.") },
    gives: {
      ...{ id: "uuid", attempt_number: "integer", http_status: "smallint?" },
      ...{ response_headers: "json?", response_body: "text?" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/deliveries/{endpoint_id}/request", name: "read_request" },
    ...{ scope: "operate", alsoScope: "payload" },
    summary: "The request of a delivery as a daemon would send it now, and as a command of curl.",
    takes: {
      event_id: EVENT,
      endpoint_id: inPath("The endpoint's id."),
      signed: inQuery(
        "boolean",
        "With the signature, which receivers take for five minutes. The audit notes it. Only the API of a daemon can sign.",
      ),
    },
    gives: {
      ...{ event_id: "uuid", event_type: "text", created_at: "text", context: "jsonb?", is_erased: "boolean" },
      ...{ attempts: "integer", batch_id: "uuid?", payload_bytes: "integer?", payload: "text?" },
      ...{ is_transformed: "boolean", content_headers: "jsonb?", problem: "text?", is_signed: "boolean" },
      ...{ endpoint_id: "uuid", revision: "bigint", kind: "text", url: "text?", format: "text", batch_size: "integer" },
      ...{ timeout_ms: "integer", inline_limit: "integer?", handshake: "boolean", encryption_key: "jsonb?" },
      ...{ ordered: "boolean", has_auth: "boolean", auth_header: "text", has_client_certificate: "boolean" },
      ...{ headers: "jsonb", attempt_revision: "bigint?" },
    },
    answer: { kind: "request" },
  },
];
