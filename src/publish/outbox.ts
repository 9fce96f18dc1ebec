import { kindOf, PublishError } from "./publishError.ts";
import type { Statement } from "./statement.ts";
import { hasSqlState, type Purpose, type Send, sendThrough } from "./transaction.ts";

/** What `postrider/publish/testing` reads: rows of the outbox, and the endpoints that an event would go to. */

/** An event as it stands in the outbox. */
export interface PublishedEvent {
  readonly id: string;
  readonly eventType: string;
  /** The payload as `JSON.parse` reads it. */
  readonly payload: unknown;
  /** The payload's text, exactly as it will be sent. */
  readonly json: string;
  /** The empty string if the event has none. */
  readonly tenant: string;
  readonly orderingKey: string | null;
  readonly deliverAt: Date | null;
  readonly idempotencyKey: string | null;
  readonly attributes: Readonly<Record<string, unknown>> | null;
}

/** One event for one endpoint, as a daemon would deliver it. */
export interface Delivery {
  readonly event: PublishedEvent;
  readonly endpoint: { readonly id: string; readonly name: string | null; readonly url: string };
}

/** A moment: what had been committed by then. `markOutbox` makes it. */
export interface Mark {
  readonly snapshot: string;
}

/**
 * The events to look at:
 * - without a mark, those of the transaction itself
 * - with one, those that it sees and that had not been committed at the mark
 */
export interface Scope {
  readonly since?: Mark;
}

/** One row has one text, JSON under one short name, because plugins and drivers rename columns and convert types. */
export async function readEvents(through: unknown, scope: Scope = {}): Promise<PublishedEvent[]> {
  const send = reader(through, scope);
  const text = `select ${EVENT}::text as value from postrider.outbox o where ${condition(scope)} order by o.seq`;
  const rows = await send({ text, values: valuesOf(scope) });
  return rows.map((row) => eventOf(JSON.parse(textOf(row))));
}

/** The deliveries that wait and that were not taken before in this transaction. From now on they count as taken. */
export async function takeDeliveries(through: unknown, scope: Scope = {}): Promise<Delivery[]> {
  const send = reader(through, scope);
  const rows = await send({ text: waiting(scope), values: valuesOf(scope) });
  const deliveries = rows.map((row): Delivery => {
    const { event, endpoint }: DeliveryValue = JSON.parse(textOf(row));
    return { event: eventOf(event), endpoint };
  });
  if (deliveries.length > 0) {
    const pairs = deliveries.map(({ event, endpoint }) => `${event.id}/${endpoint.id}`);
    await send({ text: NOTE_TAKEN, values: [`{${pairs.join(",")}}`] });
  }
  return deliveries;
}

export async function readMark(through: unknown): Promise<Mark> {
  const send = sendThrough(through, "optional", LOOKING);
  const [row] = await send({ text: "select pg_current_snapshot()::text as value", values: [] });
  return { snapshot: textOf(row) };
}

const LOOKING: Purpose = {
  verb: "look for events",
  otherwise: "pass { since: mark } if the code under test commits by itself",
};

/** Throws if `through` is no transaction and the scope has no mark. */
function reader(through: unknown, scope: Scope): Send {
  if ("since" in scope) {
    refuseOtherMark(scope.since);
  }
  const send = sendThrough(through, scope.since === undefined ? "required" : "optional", LOOKING);
  return (statement) => send(statement).then((rows) => rows, explainPrivilege);
}

/** With null for a snapshot, Postgres would find no event, and an assertion that there is none would hold. */
function refuseOtherMark(since: unknown): void {
  const snapshot = (since as Partial<Mark> | null | undefined)?.snapshot;
  if (typeof snapshot !== "string") {
    throw new PublishError(
      "bad_mark",
      `cannot look for events since this: it is ${kindOf(since)}; pass a mark of markOutbox`,
    );
  }
}

/** Times are milliseconds, because JavaScript cannot read every text of a time, such as those before the year 1. */
const EVENT = `json_build_object('id', o.id, 'eventType', o.event_type, 'json', o.payload::text, 'tenant', o.tenant,
  'orderingKey', o.ordering_key, 'deliverAt', extract(epoch from nullif(o.deliver_at, '-infinity')) * 1000,
  'idempotencyKey', o.idempotency_key, 'attributes', o.attributes)`;

/** Both forms are ranges of the index (xid, seq). The id of a subtransaction is that of its transaction. */
function condition({ since }: Scope): string {
  return since === undefined
    ? "o.xid = pg_current_xact_id_if_assigned()"
    : `o.xid >= pg_snapshot_xmin($1::text::pg_snapshot)
       and not pg_visible_in_snapshot(o.xid, $1::text::pg_snapshot)`;
}

function valuesOf({ since }: Scope): Statement["values"] {
  return since === undefined ? [] : [since.snapshot];
}

/** What was taken is a setting of the transaction, so whatever undoes a savepoint or the transaction undoes that too. */
const TAKEN = "coalesce(nullif(current_setting('postrider.drained', true), ''), '{}')::text[]";
const NOTE_TAKEN = `select set_config('postrider.drained', (${TAKEN} || $1::text::text[])::text, true)`;

/** explain_event judges types and filters as a claim does. now() is when the transaction began, before its events. */
function waiting(scope: Scope): string {
  return `
select json_build_object(
  'event', ${EVENT},
  'endpoint', json_build_object('id', n.id, 'name', n.name, 'url', n.url))::text as value
from postrider.outbox o
cross join lateral postrider.explain_event(o.id) x
join postrider.endpoint n on n.id = x.endpoint_id
where ${condition(scope)}
  and (o.deliver_at is null or o.deliver_at <= clock_timestamp())
  and x.would_match_now and x.outcome = 'not claimed' and x.endpoint_state <> 'paused'
  and o.id || '/' || n.id <> all (${TAKEN})
order by o.seq, n.id`.trim();
}

interface EventValue extends Omit<PublishedEvent, "payload" | "deliverAt"> {
  readonly deliverAt: number | null;
}

interface DeliveryValue extends Pick<Delivery, "endpoint"> {
  readonly event: EventValue;
}

function eventOf({ deliverAt, ...event }: EventValue): PublishedEvent {
  return {
    ...event,
    payload: JSON.parse(event.json),
    deliverAt: deliverAt === null ? null : new Date(deliverAt),
  };
}

function textOf(row: unknown): string {
  const value = (row as { readonly value?: unknown } | null | undefined)?.value;
  if (typeof value !== "string") {
    throw new PublishError(
      "no_ids",
      "cannot read the outbox: something changes results on their way, such as a plugin",
    );
  }
  return value;
}

const INSUFFICIENT_PRIVILEGE = "42501";

function explainPrivilege(thrown: unknown): never {
  if (!hasSqlState(thrown, INSUFFICIENT_PRIVILEGE)) {
    throw thrown;
  }
  const remedy = "in the test database, grant postrider_operator to the role that the tests connect as";
  throw new Error(`cannot read the outbox: the role of this connection may only publish; ${remedy}`, { cause: thrown });
}
