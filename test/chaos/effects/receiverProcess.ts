/**
 * A receiver of the kit as a process that is killed now and then: `node receiverProcess.ts OPTIONS`. Prints
 * `listening PORT`. It has a path for each of its receivers, and their handlers fail now and then, after half of their work.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { messageOf } from "../../../src/ground/errors.ts";
import type { Outcome } from "../../../src/receive/answer.ts";
import type { ReceivedEvent } from "../../../src/receive/event.ts";
import { postgresInbox } from "../../../src/receive/postgresInbox.ts";
import { createReceiver, type Receiver } from "../../../src/receive/receiver.ts";
import { KEYED_TYPE } from "../endpoints.ts";
import type { ReceiverName, ReceiverProcessOptions } from "./receivers.ts";

/** Fewer than the requests that come at once, so that they wait for each other. */
const CONNECTIONS = 6;
const FAILING = 0.05;
const SLOW = 0.1;
const SLOW_MS = 60;

interface Data {
  readonly number: number;
  readonly amount: number;
}

const options: ReceiverProcessOptions = JSON.parse(process.argv[2] ?? "");
const pool = new pg.Pool({ connectionString: options.databaseUrl, max: CONNECTIONS, connectionTimeoutMillis: 5_000 });
// An idle connection that breaks is replaced.
pool.on("error", () => {});

/** Into the log of the run. */
function note(outcome: Outcome): void {
  if (outcome.kind === "failed") {
    console.error(new Date().toISOString(), outcome.webhookId, messageOf(outcome.error));
  } else if (outcome.kind === "rejected") {
    console.error(new Date().toISOString(), outcome.code);
  }
}

/** Adds up, so that what happens twice, and what does not happen, shows. */
function counting(receiver: ReceiverName): Receiver {
  return createReceiver({
    secrets: [options.secrets[receiver]],
    store: postgresInbox(pool, { receiver }),
    handlers: {},
    onUnknown: async (event, { transaction }) => {
      const { number, amount } = event.data as Data;
      await transaction.query("insert into effect (receiver, event_id) values ($1, $2)", [receiver, event.id]);
      await stumble();
      await transaction.query("update balance set amount = amount + $3 where receiver = $1 and shard = $2", [
        receiver,
        number % 10,
        amount,
      ]);
    },
    log: note,
  });
}

/** Keeps the last state of each key. */
function latest(): Receiver {
  return createReceiver({
    secrets: [options.secrets.latest],
    store: postgresInbox(pool, { receiver: "latest", lateEvents: "drop" }),
    handlers: { [KEYED_TYPE]: keep },
    log: note,
  });
}

async function keep(event: ReceivedEvent, { transaction }: { readonly transaction: pg.PoolClient }): Promise<void> {
  await transaction.query("insert into effect (receiver, event_id) values ('latest', $1)", [event.id]);
  await stumble();
  await transaction.query(
    `insert into state (key, event_id) values ($1, $2) on conflict (key) do update set event_id = excluded.event_id`,
    [event.orderingKey, event.id],
  );
}

async function stumble(): Promise<void> {
  if (Math.random() < SLOW) {
    await pause(SLOW_MS);
  }
  if (Math.random() < FAILING) {
    throw new Error("the handler has failed");
  }
}

const receivers: Readonly<Record<string, Receiver>> = {
  "/each": counting("each"),
  "/batch": counting("batch"),
  "/latest": latest(),
};

const server = createServer(async (request, response) => {
  response.on("error", () => {});
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  const { method, headers } = request;
  const answer = await receivers[request.url ?? ""]?.receive({ method, headers, body: Buffer.concat(chunks) });
  response.writeHead(answer?.status ?? 404, { ...answer?.headers }).end(answer?.body);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
console.log(`listening ${typeof address === "object" ? address?.port : ""}`);
