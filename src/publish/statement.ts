import { type EventRow, PAYLOAD_SEPARATOR } from "./event.ts";

/**
 * Each call sends one statement, whatever it carries. Each parameter is a text that the statement casts, because some
 * drivers declare a string as text, which json does not accept, and each driver writes lists differently. A batch is one
 * text per column, which Postgres takes apart, so a statement's limit of 65,535 parameters does not bound its size.
 */
export interface Statement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

/** Unlike an insert, publish() finds the first event of an idempotency key. */
const ONE = `
select postrider.publish(
  event_type => $1::text,
  payload => $2::text::json,
  tenant => $3::text,
  ordering_key => $4::text,
  deliver_at => $5::text::timestamptz,
  idempotency_key => $6::text,
  attributes => $7::text::jsonb
)::text as id`.trim();

/**
 * A character that JSON does not have separates the payloads. Reading them as an array with every quote escaped cost
 * Postgres 7 µs an event, more than the insert.
 */
const GIVEN = `rows from (
    unnest($1::text::text[]), string_to_table($2::text, chr(30)), unnest($3::text::text[]), unnest($4::text::text[]),
    unnest($5::text::text[]), unnest($6::text::text[]), unnest($7::text::text[])
  ) with ordinality as e (event_type, payload, tenant, ordering_key, deliver_at, idempotency_key, attributes, place)`;

/** Rows are inserted, and come back, in the order of the select: seq follows the list, and so do the ids. */
const MANY_WITHOUT_KEYS = `
insert into postrider.outbox (event_type, payload, tenant, ordering_key, deliver_at, idempotency_key, attributes)
select e.event_type, e.payload::json, coalesce(e.tenant, ''), e.ordering_key, e.deliver_at::timestamptz,
  e.idempotency_key,
  case
    -- As publish() does it.
    when current_setting('postrider.traceparent', true) <> ''
    then jsonb_build_object('traceparent', current_setting('postrider.traceparent', true)) || coalesce(e.attributes::jsonb, '{}')
    else e.attributes::jsonb
  end
from ${GIVEN}
order by e.place
returning id::text as id`.trim();

/** If one event has a key, all of them are inserted this way, to keep their order. Each call sees the inserts before it. */
const MANY_WITH_KEYS = `
select postrider.publish(
  event_type => o.event_type,
  payload => o.payload::json,
  tenant => o.tenant,
  ordering_key => o.ordering_key,
  deliver_at => o.deliver_at::timestamptz,
  idempotency_key => o.idempotency_key,
  attributes => o.attributes::jsonb
)::text as id
from (
  select e.event_type, e.payload, e.tenant, e.ordering_key, e.deliver_at, e.idempotency_key, e.attributes
  from ${GIVEN}
  order by e.place
) o`.trim();

export function statementForOne(row: EventRow): Statement {
  return { text: ONE, values: COLUMNS.map((column) => row[column]) };
}

export function statementForMany(rows: readonly EventRow[]): Statement {
  const hasKeys = rows.some(({ idempotencyKey }) => idempotencyKey !== null);
  return {
    text: hasKeys ? MANY_WITH_KEYS : MANY_WITHOUT_KEYS,
    values: COLUMNS.map((column) =>
      column === "payload"
        ? rows.map(({ payload }) => payload).join(PAYLOAD_SEPARATOR)
        : arrayText(rows.map((row) => row[column])),
    ),
  };
}

/** In the order of the parameters. */
const COLUMNS = [
  "eventType",
  "payload",
  "tenant",
  "orderingKey",
  "deliverAt",
  "idempotencyKey",
  "attributes",
] as const satisfies readonly (keyof EventRow)[];

/** A list as Postgres reads it: {"a","b \"quoted\"",NULL}. */
function arrayText(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`)).join(",")}}`;
}
