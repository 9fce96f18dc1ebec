import { cursor, inBody, inPath, limit, neededInBody, type Route } from "../route.ts";

/** The keys of the API, and what feeds the outbox. */
export const ADMINISTRATION: readonly Route[] = [
  {
    ...{ method: "GET", path: "/keys", name: "list_keys", scope: "read" },
    summary: "The keys of the API, the newest first, without what is secret of them.",
    takes: { limit, after_id: cursor() },
    gives: {
      ...{ id: "uuid", name: "text", scopes: "text[]", created_at: "timestamp with time zone", created_by: "text" },
      ...{ expires_at: "timestamp with time zone?", last_used_at: "timestamp with time zone?" },
    },
    answer: { kind: "page", cursor: ["id"] },
  },
  {
    ...{ method: "POST", path: "/keys", name: "create_key", scope: "admin" },
    summary: "Makes a key of the API, shown this once.",
    takes: {
      name: neededInBody("text", "What people call it."),
      scopes: inBody("text[]", "What it may do: read, payload, publish, operate, admin. By default it may read."),
      expires_at: inBody("timestamp with time zone", "Until when it is valid."),
    },
    gives: { key: "text" },
    answer: { kind: "created" },
    shownOnce: ["key"],
  },
  {
    ...{ method: "DELETE", path: "/keys/{key_id}", name: "revoke_key", scope: "admin" },
    summary: "Ends a key of the API, and the sessions that were opened with it.",
    takes: { key_id: inPath("The key's id.") },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "GET", path: "/captures", name: "list_captures", scope: "read" },
    summary: "The tables whose row changes become events.",
    takes: {},
    gives: {
      ...{ table_name: "text", event_type: "text", operations: "text[]", condition: "text?", payload: "text?" },
      ...{ ordering_key: "text?", tenant: "text?", runs_as: "text", problem: "text?" },
    },
    answer: { kind: "rows" },
  },
  {
    ...{ method: "GET", path: "/ingests", name: "list_ingests", scope: "read" },
    summary: "The log files that are followed, and how far.",
    takes: {},
    gives: {
      ...{ name: "text", role_name: "text", path: "text?", byte_offset: "bigint", line_number: "bigint" },
      ...{ lines: "bigint", events: "bigint", unmatched: "bigint", refused: "bigint" },
      ...{ created_at: "timestamp with time zone", updated_at: "timestamp with time zone" },
    },
    answer: { kind: "rows" },
  },
];
