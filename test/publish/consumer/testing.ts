/** What tests of an application call, with what they may and may not pass. Never run. */
import type { PgTransaction } from "postrider/publish";
import {
  assertNotPublished,
  assertPublished,
  type Delivery,
  drain,
  markOutbox,
  type PublishedEvent,
  publishedEvents,
} from "postrider/publish/testing";

declare const tx: PgTransaction;
declare const pool: { query: PgTransaction["query"]; totalCount: number };

const since = await markOutbox(pool);
const events: PublishedEvent[] = await publishedEvents(tx);
await publishedEvents(pool, { since });
const found: PublishedEvent[] = await assertPublished(tx, {
  eventType: "order.paid",
  payload: { at: new Date() },
  orderingKey: null,
  deliverAt: new Date(),
  attributes: { subject: "o/1" },
});
await assertPublished(pool, { eventType: "order.paid" }, { since });
await assertNotPublished(tx, { json: "{}" });
const deliveries: Delivery[] = await drain(tx);
await drain(tx, async ({ event, endpoint }) => [event.json, endpoint.name]);
await drain(pool, () => {}, { since });

// @ts-expect-error a pool has no events of its own
await publishedEvents(pool);
// @ts-expect-error
await assertPublished(pool, { eventType: "order.paid" });
// @ts-expect-error
await drain(pool);
// @ts-expect-error a misspelt field
await assertPublished(tx, { eventtype: "order.paid" });
// @ts-expect-error no mark
await publishedEvents(pool, { since: new Date() });

export { deliveries, events, found };
