import type { InboxTables } from "./inboxSql.ts";

/**
 * The pieces of a statement between its parameters, as a tagged template gets them, because every library has such a
 * template: `sql(pieces, ...values)`. Each parameter is a text, which the statement casts. Each statement returns rows
 * with one column, `state`, a text: plugins rename long names and drivers convert other types.
 */
export type Pieces = TemplateStringsArray;

export interface InboxStatements {
  readonly remember: Pieces;
  readonly rememberWithKey: Pieces;
  readonly find: Pieces;
  readonly check: Pieces;
  readonly drop: Pieces;
  readonly park: Pieces;
  readonly parked: Pieces;
  readonly lockParked: Pieces;
  readonly release: Pieces;
  readonly forget: Pieces;
  readonly forgetKeys: Pieces;
}

/** How many rows one sweep deletes at most. */
export const SWEPT_ROWS_MAX = 1_000;

/**
 * An insert waits for another transaction that has inserted the same id and is open. If that process stands still, waiting
 * for ever would take one connection after the other from this one.
 */
function limitedWait(waitMs: number): string {
  return `case when current_setting('lock_timeout') = '0' then set_config('lock_timeout', '${waitMs}', true) end as wait`;
}

/**
 * - `receiving` is a setting of the transaction: if it is gone at the end, the handler has ended that transaction.
 * - An event that was answered with 200 must not be lost, so the commit is flushed even if the session says otherwise.
 * - The handler has the timeout that the session has.
 */
const SETTINGS = `
  set_config('postrider.receiving', g.event_id, true) as receiving,
  case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end as flush,
  case when g.wait is not null then set_config('lock_timeout', '0', true) end as waited`;

export function inboxStatements({ inbox, keys }: InboxTables, waitMs: number): InboxStatements {
  return {
    /** Where an open transaction has inserted this id, it waits: if that commits, this is a duplicate. */
    remember: pieces(`
with given as (
  select $1::text as receiver, $2::text as event_id, $3::text as event_type, ${limitedWait(waitMs)}
), remembered as (
  insert into ${inbox} (receiver, event_id, event_type)
  select receiver, event_id, event_type from given
  on conflict (receiver, event_id) do nothing
  returning event_id
)
select case when exists (select from remembered) then 'new' else 'duplicate' end as state,${SETTINGS}
from given g`),
    /** The row of the key stays locked to the end, also if it is not changed: handlers of one key run one by one. */
    rememberWithKey: pieces(`
with given as (
  select $1::text as receiver, $2::text as event_id, $3::text as event_type, $4::text as ordering_key,
    $5::text::timestamptz as event_at, ${limitedWait(waitMs)}
), remembered as (
  insert into ${inbox} (receiver, event_id, event_type)
  select receiver, event_id, event_type from given
  on conflict (receiver, event_id) do nothing
  returning event_id
), latest as (
  insert into ${keys} as k (receiver, ordering_key, latest_at)
  select receiver, ordering_key, event_at from given where exists (select from remembered)
  on conflict (receiver, ordering_key) do update
  set latest_at = excluded.latest_at, handled_on = excluded.handled_on
  where k.latest_at <= excluded.latest_at
  returning k.ordering_key
)
select case
    when not exists (select from remembered) then 'duplicate'
    when not exists (select from latest) then 'late'
    else 'new'
  end as state,${SETTINGS}
from given g`),
    find: pieces(`
select outcome as state from ${inbox} where receiver = $1::text and event_id = $2::text`),
    check: pieces("select current_setting('postrider.receiving', true) as state"),
    drop: pieces(`
update ${inbox} set outcome = 'dropped' where receiver = $1::text and event_id = $2::text`),
    park: pieces(`
update ${inbox} set outcome = 'parked', parked_event = $1::text::json where receiver = $2::text and event_id = $3::text`),
    parked: pieces(`
select parked_event::text as state from ${inbox}
where receiver = $1::text and outcome = 'parked'
order by received_at, event_id
limit $2::text::integer`),
    lockParked: pieces(`
select parked_event::text as state, set_config('postrider.receiving', event_id, true) as receiving
from ${inbox}
where receiver = $1::text and event_id = $2::text and outcome = 'parked'
for update skip locked`),
    release: pieces(`
update ${inbox} set outcome = 'handled', parked_event = null where receiver = $1::text and event_id = $2::text`),
    forget: pieces(`
with expired as (
  select receiver, event_id from ${inbox}
  where receiver = $1::text and outcome <> 'parked' and received_at < now() - $2::text::interval
  order by received_at
  limit ${SWEPT_ROWS_MAX}
  for update skip locked
), forgotten as (
  delete from ${inbox} i using expired e where i.receiver = e.receiver and i.event_id = e.event_id returning i.event_id
)
select count(*)::text as state from forgotten`),
    forgetKeys: pieces(`
with expired as (
  select receiver, ordering_key from ${keys}
  where receiver = $1::text and handled_on < (now() - $2::text::interval)::date
  order by handled_on
  limit ${SWEPT_ROWS_MAX}
  for update skip locked
), forgotten as (
  delete from ${keys} k using expired e
  where k.receiver = e.receiver and k.ordering_key = e.ordering_key
  returning k.ordering_key
)
select count(*)::text as state from forgotten`),
  };
}

/** The parameters stand in the text in their order, each once. */
function pieces(text: string): Pieces {
  const between = text.trim().split(/\$\d+/);
  return Object.assign(between, { raw: between });
}
