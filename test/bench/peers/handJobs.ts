/** The queue table of the loops written by hand. Delivered events stay, as Postrider's do, to be looked at and sent again. */
import pg from "pg";
import { EVENT_TYPE, PAYLOAD } from "../workload.ts";
import { CREATE_ATTEMPT } from "./attempts.ts";
import { withClient } from "./connection.ts";
import type { Peer } from "./peer.ts";
import type { WebhookClient } from "./webhooks.ts";

const CREATE_JOB = `
  create table job (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null default now(),
    event_type text not null,
    payload json not null,
    attempts integer not null default 0,
    leased_until timestamptz,
    delivered_at timestamptz);
  create index job_waiting on job (id) where delivered_at is null`;

/** How long a loop that found nothing waits. */
const POLL_MS = 50;

/** Takes jobs and delivers them; false if none waits. */
export type Round = (pool: pg.Pool, webhooks: WebhookClient) => Promise<boolean>;

/** A queue by hand with so many loops, each with a connection. */
export function loopsOf(count: number, round: Round): Peer {
  return {
    ...handJobs,
    start: async (url, webhooks) => {
      const pool = new pg.Pool({ connectionString: url, max: count });
      const stopping = new AbortController();
      const run = async () => {
        while (!stopping.signal.aborted) {
          if (!(await round(pool, webhooks))) {
            await new Promise((resolve) => setTimeout(resolve, POLL_MS));
          }
        }
      };
      const loops = Array.from({ length: count }, run);
      return async () => {
        stopping.abort();
        await Promise.all(loops);
        await pool.end();
      };
    },
  };
}

const handJobs: Omit<Peer, "start"> = {
  install: (url) =>
    withClient(url, async (client) => {
      await client.query(CREATE_JOB);
      await client.query(CREATE_ATTEMPT);
    }),
  openProducer: async (url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return {
      commit: async (count) => {
        const { rows } = await client.query<{ id: string }>({
          name: "insert_jobs",
          text: "insert into job (event_type, payload) select $1, $2::json from generate_series(1, $3::integer) returning id",
          values: [EVENT_TYPE, PAYLOAD, count],
        });
        return rows.map(({ id }) => id);
      },
      end: () => client.end(),
    };
  },
  recordedSql: "select count(*)::integer as done from job where delivered_at is not null",
};
