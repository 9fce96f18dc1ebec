import { type EventColumns, eventOf } from "../db/eventColumns.ts";
import type { BatchFormat } from "../format/format.ts";

export interface Head {
  readonly outcome: string;
  readonly next: string;
  readonly hasMore: boolean;
}

export type ItemRow = EventColumns;

/**
 * The bytes of a page: `{"data":[…],"next":"CURSOR","has_more":false}`, with the items that a batch of the endpoint's format
 * would have. A paused endpoint says so, and has none.
 */
export function pageBody(format: BatchFormat, { outcome, next, hasMore }: Head, items: readonly ItemRow[]): Buffer {
  const texts = items.flatMap((row) =>
    row.event_id === null || row.payload === null ? [] : [format.item(eventOf(row, row.event_id), row.payload)],
  );
  const paused = outcome === "paused" ? ',"paused":true' : "";
  return Buffer.from(`{"data":[${texts.join(",")}],"next":${JSON.stringify(next)},"has_more":${hasMore}${paused}}`);
}
