/** Plain JavaScript in a directory of its own: what is imported is there and does what it says. Prints JSON. */
import { createPublisher, PublishError, publish, publishMany } from "postrider/publish";

const sent = [];
const tx = {
  getTransactionStatus: () => "T",
  async query(text, values) {
    sent.push({ text, values });
    return { rows: values[0].startsWith("{") ? [{ id: "id-1" }, { id: "id-2" }] : [{ id: "id-1" }] };
  },
};
const event = { eventType: "order.paid", payload: { order_id: 42 } };
const refused = await publish({}, event).catch((error) => [error instanceof PublishError, error.code]);
const deep = await import("postrider/publish.mjs").catch((error) => error.code);
const ids = [
  await publish(tx, event),
  ...(await publishMany(tx, [event, event])),
  await createPublisher().publish(tx, event),
];
console.log(JSON.stringify({ refused, deep, ids, values: sent.map(({ values }) => values.slice(0, 2)) }));
