import {
  asMembers,
  ifMatch,
  inBody,
  inPath,
  inQuery,
  neededInBody,
  neededInQuery,
  type Route,
  reasonInBody,
  reasonInQuery,
} from "../route.ts";

const ENDPOINT = inPath("The endpoint's id.");

/** The columns of an endpoint that can be changed; their comments in Postgres describe them. */
const SETTINGS: Route["gives"] = {
  ...{ name: "text?", description: "text?", url: "text?", format: "text", ordered: "boolean", when_exhausted: "text" },
  ...{ batch_size: "integer", batch_delay_ms: "integer", max_in_flight: "integer?", rate_limit: "numeric?" },
  ...{ rate_burst: "integer?", timeout_ms: "integer", retry_schedule: "interval[]", retry_on: "text[]?" },
  ...{ give_up_on: "text[]", headers: "jsonb", signing: "text", encryption_key: "jsonb?", auth: "jsonb?" },
  ...{ client_certificate: "jsonb?", inline_limit: "integer?", handshake: "boolean", disable_after: "interval?" },
  ...{ payload: "text?", payload_fallback: "text" },
};

/** What is done about endpoints. */
export const CHANGES: readonly Route[] = [
  {
    ...{ method: "POST", path: "/endpoints", name: "create_endpoint", scope: "operate" },
    summary:
      "Creates an endpoint with its subscriptions. The secret is shown this once; there is none with ed25519 alone.",
    takes: {
      url: inBody("text", "Where its events are sent; left out with the option kind pull."),
      event_types: inBody("text[]", "What it gets, exactly, by prefixes such as `order.*`, or all: `*`, the default."),
      tenant: inBody("text", "Whose events it gets; the empty string by default."),
      options: inBody("jsonb", "Settings by name, as a PATCH takes them, and `kind`."),
    },
    gives: { endpoint_id: "uuid", secret: "text?" },
    answer: { kind: "created" },
    example: {
      url: "https://billing.example.com/hooks",
      event_types: ["order.*"],
      options: { name: "billing", timeout_ms: 5_000 },
    },
    shownOnce: ["secret"],
  },
  {
    ...{ method: "PATCH", path: "/endpoints/{endpoint_id}", name: "change_endpoint", scope: "operate" },
    summary: "Changes settings of an endpoint; those that are left out stay.",
    takes: {
      endpoint_id: ENDPOINT,
      settings: asMembers(SETTINGS, "The settings that change."),
      revision: ifMatch,
    },
    gives: {},
    answer: { kind: "nothing" },
    example: { timeout_ms: 5_000, retry_schedule: ["5 s", "5 min", "1 h"] },
  },
  {
    ...{ method: "DELETE", path: "/endpoints/{endpoint_id}", name: "delete_endpoint", scope: "operate" },
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
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/pause", name: "pause_endpoint", scope: "operate" },
    summary: "Pauses an endpoint: its events are still routed and wait.",
    takes: { endpoint_id: ENDPOINT, reason: reasonInBody },
    gives: {},
    answer: { kind: "nothing" },
    example: { reason: "their maintenance" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/resume", name: "resume_endpoint", scope: "operate" },
    summary: "Resumes an endpoint that was paused: what waited is sent.",
    takes: { endpoint_id: ENDPOINT },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/disable", name: "disable_endpoint", scope: "operate" },
    summary: "Disables an endpoint: it gets no new deliveries, and pending ones are discarded.",
    takes: { endpoint_id: ENDPOINT, reason: reasonInBody },
    gives: {},
    answer: { kind: "nothing" },
    example: { reason: "the contract has ended" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/enable", name: "enable_endpoint", scope: "operate" },
    summary: "Enables an endpoint that was disabled.",
    takes: { endpoint_id: ENDPOINT },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/rotate-secret", name: "rotate_secret", scope: "operate" },
    summary: "Makes a new secret, shown this once. The old ones sign beside it until the overlap ends.",
    takes: { endpoint_id: ENDPOINT, overlap: inBody("interval", "How long; 24 hours by default.") },
    gives: { secret: "text?" },
    answer: { kind: "created" },
    example: { overlap: "24 hours" },
    shownOnce: ["secret"],
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/test", name: "send_test_event", scope: "operate" },
    summary: "Sends one event to this endpoint alone, marked as a test.",
    takes: {
      endpoint_id: ENDPOINT,
      event_type: inBody("text", "Its type; `postrider.test` by default."),
      payload: inBody("json", "Its payload."),
    },
    gives: { event_id: "uuid" },
    answer: { kind: "created" },
    example: { event_type: "order.paid", payload: { order_id: 42 } },
  },
  {
    ...{ method: "POST", path: "/endpoints/{endpoint_id}/subscriptions", name: "subscribe", scope: "operate" },
    summary: "Subscribes an endpoint to events, from now on.",
    takes: {
      endpoint_id: ENDPOINT,
      event_type: neededInBody("text", "A type, a prefix such as `order.*`, or `*`."),
      filter: inBody("text", "A predicate over the payload, such as `$.amount > 100`."),
    },
    gives: { subscription_id: "uuid" },
    answer: { kind: "created" },
    example: { event_type: "order.*", filter: "$.amount > 100" },
  },
  {
    ...{ method: "DELETE", path: "/subscriptions/{subscription_id}", name: "unsubscribe", scope: "operate" },
    summary: "Removes a subscription; deliveries that exist already continue.",
    takes: {
      subscription_id: inPath("The subscription's id."),
      reason: reasonInQuery,
    },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "GET", path: "/subscriptions/try", name: "try_filter", scope: "payload" },
    summary:
      "The newest 20 of the last 2,000 events that a subscription would be looked at for, and whether each matches the filter.",
    takes: {
      event_type: neededInQuery("text", "A type, a prefix such as `order.*`, or `*`."),
      filter: neededInQuery("jsonpath", "A predicate over the payload, such as `$.amount > 100`."),
      tenant: inQuery("text", "Whose events; of the empty tenant by default."),
    },
    gives: { id: "uuid", event_type: "text", created_at: "timestamp with time zone", matches: "boolean?" },
    answer: { kind: "rows" },
  },
];
