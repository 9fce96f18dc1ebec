import { cursor, inBody, inPath, limit, neededInBody, type Route, reasonInBody, reasonInQuery } from "../route.ts";

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
      scopes: inBody(
        "text[]",
        "What it may do: read, payload, publish, operate, portal:mint, admin. By default it may read.",
      ),
      expires_at: inBody("timestamp with time zone", "Until when it is valid."),
    },
    gives: { key: "text" },
    answer: { kind: "created" },
    example: { name: "deployments", scopes: ["read", "operate"] },
    shownOnce: ["key"],
  },
  {
    ...{ method: "DELETE", path: "/keys/{key_id}", name: "revoke_key", scope: "admin" },
    summary: "Ends a key of the API, and the sessions that were opened with it.",
    takes: { key_id: inPath("The key's id."), reason: reasonInQuery },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "POST", path: "/portal-tokens", name: "create_portal_token", scope: "portal:mint" },
    summary: "Makes a token of the portal for a tenant, shown this once.",
    takes: {
      tenant: neededInBody("text", "The tenant whose endpoints and events it is for; the empty string is a tenant."),
      capabilities: inBody(
        "text[]",
        "What it may do: endpoints:read, endpoints:write, endpoints:state, secret:rotate, attempts:read, payload:read, redeliver, replay, test. By default endpoints:read and attempts:read.",
      ),
      ttl: inBody("interval", "How long it is valid: 15 minutes by default, 1 hour at most."),
      subject: inBody("text", "For whom it is; the audit shows it."),
    },
    gives: { token: "text", expires_at: "timestamp with time zone" },
    answer: { kind: "created" },
    example: { tenant: "acme", capabilities: ["endpoints:read", "attempts:read"] },
    shownOnce: ["token"],
  },
  {
    ...{ method: "POST", path: "/portal-tokens/revoke", name: "revoke_portal_tokens", scope: "portal:mint" },
    summary: "Ends the tokens of the portal of a tenant, or of one subject of it, and says how many there were.",
    takes: {
      tenant: neededInBody("text", "The tenant."),
      subject: inBody("text", "Only those that were made for this subject."),
      reason: reasonInBody,
    },
    gives: { revoked: "integer" },
    answer: { kind: "row" },
    example: { tenant: "acme" },
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
