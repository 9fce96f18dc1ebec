/**
 * Graphile Worker, by its page on performance: a local queue, batched completion, and as many jobs at a time as keep the
 * connections busy. Each job resolves when its attempt is recorded, together with those of other jobs.
 */
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { AttemptRecorder, CREATE_ATTEMPT } from "./attempts.ts";
import { withClient } from "./connection.ts";
import { bodyOf, type Event, makeEvents, type Peer } from "./peer.ts";

const CONCURRENT_JOBS = 200;
const LOCAL_QUEUE = 500;
/** A job keeps its place until it is completed, so waiting longer costs throughput here. */
const COMPLETE_DELAY_MS = 0;
const POOL_CONNECTIONS = 10;
const TASK = "deliver";

const ADD_JOBS = `select from graphile_worker.add_jobs(array(
  select ($1, event, null, null, null, null, null, null)::graphile_worker.job_spec
  from json_array_elements($2::json) event))`;

const logger = new Logger(() => () => {});

export const peer: Peer = {
  install: async (url) => {
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    await utils.release();
    await withClient(url, (client) => client.query(CREATE_ATTEMPT));
  },
  openProducer: async (url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return {
      commit: async (count) => {
        const events = makeEvents(count);
        await client.query({ name: "add_jobs", text: ADD_JOBS, values: [TASK, JSON.stringify(events)] });
        return events.map(({ id }) => id);
      },
      end: () => client.end(),
    };
  },
  start: async (url, webhooks) => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const attempts = new AttemptRecorder(pool);
    const runner = await run({
      preset: {
        worker: {
          connectionString: url,
          concurrentJobs: CONCURRENT_JOBS,
          maxPoolSize: POOL_CONNECTIONS,
          localQueue: { size: LOCAL_QUEUE },
          completeJobBatchDelay: COMPLETE_DELAY_MS,
          failJobBatchDelay: COMPLETE_DELAY_MS,
          logger,
        },
      },
      taskList: {
        [TASK]: async (job) => {
          const event = job as Event;
          await attempts.add(await webhooks.send(event.id, bodyOf(event)));
        },
      },
    });
    return async () => {
      await runner.stop();
      await pool.end();
    };
  },
  recordedSql:
    "select (select count(*)::integer from attempt) - (select count(*)::integer from graphile_worker._private_jobs) as done",
};
