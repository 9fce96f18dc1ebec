/**
 * The loop that a good engineer writes in an afternoon: lease 500 by SKIP LOCKED, send them, and complete and record
 * them by one statement. Two of them run, so that one sends while the other one asks Postgres.
 */
import { attemptColumns, INSERT_ATTEMPTS } from "./attempts.ts";
import { loopsOf } from "./handJobs.ts";

const LEASE_JOBS = 500;
const LOOPS = 2;

/** The body is made of the payload's text as it stands, which saves parsing and writing it. */
const LEASE = `
  update job set leased_until = now() + interval '1 minute', attempts = attempts + 1
  where id in (
    select id from job
    where delivered_at is null and (leased_until is null or leased_until < now())
    order by id limit ${LEASE_JOBS} for update skip locked)
  returning id, event_type as type, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as timestamp,
    payload::text as payload`;

const COMPLETE = `with recorded as (${INSERT_ATTEMPTS} returning event_id)
  update job set delivered_at = now(), leased_until = null where id = any ($1::uuid[])`;

interface Job {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly payload: string;
}

export const peer = loopsOf(LOOPS, async (pool, webhooks) => {
  const { rows } = await pool.query<Job>({ name: "lease", text: LEASE });
  if (rows.length > 0) {
    const attempts = await Promise.all(rows.map((job) => webhooks.send(job.id, bodyOfJob(job))));
    await pool.query({ name: "complete", text: COMPLETE, values: attemptColumns(attempts) });
  }
  return rows.length > 0;
});

function bodyOfJob({ type, timestamp, payload }: Job): Buffer {
  return Buffer.from(`{"type":${JSON.stringify(type)},"timestamp":"${timestamp}","data":${payload}}`);
}
