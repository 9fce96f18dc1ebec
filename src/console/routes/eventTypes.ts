import { cursor, inBody, inPath, limit, neededInBody, type Route, reasonInQuery } from "../route.ts";

const NAME = inPath("The type's name.", "text");

/** The catalogue. */
export const EVENT_TYPES: readonly Route[] = [
  {
    ...{ method: "GET", path: "/event-types", name: "list_event_types", scope: "read" },
    summary: "The catalogue of event types, by name.",
    takes: { limit, after_name: cursor("text") },
    gives: {
      ...{ name: "text", description: "text?", enforce: "boolean", deprecated: "boolean", has_schema: "boolean" },
      ...{ created_at: "timestamp with time zone", updated_at: "timestamp with time zone" },
    },
    answer: { kind: "page", cursor: ["name"] },
  },
  {
    ...{ method: "GET", path: "/event-types/{name}", name: "read_event_type", scope: "read" },
    summary: "An event type with its schema.",
    takes: { name: NAME },
    gives: {
      ...{ name: "text", description: "text?", json_schema: "jsonb?", enforce: "boolean", deprecated: "boolean" },
      ...{ created_at: "timestamp with time zone", updated_at: "timestamp with time zone" },
    },
    answer: { kind: "row" },
  },
  {
    ...{ method: "PUT", path: "/event-types/{name}", name: "define_event_type", scope: "operate" },
    summary: "Defines an event type, or changes it. Without a schema it keeps the one that is there.",
    takes: {
      name: NAME,
      description: inBody("text", "What it means."),
      json_schema: inBody("jsonb", "What its payloads look like: any JSON Schema."),
      enforce: inBody("boolean", "Whether a payload that does not fit makes the insert fail."),
      deprecated: inBody("boolean", "Whether it should no longer be used."),
    },
    gives: {},
    answer: { kind: "nothing" },
    example: { description: "An order was paid.", json_schema: { type: "object", required: ["order_id"] } },
  },
  {
    ...{ method: "DELETE", path: "/event-types/{name}", name: "drop_event_type", scope: "operate" },
    summary: "Removes an event type from the catalogue.",
    takes: { name: NAME, reason: reasonInQuery },
    gives: {},
    answer: { kind: "nothing" },
  },
  {
    ...{ method: "GET", path: "/event-type-policy", name: "read_event_type_policy", scope: "read" },
    summary: "Whether events are accepted whose type is not in the catalogue.",
    takes: {},
    gives: { unknown_types: "text", changed_at: "timestamp with time zone" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "PUT", path: "/event-type-policy", name: "change_event_type_policy", scope: "operate" },
    summary: "Accepts events whose type is not in the catalogue, or refuses them.",
    takes: { unknown_types: neededInBody("text", "allowed, or refused.") },
    gives: {},
    answer: { kind: "nothing" },
    example: { unknown_types: "refused" },
  },
];
