import { cursor, inBody, inPath, inQuery, limit, neededInBody, type Route, reasonInQuery } from "../route.ts";

const SHOWN: Route["gives"] = {
  ...{ replay_id: "uuid", endpoint_id: "uuid", name: "text?", url: "text?", endpoint_state: "text", state: "text" },
  ...{ reason: "text?", since: "timestamp with time zone", until: "timestamp with time zone", event_type: "text" },
  ...{ states: "text[]", events: "bigint", prepared: "bigint", left_alone: "bigint", pending: "bigint" },
  ...{ succeeded: "bigint", exhausted: "bigint", discarded: "bigint", restored: "bigint" },
  ...{ created_at: "timestamp with time zone", progressed_at: "timestamp with time zone" },
  ...{ finished_at: "timestamp with time zone?", requested_by: "text" },
};

/** Ranges of events that are sent again. */
export const REPLAYS: readonly Route[] = [
  {
    ...{ method: "GET", path: "/replays", name: "list_replays", scope: "read" },
    summary: "Replays and how far they are, the newest first.",
    takes: { endpoint_id: inQuery("uuid", "Only those to this endpoint."), limit, after_id: cursor() },
    gives: SHOWN,
    answer: { kind: "page", cursor: ["replay_id"] },
  },
  {
    ...{ method: "GET", path: "/replays/{replay_id}", name: "read_replay", scope: "read" },
    summary: "How far a replay is.",
    takes: { replay_id: inPath("The replay's id.") },
    gives: SHOWN,
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: "/replays", name: "replay", scope: "operate" },
    summary: "Sends a range of events to an endpoint again, or says how many that would be.",
    takes: {
      endpoint_id: neededInBody("uuid", "The endpoint."),
      since: neededInBody("timestamp with time zone", "Events from this time on, by when they were inserted."),
      until: inBody("timestamp with time zone", "Events from before this time; now by default."),
      event_type: inBody("text", "Which types of those that the endpoint is subscribed to; all by default."),
      states: inBody(
        "text[]",
        "`exhausted`, `discarded` and `unmatched` by default; `cancelled` and `succeeded` only if they are named.",
      ),
      dry_run: inBody("boolean", "Only say how many events it would be."),
    },
    gives: { replay_id: "uuid?", events: "bigint" },
    answer: { kind: "created" },
    example: { endpoint_id: "01a22b91-dc90-7c4f-9135-6d7f68b9d5c7", since: "2030-01-01T09:00:00Z", dry_run: true },
  },
  {
    ...{ method: "DELETE", path: "/replays/{replay_id}", name: "cancel_replay", scope: "operate" },
    summary: "Cancels a replay: what was not sent gets its former state back.",
    takes: { replay_id: inPath("The replay's id."), reason: reasonInQuery },
    gives: {},
    answer: { kind: "nothing" },
  },
];
