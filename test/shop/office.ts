/** The side that receives: what an application imports from "postrider/receive" comes from src/receive here. */
import type pg from "pg";
import { postgresInbox } from "../../src/receive/postgresInbox.ts";
import { forEventTypes, type Receiver } from "../../src/receive/receive.ts";
import type { EventTypes } from "./eventTypes.ts";

const { createReceiver } = forEventTypes<EventTypes>();

/** Each event has its effect once: the handler works in the transaction that remembers the event. */
export function officeReceiver(office: pg.Pool, secret: string): Receiver {
  return createReceiver({
    secrets: [secret],
    store: postgresInbox(office),
    handlers: {
      "user.registered": async ({ data, timestamp }, { transaction }) => {
        await transaction.query(
          `insert into users (id, email, name, registered_at) values ($1, $2, $3, $4)
           on conflict (id) do update
           set email = excluded.email, name = excluded.name, registered_at = excluded.registered_at`,
          [data.user_id, data.email, data.name, timestamp],
        );
      },
      "order.paid": async ({ data, dataText, timestamp }, { transaction }) => {
        const { rowCount } = await transaction.query("update orders set paid_at = $2 where id = $1", [
          data.order_id,
          timestamp,
        ]);
        if (rowCount === 0) {
          // The order is not here yet. What throws is undone and answered with 500, so the event comes again.
          throw new Error(`there is no order ${data.order_id}`);
        }
        // Events come in any order: the user may not be here yet. The text of the amount is exact, a number may not be.
        await transaction.query(
          `insert into users (id, orders_paid, spent) values ($1, 1, ($2::json ->> 'amount')::numeric)
           on conflict (id) do update
           set orders_paid = users.orders_paid + 1, spent = users.spent + excluded.spent`,
          [data.user_id, dataText],
        );
      },
    },
  });
}
