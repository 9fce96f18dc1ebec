/** Fetches from pull endpoints as the listener does, by its statement. */
import { randomUUID } from "node:crypto";
import { statementText } from "../../src/db/sqlFiles.ts";
import { askFor, rowsOf, type Session } from "./engine.ts";

export interface Page {
  readonly outcome: string;
  readonly events: readonly string[];
  readonly next: string;
  readonly hasMore: boolean;
}

export interface Asking {
  readonly listener?: string;
  readonly eventsMax?: number;
  readonly bytesMax?: number;
  readonly itemBytesMax?: number;
  readonly unreadable?: string | null;
}

interface FetchRow {
  readonly outcome: string | null;
  readonly next_cursor: string;
  readonly has_more: boolean;
  readonly event_id: string;
}

const LISTENER = randomUUID();

export async function createPullEndpoint(
  session: Session,
  eventTypes: readonly string[] = ["*"],
  options: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return String(
    await askFor(session, "select endpoint_id from postrider.create_endpoint(null, $1, '', $2)", [
      eventTypes,
      JSON.stringify({ kind: "pull", ...options }),
    ]),
  );
}

export async function fetchPage(
  session: Session,
  endpoint: string,
  after: string | null,
  {
    listener = LISTENER,
    eventsMax = 10,
    bytesMax = 1_048_576,
    itemBytesMax = 67_108_864,
    unreadable = null,
  }: Asking = {},
): Promise<Page> {
  const values = [listener, endpoint, after, eventsMax, bytesMax, itemBytesMax, unreadable, true];
  const [head, ...rows] = await rowsOf<FetchRow>(session, statementText("fetch_events"), values);
  if (head === undefined || head.outcome === null) throw new Error("a page has no head");
  return {
    outcome: head.outcome,
    next: head.next_cursor,
    hasMore: head.has_more,
    events: rows.map((row) => row.event_id),
  };
}

/** All that follows the cursor, page by page, and the cursor behind it. */
export async function fetchAll(session: Session, endpoint: string, after: string | null, asking: Asking = {}) {
  const events: string[] = [];
  let next = after;
  for (;;) {
    const page = await fetchPage(session, endpoint, next, asking);
    if (page.outcome !== "page") throw new Error(`the outcome is ${page.outcome}`);
    events.push(...page.events);
    next = page.next;
    if (!page.hasMore) return { events, next };
  }
}
