/** The first loop that comes to mind: 16 connections, each with one row in one transaction at a time. */
import { insertAttempts } from "./attempts.ts";
import { loopsOf } from "./handJobs.ts";
import { bodyOf, type Event } from "./peer.ts";

const CONNECTIONS = 16;

const TAKE = `select id, event_type as type, created_at as timestamp, payload as data from job
  where delivered_at is null order by id limit 1 for update skip locked`;
const COMPLETE = "update job set delivered_at = now(), attempts = attempts + 1 where id = $1";

export const peer = loopsOf(CONNECTIONS, async (pool, webhooks) => {
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
});
