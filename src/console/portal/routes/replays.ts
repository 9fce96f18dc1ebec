import { cursor, inBody, inPath, inQuery, limit, neededInBody } from "../../route.ts";
import type { PortalRoute } from "../route.ts";

const SHOWN: PortalRoute["gives"] = {
  ...{ replay_id: "uuid", endpoint_id: "uuid", name: "text?", state: "text", since: "timestamp with time zone" },
  ...{ until: "timestamp with time zone", event_type: "text", states: "text[]", events: "bigint", prepared: "bigint" },
  ...{ left_alone: "bigint", pending: "bigint", succeeded: "bigint", exhausted: "bigint", discarded: "bigint" },
  ...{ restored: "bigint", created_at: "timestamp with time zone", progressed_at: "timestamp with time zone" },
  finished_at: "timestamp with time zone?",
};

/** What an endpoint missed, sent again. */
export const REPLAYS: readonly PortalRoute[] = [
  {
    ...{ method: "GET", path: "/replays", name: "portal_list_replays", scope: "replay" },
    summary: "Replays and how far they are, the newest first.",
    takes: { endpoint_id: inQuery("uuid", "Only those to this endpoint."), limit, after_id: cursor() },
    gives: SHOWN,
    answer: { kind: "page", cursor: ["replay_id"] },
  },
  {
    ...{ method: "GET", path: "/replays/{replay_id}", name: "portal_read_replay", scope: "replay" },
    summary: "How far a replay is.",
    takes: { replay_id: inPath("The replay's id.") },
    gives: SHOWN,
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: "/replays", name: "portal_replay", scope: "replay" },
    summary: "Sends what an endpoint missed again, or says how many events that would be. One at a time.",
    takes: {
      endpoint_id: neededInBody("uuid", "The endpoint."),
      since: neededInBody("timestamp with time zone", "Events from this time on, within the last 7 days."),
      until: inBody("timestamp with time zone", "Events from before this time; now by default."),
      event_type: inBody("text", "Which types of those that the endpoint is subscribed to; all by default."),
      states: inBody("text[]", "`exhausted`, `unmatched`, or both, the default."),
      dry_run: inBody("boolean", "Only say how many events it would be."),
    },
    gives: { replay_id: "uuid?", events: "bigint" },
    answer: { kind: "created" },
  },
  {
    ...{ method: "DELETE", path: "/replays/{replay_id}", name: "portal_cancel_replay", scope: "replay" },
    summary: "Cancels a replay: what was not sent gets its former state back.",
    takes: { replay_id: inPath("The replay's id.") },
    gives: {},
    answer: { kind: "nothing" },
  },
];
