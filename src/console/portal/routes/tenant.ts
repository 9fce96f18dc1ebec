import { cursor, inPath, limit } from "../../route.ts";
import type { PortalRoute } from "../route.ts";

/** Who asks, and what events there are. */
export const TENANT: readonly PortalRoute[] = [
  {
    ...{ method: "GET", path: "/session", name: "portal_read_session", scope: null },
    summary: "Whose token this is, what it may do, and until when.",
    takes: {},
    gives: { tenant: "text", subject: "text?", capabilities: "text[]", expires_at: "timestamp with time zone" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "GET", path: "/event-types", name: "portal_list_event_types", scope: "endpoints:read" },
    summary: "The catalogue of event types, by name.",
    takes: { limit, after_name: cursor("text") },
    gives: { name: "text", description: "text?", deprecated: "boolean", has_schema: "boolean" },
    answer: { kind: "page", cursor: ["name"] },
  },
  {
    ...{ method: "GET", path: "/event-types/{name}", name: "portal_read_event_type", scope: "endpoints:read" },
    summary: "An event type with its schema.",
    takes: { name: inPath("The type's name.", "text") },
    gives: { name: "text", description: "text?", json_schema: "jsonb?", deprecated: "boolean" },
    answer: { kind: "row" },
  },
];
