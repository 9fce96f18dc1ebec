import {
  asMembers,
  cursor,
  ifMatch,
  inBody,
  inPath,
  inQuery,
  limit,
  neededInBody,
  reasonInQuery,
} from "../../route.ts";
import type { PortalRoute } from "../route.ts";

const ENDPOINT = inPath("The endpoint's id.");
const FILTER = inBody("text", "A predicate over the payload, such as `$.amount > 100`; at most 1,000 characters.");
const HEADERS = "Extra request headers, names and values. The values are not shown again.";

const SHOWN: PortalRoute["gives"] = {
  ...{ id: "uuid", name: "text?", description: "text?", url: "text?", url_is_whole: "boolean?", kind: "text" },
  ...{ format: "text", signing: "text", header_names: "text[]", event_types: "text[]", timeout_ms: "integer" },
  ...{ retry_schedule: "interval[]", disable_after: "interval?", state: "text", state_reason: "text?" },
  ...{ state_changed_at: "timestamp with time zone", is_failing: "boolean" },
  ...{ failing_since: "timestamp with time zone?", consecutive_failures: "bigint" },
  ...{ last_failure_at: "timestamp with time zone?", last_failure_kind: "text?", last_http_status: "smallint?" },
  ...{ last_error: "text?", recovered_at: "timestamp with time zone?", disabled_from: "timestamp with time zone?" },
  ...{ circuit_opened_at: "timestamp with time zone?", next_probe_at: "timestamp with time zone?" },
  ...{ revision: "bigint", created_at: "timestamp with time zone", updated_at: "timestamp with time zone" },
};

