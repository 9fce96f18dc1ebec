import { cursor, inPath, inQuery, limit, neededInQuery } from "../../route.ts";
import type { PortalRoute } from "../route.ts";

const EVENT = inPath("The event's id.");
const SINCE = inQuery("timestamp with time zone", "From this time on; by default within the last 24 hours.");
const OF_ENDPOINT = inQuery("uuid", "Only those to this endpoint.");

const SHOWN: PortalRoute["gives"] = {
  ...{ id: "uuid", event_type: "text", ordering_key: "text?", created_at: "timestamp with time zone" },
  ...{ deliver_at: "timestamp with time zone?", erased_at: "timestamp with time zone?", is_test: "boolean" },
};

/** The tenant's events, and what became of them. */
export const EVENTS: readonly PortalRoute[] = [
  {
    ...{ method: "GET", path: "/events", name: "portal_list_events", scope: "attempts:read" },
    summary:
      "Events, the newest first, with how many of the first 1,000 deliveries are in each state. Looks at 10,000 events at most, those of other tenants included.",
    takes: {
      since: inQuery("timestamp with time zone", "Inserted from this time on; by default within the last 24 hours."),
      until: inQuery("timestamp with time zone", "Inserted before this time."),
      event_type: inQuery("text", "Only this type, or a prefix such as `order.*`."),
      endpoint_id: OF_ENDPOINT,
      limit,
      after_id: cursor(),
    },
    gives: { ...SHOWN, deliveries: "jsonb" },
    answer: {
      kind: "page",
      cursor: ["id"],
      search: { name: "portal_read_searched_to", takes: ["since", "until", "after_id"] },
    },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}", name: "portal_read_event", scope: "attempts:read" },
    summary: "An event without its payload.",
    takes: { event_id: EVENT },
    gives: SHOWN,
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/payload", name: "portal_read_payload", scope: "payload:read" },
    summary: "An event's payload as it was written, as a text, or the first 256 Ki characters of it.",
    takes: { event_id: EVENT },
    gives: { id: "uuid", payload_bytes: "integer", payload: "text", is_whole: "boolean" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/deliveries", name: "portal_list_event_deliveries" },
    scope: "attempts:read",
    summary: "What became of an event at each endpoint that gets it.",
    takes: { event_id: EVENT, limit, after_endpoint_id: cursor() },
    gives: {
      ...{ endpoint_id: "uuid", name: "text?", url: "text?", state: "text", detail: "text", reason: "text?" },
      ...{ attempts: "integer", last_http_status: "integer?", last_error: "text?" },
      ...{ next_attempt_at: "timestamp with time zone?", created_at: "timestamp with time zone" },
      finished_at: "timestamp with time zone?",
    },
    answer: { kind: "page", cursor: ["endpoint_id"] },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/attempts", name: "portal_list_event_attempts" },
    scope: "attempts:read",
    summary: "Every attempt of an event, by endpoint, without what the receivers answered.",
    takes: { event_id: EVENT, endpoint_id: OF_ENDPOINT, limit, after_endpoint_id: cursor(), after_id: cursor() },
    gives: {
      ...{ endpoint_id: "uuid", id: "uuid", attempt_number: "integer", started_at: "timestamp with time zone" },
      ...{ duration_ms: "integer", http_status: "smallint?", failure_kind: "text?", error: "text?" },
    },
    answer: { kind: "page", cursor: ["endpoint_id", "id"] },
  },
  {
    ...{ method: "GET", path: "/events/{event_id}/answers", name: "portal_list_answers", scope: "payload:read" },
    summary: "What the receiver answered to each attempt of a delivery, up to 100 attempts.",
    takes: { event_id: EVENT, endpoint_id: neededInQuery("uuid", "The endpoint.") },
    gives: {
      ...{ id: "uuid", attempt_number: "integer", http_status: "smallint?" },
      ...{ response_headers: "json?", response_body: "text?" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "POST", path: "/events/{event_id}/deliveries/{endpoint_id}/redeliver", name: "portal_redeliver" },
    scope: "redeliver",
    summary: "Makes one more attempt of a delivery now, whatever its state.",
    takes: { event_id: EVENT, endpoint_id: inPath("The endpoint's id.") },
    gives: { deliveries: "integer" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/deliveries", name: "portal_list_deliveries", scope: "attempts:read" },
    summary: "Deliveries that ended without success, the newest event first.",
    takes: {
      state: inQuery("text[]", "`exhausted`, `discarded`, or both with a comma between them, the default."),
      endpoint_id: OF_ENDPOINT,
      since: inQuery("timestamp with time zone", "Of events from this time on; by default of the last 24 hours."),
      limit,
      after_event_id: cursor(),
      after_endpoint_id: cursor(),
    },
    gives: {
      ...{ event_id: "uuid", endpoint_id: "uuid", name: "text?", event_type: "text", state: "text", reason: "text?" },
      ...{ attempts: "integer", created_at: "timestamp with time zone", finished_at: "timestamp with time zone?" },
    },
    answer: { kind: "page", cursor: ["event_id", "endpoint_id"] },
  },
  {
    ...{ method: "GET", path: "/attempts", name: "portal_list_failed_attempts", scope: "attempts:read" },
    summary:
      "Attempts that failed, the newest first. Looks at 20,000 attempts at most, those of other tenants included.",
    takes: {
      endpoint_id: OF_ENDPOINT,
      since: SINCE,
      until: inQuery("timestamp with time zone", "From before this time."),
      limit,
      after_started_at: cursor("timestamp with time zone"),
      after_id: cursor(),
    },
    gives: {
      ...{ event_id: "uuid", endpoint_id: "uuid", name: "text?", event_type: "text", id: "uuid" },
      ...{ attempt_number: "integer", started_at: "timestamp with time zone", duration_ms: "integer" },
      ...{ http_status: "smallint?", failure_kind: "text?", error: "text?" },
    },
    answer: {
      ...{ kind: "page", cursor: ["started_at", "id"] },
      search: {
        ...{ name: "portal_read_attempts_searched_to" },
        takes: ["since", "until", "after_started_at", "after_id"],
      },
    },
  },
];
