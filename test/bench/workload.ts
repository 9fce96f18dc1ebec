/** The events that every part of the benchmark works with. */
import { randomBytes } from "node:crypto";
import type { ClientBase } from "pg";
import { standard } from "../../src/format/standard.ts";

export const PATH = "/hooks/bench";
export const EVENT_TYPE = "order.paid";
/** No endpoint wants these: the daemon claims them and has nothing to send. */
export const UNWANTED_EVENT_TYPE = "cart.changed";

const PAYLOAD_BYTES = 430;
/** With the number of the type. */
export const TYPE_PREFIX = "bench.n";
export const TRANSACTION_EVENTS = 100;

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
export const BODY = String(
  standard.body(
    {
      id: "",
      eventType: EVENT_TYPE,
      createdAt: "2026-01-01T00:00:00.000000Z",
      attributes: null,
      hasLargeAttributes: false,
    },
    PAYLOAD,
  ),
);

/** What the events of a backlog are. */
export interface Load {
  /** Events are of so many types in turn, each wanted by other endpoints; with one it is `EVENT_TYPE`. */
  readonly types: number;
  readonly payload: string;
  /** Of each event, as the text of JSON; default: none. */
  readonly attributes?: string | null;
  /** Events have one of so many ordering keys in turn; default: none. */
  readonly keys?: number;
}

/** Commits so many events, a hundred a transaction. The server does it by itself; it waits for the disk at the end only. */
export async function commitEvents(
  client: ClientBase,
  count: number,
  { types, payload, attributes = null, keys = 0 }: Load = { types: 1, payload: PAYLOAD },
): Promise<void> {
  const eventType =
    types === 1 ? `'${EVENT_TYPE}'` : `'${TYPE_PREFIX}' || (step * ${TRANSACTION_EVENTS} + n) % ${types}`;
  const key = keys === 0 ? "null" : `'account_' || (step * ${TRANSACTION_EVENTS} + n) % ${keys}`;
  await client.query("set synchronous_commit = off");
  await client.query(`do $fill$
    begin
      for step in 0 .. ${Math.ceil(count / TRANSACTION_EVENTS)} - 1 loop
        insert into postrider.outbox (event_type, payload, attributes, ordering_key)
        select ${eventType}, '${payload}', ${attributes === null ? "null" : `'${attributes}'`}, ${key}
        from generate_series(1, least(${TRANSACTION_EVENTS}, ${count} - step * ${TRANSACTION_EVENTS})) n;
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

export async function createEndpoint(
  client: ClientBase,
  port: number,
  options: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await client.query("select from postrider.create_endpoint($1, array[$2], options => $3)", [
    `http://127.0.0.1:${port}${PATH}`,
    EVENT_TYPE,
    JSON.stringify(options),
  ]);
}

/** One endpoint for each of so many types of events. By the tables, because creating them one by one takes minutes. */
export async function createEndpoints(
  client: ClientBase,
  port: number,
  types: number,
  prefix = TYPE_PREFIX,
): Promise<void> {
  const url = client.escapeLiteral(`http://127.0.0.1:${port}${PATH}`);
  await client.query(`
    create temporary table made as
    select gen_random_uuid() as id, '${prefix}' || n as event_type from generate_series(0, ${types} - 1) n;
    insert into postrider.endpoint (id, url) select m.id, ${url} from made m;
    insert into postrider.endpoint_secret (endpoint_id, secret) select m.id, postrider_internal.new_secret() from made m;
    insert into postrider.subscription (endpoint_id, event_type) select m.id, m.event_type from made m;
    drop table made`);
}

/** JSON of so many bytes that do not compress. */
export function payloadOf(bytes: number): string {
  const frame = JSON.stringify({ blob: "" });
  const text = randomBytes(bytes)
    .toString("base64url")
    .slice(0, bytes - frame.length);
  return JSON.stringify({ blob: text });
}

function padded(payload: Readonly<Record<string, unknown>> & { readonly note: string }): string {
  const bare = JSON.stringify(payload);
  return JSON.stringify({ ...payload, note: "x".repeat(PAYLOAD_BYTES - bare.length) });
}