/** The tenant's endpoints: what they get, how they fare, and what is done about them. */
export const ENDPOINTS: readonly PortalRoute[] = [
  {
    ...{ method: "GET", path: "/endpoints", name: "portal_list_endpoints", scope: "endpoints:read" },
    summary: "Endpoints, the newest first, and whether each fails.",
    takes: {
      state: inQuery("text", "Only those in this state: active, paused or disabled."),
      failing: inQuery("boolean", "Only those whose last attempt failed."),
      limit,
      after_id: cursor(),
    },
    gives: SHOWN,
    answer: { kind: "page", cursor: ["id"] },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}", name: "portal_read_endpoint", scope: "endpoints:read" },
    summary: "An endpoint, without the query of its URL and the values of its headers, and whether it fails.",
    takes: { endpoint_id: ENDPOINT },
    gives: SHOWN,
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: "/endpoints", name: "portal_create_endpoint", scope: "endpoints:write" },
    summary: "Creates an endpoint with its subscriptions, up to 100 endpoints. The secret is shown this once.",
    takes: {
      url: neededInBody("text", "Where its events are sent."),
      event_types: inBody("text[]", "What it gets, exactly, by prefixes such as `order.*`, or all: `*`, the default."),
      filter: FILTER,
      name: inBody("text", "What people call it."),
      description: inBody("text", "What it is for."),
      headers: inBody("jsonb", HEADERS),
    },
    gives: { endpoint_id: "uuid", secret: "text?" },
    answer: { kind: "created" },
  },
  {
    ...{ method: "PATCH", path: "/endpoints/{endpoint_id}", name: "portal_change_endpoint", scope: "endpoints:write" },
    summary: "Changes settings of an endpoint; those that are left out stay.",
    takes: {
      endpoint_id: ENDPOINT,
      settings: asMembers(
        { url: "text", name: "text?", description: "text?", headers: "jsonb?" },
        "The settings that change. Headers that are not named stay; one that is null is removed.",
      ),
      revision: ifMatch,
    },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "DELETE", path: "/endpoints/{endpoint_id}", name: "portal_delete_endpoint", scope: "endpoints:write" },
    summary: "Removes an endpoint, and says what that ended; or what it would end.",
    takes: {
      endpoint_id: ENDPOINT,
      reason: reasonInQuery,
      dry_run: inQuery("boolean", "Only say what it would end."),
    },
    gives: {
      ...{ name: "text?", url: "text?", pending: "bigint", is_exact: "boolean", in_flight: "bigint" },
      ...{ subscriptions: "bigint", replays: "bigint" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/pause", name: "portal_pause_endpoint" },
    scope: "endpoints:state",
    summary: "Pauses an endpoint: its events wait.",
    takes: { endpoint_id: ENDPOINT, reason: inBody("text", "Why; it is shown while the endpoint is paused.") },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/resume", name: "portal_resume_endpoint" },
    scope: "endpoints:state",
    summary: "Resumes an endpoint that was paused, or disabled because it did nothing but fail.",
    takes: { endpoint_id: ENDPOINT },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/rotate-secret", name: "portal_rotate_secret" },
    scope: "secret:rotate",
    summary: "Makes a new secret, shown this once. The old ones sign beside it until the overlap ends.",
    takes: { endpoint_id: ENDPOINT, overlap: inBody("interval", "How long; 24 hours by default.") },
    gives: { secret: "text?" },
    answer: { kind: "created" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/test", name: "portal_send_test_event", scope: "test" },
    summary: "Sends one event to this endpoint alone, marked as a test.",
    takes: {
      endpoint_id: ENDPOINT,
      event_type: inBody("text", "Its type; `postrider.test` by default."),
      payload: inBody("json", "Its payload."),
    },
    gives: { event_id: "uuid" },
    answer: { kind: "created" },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/subscriptions", name: "portal_list_subscriptions" },
    scope: "endpoints:read",
    summary: "Which events an endpoint gets.",
    takes: { endpoint_id: ENDPOINT },
    gives: { id: "uuid", event_type: "text", filter: "text?", created_at: "timestamp with time zone" },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/subscriptions", name: "portal_subscribe" },
    scope: "endpoints:write",
    summary: "Subscribes an endpoint to events, from now on; up to 100 times.",
    takes: {
      endpoint_id: ENDPOINT,
      event_type: neededInBody("text", "A type, a prefix such as `order.*`, or `*`."),
      filter: FILTER,
    },
    gives: { subscription_id: "uuid" },
    answer: { kind: "created" },
  },
  {
    ...{ method: "DELETE", path: "/subscriptions/{subscription_id}", name: "portal_unsubscribe" },
    scope: "endpoints:write",
    summary: "Removes a subscription; deliveries that exist already continue.",
    takes: { subscription_id: inPath("The subscription's id.") },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/secrets", name: "portal_list_secrets" },
    scope: "endpoints:read",
    summary: "What signs an endpoint's requests, without what is secret of it.",
    takes: { endpoint_id: ENDPOINT },
    gives: {
      ...{ id: "uuid", kind: "text", public_key: "text?", created_at: "timestamp with time zone" },
      expires_at: "timestamp with time zone?",
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/endpoints/{endpoint_id}/waiting", name: "portal_list_waiting", scope: "attempts:read" },
    summary: "What waits for an endpoint, the oldest event first.",
    takes: { endpoint_id: ENDPOINT, limit, after_event_id: cursor() },
    gives: {
      ...{ event_id: "uuid", event_type: "text", created_at: "timestamp with time zone", attempts: "integer" },
      ...{ next_attempt_at: "timestamp with time zone?", is_in_flight: "boolean" },
    },
    answer: { kind: "page", cursor: ["event_id"] },
  },
  {
    ...{ method: "GET", path: "/charts/endpoints", name: "portal_read_chart", scope: "endpoints:read" },
    summary: "What became of the deliveries of each endpoint, by hour.",
    takes: {
      since: inQuery("timestamp with time zone", "From this time on; by default the last 24 hours, 7 days at most."),
    },
    gives: {
      ...{ endpoint_id: "uuid", at: "timestamp with time zone", succeeded: "bigint", failed: "bigint" },
      ...{ exhausted: "bigint", discarded: "bigint" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/charts/endpoints/{endpoint_id}", name: "portal_read_endpoint_chart" },
    scope: "endpoints:read",
    summary: "What became of an endpoint's deliveries, in bars. A bar is missing if it had none.",
    takes: {
      endpoint_id: ENDPOINT,
      since: inQuery("timestamp with time zone", "From this time on; by default within the last hour."),
      step: inQuery("interval", "How long a bar is, such as `5 minutes`; at most 300 are made of the whole."),
    },
    gives: {
      ...{ at: "timestamp with time zone", step: "interval", succeeded_first: "bigint", succeeded_later: "bigint" },
      ...{ failed: "bigint", exhausted: "bigint", discarded: "bigint", sent_again: "bigint", failures: "jsonb?" },
      ...{ request_p50_ms: "double precision?", request_p95_ms: "double precision?" },
    },
    answer: { kind: "rows" },
  },
];
