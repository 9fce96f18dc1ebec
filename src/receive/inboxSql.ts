import { ReceiveError } from "./receiveError.ts";

/** The tables of `postgresInbox`, as its statements name them. */
export interface InboxTables {
  readonly inbox: string;
  readonly keys: string;
}

/** Without a schema, Postgres finds them by the `search_path`, as it does an application's other tables. */
export function inboxTables(schema: string | undefined): InboxTables {
  const prefix = schema === undefined ? "" : `${identifier(schema)}.`;
  return { inbox: `${prefix}postrider_inbox`, keys: `${prefix}postrider_inbox_key` };
}

function identifier(name: string): string {
  if (name === "" || name.includes("\0")) {
    throw new ReceiveError(
      "bad_options",
      "cannot name the tables of the inbox: schema is no name of Postgres; give one, or leave it out",
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The SQL that makes the tables of `postgresInbox`, for the migrations of the application: nothing here runs it. It may
 * be run again. The role of the receiver needs select, insert, update and delete on both tables.
 */
export function inboxSql(options: { readonly schema?: string } = {}): string {
  const { inbox, keys } = inboxTables(options.schema);
  return `
create table if not exists ${inbox} (
  receiver text not null,
  event_id text not null,
  event_type text not null,
  outcome text not null default 'handled'
    constraint "an event is handled, dropped or parked" check (outcome in ('handled', 'dropped', 'parked')),
  received_at timestamptz not null default now(),
  parked_event json
    constraint "a parked event is kept whole, and no other is" check ((outcome = 'parked') = (parked_event is not null)),
  primary key (receiver, event_id)
);
comment on table ${inbox} is 'Which events the receivers of this database have handled: an event whose row is here runs no handler again. Written by postgresInbox of postrider/receive, in the transaction of the handler.';
comment on column ${inbox}.receiver is 'Which receiver handled it: the option of that name. Each receiver handles an event once.';
comment on column ${inbox}.event_id is 'The id that the sender gave the event, the same however often it comes.';
comment on column ${inbox}.event_type is 'The type of the event, such as order.paid, to be read by people.';
comment on column ${inbox}.outcome is 'handled: its handler has run, or there is none for its type. dropped, parked: it came after a later event of its key, and no handler ran.';
comment on column ${inbox}.received_at is 'When it was received. Rows older than the retention are deleted, but for parked ones.';
comment on column ${inbox}.parked_event is 'The whole event, while it is parked. To let go of it: set this to null and the outcome to dropped.';

create index if not exists postrider_inbox_received on ${inbox} (receiver, received_at) where outcome <> 'parked';
create index if not exists postrider_inbox_parked on ${inbox} (receiver, received_at) where outcome = 'parked';

create table if not exists ${keys} (
  receiver text not null,
  ordering_key text not null,
  latest_at timestamptz not null,
  handled_on date not null default current_date,
  primary key (receiver, ordering_key)
) with (fillfactor = 90);
comment on table ${keys} is 'The latest event that was handled for each key, by its own time. Only receivers that drop or park late events write here.';
comment on column ${keys}.receiver is 'As in postrider_inbox.';
comment on column ${keys}.ordering_key is 'What the events are about.';
comment on column ${keys}.latest_at is 'The time of the latest event that was handled: one that is earlier is late.';
comment on column ${keys}.handled_on is 'The day on which that was handled. Rows older than the retention are deleted. A day, so that most updates leave the index alone.';

create index if not exists postrider_inbox_key_handled on ${keys} (receiver, handled_on);
`.trimStart();
}
