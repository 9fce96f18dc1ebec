/** Without a catalogue any event does; with one, those of the catalogue alone, as it describes them. Never run. */
import { createPublisher, type EventOf, type PgTransaction, PublishError, publish } from "postrider/publish";
import type { EventTypes } from "./catalogue.ts";

declare const tx: PgTransaction;

const id: string = await publish(tx, { eventType: "what.ever", payload: [1, { a: null }] });
await publish(tx, {
  eventType: "what.ever",
  json: "12345678901234567890",
  tenant: "acme",
  orderingKey: "o-1",
  idempotencyKey: "k-1",
  deliverAt: new Date(),
  attributes: { subject: id },
});
// @ts-expect-error the payload is missing
await publish(tx, { eventType: "what.ever" });
// @ts-expect-error one or the other
await publish(tx, { eventType: "what.ever", payload: 1, json: "1" });
// @ts-expect-error the event type is missing
await publish(tx, { payload: 1 });
// @ts-expect-error a misspelt field
await publish(tx, { eventType: "what.ever", payload: 1, idempotency_key: "k" });
// @ts-expect-error milliseconds are no time
await publish(tx, { eventType: "what.ever", payload: 1, deliverAt: Date.now() });

const shop = createPublisher<EventTypes>();
const paid = { order_id: 42, total: 9.5, currency: "EUR", by: "card" } as const;

await shop.publish(tx, { eventType: "order.paid", payload: paid, idempotencyKey: "k" });
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, by: { bank: "B" }, total: null } });
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, lines: [{ sku: "a", parts: [{ sku: "b" }] }] } });
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, "shop name": "x", labels: { a: "b" } } });
await shop.publish(tx, { eventType: "order.paid", json: '{"order_id": 42}' });
await shop.publish(tx, { eventType: "order_paid", payload: [true, false] });
await shop.publish(tx, { eventType: "order_paid", payload: "text" });
await shop.publish(tx, { eventType: "anything", payload: { what: ["ever"] } });
await shop.publish(tx, { eventType: "order.open", payload: 1 });
await shop.publish(tx, { eventType: "9lives.2", payload: { b: 1 } });
await shop.publish(tx, { eventType: "loose", payload: { known: "a", other: 1 } });
await shop.publish(tx, { eventType: "literal", payload: [1, [{}]] });
await shop.publish(tx, { eventType: "literal", payload: { a: { "b c": 2 } } });
const events: EventOf<EventTypes>[] = [
  { eventType: "order.paid", payload: paid },
  { eventType: "order_paid", payload: "text" },
];
const ids: string[] = await shop.publishMany(tx, events);

// @ts-expect-error no such event type
await shop.publish(tx, { eventType: "order.payed", payload: paid });
// @ts-expect-error a property is missing
await shop.publish(tx, { eventType: "order.paid", payload: { order_id: 42 } });
// @ts-expect-error a string is not a number
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, order_id: "42" } });
// @ts-expect-error not one of the values
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, currency: "GBP" } });
// @ts-expect-error a property that the schema does not name
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, ordered: 1 } });
// @ts-expect-error the recursive part is held to its type, too
await shop.publish(tx, { eventType: "order.paid", payload: { ...paid, lines: [{ sku: "a", parts: [{}] }] } });
// @ts-expect-error the payload of the other one
await shop.publish(tx, { eventType: "order_paid", payload: paid });
// @ts-expect-error false takes nothing
await shop.publish(tx, { eventType: "order.none", payload: 1 });
// @ts-expect-error one part of allOf is missing
await shop.publish(tx, { eventType: "9lives.2", payload: { a: "x" } });
// @ts-expect-error not one of the values
await shop.publish(tx, { eventType: "literal", payload: [1, [{ x: 1 }]] });
// @ts-expect-error
await shop.publishMany(tx, [{ eventType: "order.paid", payload: paid }, { eventType: "order.paid", payload: {} }]); // biome-ignore format: one line

const error = new PublishError("no_ids", "no ids");
const code: "bad_event" | "no_ids" | string = error.code;

export { code, ids };
