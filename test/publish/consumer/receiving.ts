/** Handlers get the events of a catalogue as it describes them, and their store's transaction. Never run. */
import {
  createReceiver,
  fetchPayload,
  forEventTypes,
  type Handlers,
  payloadElements,
  pull,
  pullEvents,
  type ReceivedEvent,
  type StopSignal,
  type Store,
} from "postrider/receive";
import type { EventTypes } from "./catalogue.ts";

interface Client {
  query(text: string): Promise<number>;
}

declare const store: Store<Client>;
declare const signal: StopSignal;
const secrets = ["whsec_…"];
const where = { url: "https://postrider.example.com/v1/endpoints/ID/events", token: "…" };

// Without a catalogue any event does, and its data may be anything.
createReceiver({
  secrets,
  store,
  handlers: {
    "what.ever": async ({ type, data, timestamp }, { transaction }) => {
      const texts: readonly string[] = [type, timestamp];
      const rows: number = await transaction.query(texts.join());
      // @ts-expect-error it may be anything
      return data.order_id + rows;
    },
  },
});

const shop = forEventTypes<EventTypes>();

const handlers: Handlers<EventTypes, Client> = {
  "order.paid": async (event, { transaction }) => {
    const id: number = event.data.order_id;
    const type: "order.paid" = event.type;
    const currency: "EUR" | "USD" = event.data.currency;
    await transaction.query(`${id} ${type} ${currency}`);
    // @ts-expect-error the schema has no such property
    event.data.order;
    // @ts-expect-error a client has no such method
    transaction.commit();
  },
  order_paid: ({ data }) => (typeof data === "string" ? data : data.length),
};

shop.createReceiver({ secrets, store, handlers });
shop.createReceiver({
  secrets,
  store,
  handlers: {
    "order.paid": async ({ data: { order_id } }, { transaction }) => {
      const rows: number = await transaction.query(String(order_id satisfies number));
      return rows;
    },
    // @ts-expect-error no such event type
    "order.payed": () => {},
  },
});
shop.createReceiver({
  secrets,
  store,
  handlers: {},
  streamingHandlers: {
    "order.paid": async (event) => {
      // @ts-expect-error it may have to be fetched
      event.data.order_id;
      for await (const { data, dataText } of payloadElements(event)) {
        const both: readonly [unknown, string] = [data, dataText];
        void both;
      }
      const { data } = await fetchPayload(event);
      return data.order_id satisfies number;
    },
  },
});
await shop.pull({ ...where, secrets, store, handlers, signal });
await pull({ ...where, secrets, store, handlers: { "what.ever": (_, { transaction }) => transaction.query("") } });

for await (const event of shop.pullEvents({ ...where, secrets })) {
  if (event.type === "order.paid") {
    const total: number | null = event.data.total;
    void total;
  }
  // @ts-expect-error no such event type
  if (event.type === "order.payed") break;
}
for await (const event of pullEvents({ ...where, secrets })) {
  const any: ReceivedEvent = event;
  void any;
}
