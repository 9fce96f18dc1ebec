/** The first loop that comes to mind: 16 connections, each with one row in one transaction at a time. */
import pg from "pg";
import { insertAttempts } from "./attempts.ts";
import { handJobs } from "./handJobs.ts";
import { bodyOf, type Event, type Peer } from "./peer.ts";
import type { WebhookClient } from "./webhooks.ts";

const CONNECTIONS = 16;
const POLL_MS = 50;

const TAKE = `select id, event_type as type, created_at as timestamp, payload as data from job
  where delivered_at is null order by id limit 1 for update skip locked`;
const COMPLETE = "update job set delivered_at = now(), attempts = attempts + 1 where id = $1";

export const peer: Peer = {
  ...handJobs,
  start: async (url, webhooks) => {
    const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
    const stopping = new AbortController();
    const loops = Array.from({ length: CONNECTIONS }, () => run(pool, webhooks, stopping.signal));
    return async () => {
      stopping.abort();
      await Promise.all(loops);
      await pool.end();
    };
  },
};

async function run(pool: pg.Pool, webhooks: WebhookClient, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    if (!(await deliverOne(pool, webhooks))) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** False if nothing waits. */
async function deliverOne(pool: pg.Pool, webhooks: WebhookClient): Promise<boolean> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const { rows } = await client.query<Event>({ name: "take", text: TAKE });
    const [event] = rows;
    if (event !== undefined) {
      const attempt = await webhooks.send(event.id, bodyOf(event));
      await insertAttempts(client, [attempt]);
      await client.query({ name: "complete", text: COMPLETE, values: [event.id] });
    }
    await client.query("commit");
    return event !== undefined;
  } finally {
    client.release();
  }
}
