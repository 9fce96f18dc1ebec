/** Plain JavaScript in a directory of its own: what tests import. Prints JSON. */
import * as testing from "postrider/publish/testing";

const value = JSON.stringify({ id: "id-1", eventType: "order.paid", json: '{"order_id":42}', deliverAt: null });
const tx = { getTransactionStatus: () => "T", query: async () => ({ rows: [{ value }] }) };
const [event] = await testing.assertPublished(tx, { eventType: "order.paid", payload: { order_id: 42 } });
const failed = await testing
  .assertPublished(tx, { eventType: "order.payed" })
  .catch((error) => [error instanceof testing.AssertionError, error.name, error.code]);
console.log(JSON.stringify({ names: Object.keys(testing).sort(), payload: event.payload, failed }));
