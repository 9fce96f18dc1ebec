/** The side that sends. It changes rows, as any application does, and knows nothing of webhooks. */
import type pg from "pg";

export interface Person {
  readonly email: string;
  readonly name: string;
}

/** Resolves with the id of the account. */
export async function signUp(front: pg.Pool, { email, name }: Person): Promise<string> {
  return idOf(await front.query("insert into account (email, name) values ($1, $2) returning id", [email, name]));
}

/** Resolves with the id of the payment, which is open. */
export async function checkOut(front: pg.Pool, orderId: number, accountId: string, amount: string): Promise<string> {
  const values = [orderId, accountId, amount];
  return idOf(
    await front.query("insert into payment (order_id, account_id, amount) values ($1, $2, $3) returning id", values),
  );
}

export async function pay(front: pg.Pool, paymentId: string): Promise<void> {
  await front.query("update payment set status = 'paid' where id = $1", [paymentId]);
}

function idOf({ rows }: pg.QueryResult<{ id: string }>): string {
  const [row] = rows;
  if (row === undefined) throw new Error("a row was inserted, and did not come back");
  return row.id;
}
