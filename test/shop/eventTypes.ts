// Written by "postrider types" from the table postrider.event_type: do not edit.

/** The payload of each event type. */
export interface EventTypes {
  /** An order has been paid in full. */
  "order.paid": OrderPaid;
  /** Someone has signed up. */
  "user.registered": UserRegistered;
}

/** The payload of order.paid. */
export type OrderPaid = {
  /** In euros, with two decimals. */
  amount: number;
  order_id: number;
  user_id: number;
};

/** The payload of user.registered. */
export type UserRegistered = {
  email: string;
  name: string;
  user_id: number;
};
