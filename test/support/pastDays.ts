/** Partitions of past days, which no daemon makes, with events and deliveries spread over them. */
import type { Session } from "./engine.ts";

/** Gives each of the days before that time its partitions, as if daemons had run all along. Idempotent. */
export async function addPastDays(session: Session, days: number, now = "now"): Promise<void> {
  await session.query(`
    do $add$
    declare
      day date;
      parent text;
      part text;
    begin
      for n in 1 .. ${days} loop
        day := ('${now}'::timestamptz at time zone 'UTC')::date - n;
        foreach parent in array array['outbox', 'delivery', 'other_attempt', 'transformation'] loop
          part := parent || '_' || to_char(day, 'YYYYMMDD');
          continue when to_regclass(format('postrider.%I', part)) is not null;
          execute format('create table postrider.%I (like postrider.%I including all excluding identity)', part, parent);
          execute format('alter table postrider.%I attach partition postrider.%I for values from (%L) to (%L)', parent, part,
            postrider.uuid_v7_floor(day::timestamp at time zone 'UTC'),
            postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC'));
        end loop;
      end loop;
    end $add$`);
}

/** Keeps the statistics as the test made them. */
export async function keepAutovacuumOut(session: Session): Promise<void> {
  await session.query(`
    do $set$
    declare
      part regclass;
    begin
      for part in select c.oid from pg_class c where c.relnamespace = 'postrider'::regnamespace and c.relkind = 'r' loop
        execute format('alter table %s set (autovacuum_enabled = off)', part);
      end loop;
    end $set$`);
}

/** Spreads `count` events over the last `days` days, today included, in one transaction. */
export async function addEvents(session: Session, eventType: string, count: number, days: number): Promise<void> {
  await session.query(
    `insert into postrider.outbox (id, event_type, payload)
     select overlay(gen_random_uuid()::text
              placing left(postrider.uuid_v7_floor(now() - n % $3 * interval '1 day')::text, 14) || '7' from 1)::uuid,
            $1, '{"amount": 1}'
     from generate_series(1, $2) n`,
    [eventType, count, days],
  );
}

/** A delivery of each event of that type to the endpoint: `pendingPart` of them pending and due, the others succeeded. */
export async function addDeliveries(
  session: Session,
  eventType: string,
  endpoint: string,
  pendingPart: number,
): Promise<void> {
  await session.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, attempts, next_attempt_at, finished_at)
     select o.id, $2, case when p.is_pending then 'pending' else 'succeeded' end, 1,
            case when p.is_pending then now() - o.seq % 1000 * interval '1 s' end,
            case when not p.is_pending then now() end
     from postrider.outbox o
     cross join lateral (select o.seq % 100 < 100 * $3::float8 as is_pending) p
     where o.event_type = $1`,
    [eventType, endpoint, pendingPart],
  );
}

/** One attempt for each delivery of the endpoint. */
export async function addAttempts(session: Session, endpoint: string): Promise<void> {
  await session.query(
    `insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status)
     select d.event_id, d.endpoint_id, gen_random_uuid(), gen_random_uuid(), now(), 1, 5, 200
     from postrider.delivery d
     where d.endpoint_id = $1`,
    [endpoint],
  );
}
