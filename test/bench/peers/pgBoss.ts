/**
 * pg-boss: four workers that fetch batches of 500, fetch again at once after a full batch, and are woken by NOTIFY. Each
 * batch records its attempts by one statement, and the library then completes it by another.
 */
import pg from "pg";
import { PgBoss } from "pg-boss";
import { CREATE_ATTEMPT, insertAttempts } from "./attempts.ts";
import { withClient } from "./connection.ts";
import { bodyOf, type Event, makeEvents, type Peer } from "./peer.ts";

const BATCH_JOBS = 500;
const WORKERS = 4;
const QUEUE = "deliver";

export const peer: Peer = {
  install: async (url) => {
    const boss = await startBoss(url);
    await boss.createQueue(QUEUE, { notify: true });
    await boss.stop({ graceful: false });
    await withClient(url, (client) => client.query(CREATE_ATTEMPT));
  },
  openProducer: async (url) => {
    const boss = await startBoss(url);
    return {
      commit: async (count) => {
        const events = makeEvents(count);
        await boss.insert(
          QUEUE,
          events.map((data) => ({ data })),
        );
        return events.map(({ id }) => id);
      },
      end: () => boss.stop({ graceful: false }),
    };
  },
  start: async (url, webhooks) => {
    const pool = new pg.Pool({ connectionString: url, max: WORKERS });
    const boss = await startBoss(url);
    await boss.work<Event>(
      QUEUE,
      { batchSize: BATCH_JOBS, localConcurrency: WORKERS, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
      async (jobs) => {
        const attempts = await Promise.all(jobs.map(({ data }) => webhooks.send(data.id, bodyOf(data))));
        await insertAttempts(pool, attempts);
      },
    );
    return async () => {
      await boss.stop({ graceful: false });
      await pool.end();
    };
  },
  recordedSql: `select least((select count(*)::integer from attempt),
    (select count(*)::integer from pgboss.job where name = '${QUEUE}' and state = 'completed')) as done`,
};

async function startBoss(url: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url, max: 2 * WORKERS, schedule: false, useListenNotify: true });
  boss.on("error", (error) => console.error(error.message));
  await boss.start();
  return boss;
}
