/** The events that every part of the benchmark works with. */
import type { ClientBase } from "pg";
import { makeBody } from "../../src/format/body.ts";

export const PATH = "/hooks/bench";
export const EVENT_TYPE = "order.paid";
/** No endpoint wants these: the daemon claims them and has nothing to send. */
export const UNWANTED_EVENT_TYPE = "cart.changed";

const PAYLOAD_BYTES = 430;
const TRANSACTION_EVENTS = 100;

/** An order of 430 bytes. */
export const PAYLOAD = padded({
  order_id: "ord_01K2V8R4N6",
  customer: { id: "cus_8812", country: "DE", newsletter: true },
  lines: [
    { sku: "A-1001", quantity: 2, cents: 1999 },
    { sku: "B-2002", quantity: 1, cents: 12900 },
  ],
  total_cents: 16898,
  currency: "EUR",
  note: "",
});

/** What the daemon sends of such an event; only the digits of the time differ. */
export const BODY = makeBody("standard", {
  eventType: EVENT_TYPE,
  timestamp: "2026-01-01T00:00:00.000000Z",
  payload: PAYLOAD,
}).body.toString();

/** Commits so many events, a hundred a transaction. The server does it by itself; it waits for the disk at the end only. */
export async function commitEvents(client: ClientBase, count: number): Promise<void> {
  await client.query("set synchronous_commit = off");
  await client.query(`do $fill$
    begin
      for step in 0 .. ${Math.ceil(count / TRANSACTION_EVENTS)} - 1 loop
        insert into postrider.outbox (event_type, payload)
        select '${EVENT_TYPE}', '${PAYLOAD}'
        from generate_series(1, least(${TRANSACTION_EVENTS}, ${count} - step * ${TRANSACTION_EVENTS}));
        commit;
      end loop;
    end $fill$`);
  await client.query("reset synchronous_commit");
}

/** Inserts so many events within the transaction that is open. */
export async function insertEvents(client: ClientBase, count: number): Promise<void> {
  await client.query(
    "insert into postrider.outbox (event_type, payload) select $1, $2::json from generate_series(1, $3::integer)",
    [EVENT_TYPE, PAYLOAD, count],
  );
}

export async function createEndpoint(client: ClientBase, port: number): Promise<void> {
  await client.query("select from postrider.create_endpoint($1, array[$2])", [
    `http://127.0.0.1:${port}${PATH}`,
    EVENT_TYPE,
  ]);
}

function padded(payload: Readonly<Record<string, unknown>> & { readonly note: string }): string {
  const bare = JSON.stringify(payload);
  return JSON.stringify({ ...payload, note: "x".repeat(PAYLOAD_BYTES - bare.length) });
}
