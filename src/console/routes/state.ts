import type { Route } from "../route.ts";

/** What happens now: whether events are sent, by which daemons, and what waits. */
export const STATE: readonly Route[] = [
  {
    ...{ method: "GET", path: "/status", name: "read_status", scope: "read" },
    summary: "Whether anything is sent, by how many daemons, and what waits; more than is counted unless `is_exact`.",
    takes: {},
    gives: {
      ...{ at: "timestamp with time zone", database: "text", server_version: "text", schema_version: "integer?" },
      ...{ sending_is_on: "boolean", sending_reason: "text?", sending_changed_at: "timestamp with time zone" },
      ...{ sending_changed_by: "text", copy_problem: "text?", live_daemons: "integer", delivers: "boolean" },
      ...{ pending: "bigint", due: "bigint", unclaimed: "bigint", oldest_at: "timestamp with time zone?" },
      ...{ is_exact: "boolean", failing_endpoints: "integer" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/daemons", name: "list_daemons", scope: "read" },
    summary: "The daemons: whether each is alive, and what keeps it from its work.",
    takes: {},
    gives: {
      ...{ id: "uuid", host: "text", pid: "integer", version: "text", state: "text", condition: "text" },
      ...{ condition_since: "timestamp with time zone?", condition_reason: "text?" },
      ...{ started_at: "timestamp with time zone", beat_at: "timestamp with time zone" },
      ...{ lease_expires_at: "timestamp with time zone", in_flight: "integer", waiting: "integer", claims: "bigint" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/backlog", name: "list_backlog", scope: "read" },
    summary: "What waits, by endpoint. The row without an endpoint counts events that no daemon has claimed yet.",
    takes: {},
    gives: {
      ...{ endpoint_id: "uuid?", tenant: "text?", name: "text?", url: "text?", endpoint_state: "text?" },
      ...{ pending: "bigint", due: "bigint", oldest_at: "timestamp with time zone?", oldest_age: "interval?" },
      is_exact: "boolean",
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/in-flight", name: "list_in_flight", scope: "read" },
    summary: "What daemons have in hand at this moment, up to 1,000 deliveries.",
    takes: {},
    gives: {
      ...{ event_id: "uuid", endpoint_id: "uuid", name: "text?", url: "text?", attempt_number: "integer" },
      ...{ daemon_id: "uuid?", since: "timestamp with time zone?", lease_expires_at: "timestamp with time zone?" },
      batch_id: "uuid?",
    },
    answer: { kind: "rows" },
  },
];
