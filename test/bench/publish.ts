/** What postrider/publish costs beside an insert written by hand: one by one, and in lists. */
import type { Client } from "pg";
import { type Event, publish, publishMany } from "../../src/publish/publisher.ts";
import { difference, per, processCpuMicros, serverCpuMicros } from "./cpu.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { PAYLOAD } from "./workload.ts";

const EVENTS = 1_000;
const REPEATS = 10;

/** Inserts so many events in the transaction. */
type Way = (client: Client, events: readonly Event[], repeat: number) => Promise<unknown>;

const BARE = "insert into postrider.outbox (event_type, payload) values ($1, $2) returning id";

const WAYS: Readonly<Record<string, Way>> = {
  "insert, one by one": async (client, events) => {
    for (const { eventType, payload } of events) {
      await client.query(BARE, [eventType, JSON.stringify(payload)]);
    }
  },
  "publish, one by one": async (client, events) => {
    for (const event of events) {
      await publish(client, event);
    }
  },
  "insert, one statement": (client, events) => {
    const rows = events.map((_, index) => `($${2 * index + 1}, $${2 * index + 2})`);
    const values = events.flatMap(({ eventType, payload }) => [eventType, JSON.stringify(payload)]);
    return client.query(BARE.replace("($1, $2)", rows.join(", ")), values);
  },
  publishMany: (client, events) => publishMany(client, events),
  "publishMany, with keys": (client, events, repeat) =>
    publishMany(
      client,
      events.map((event, index) => ({ ...event, idempotencyKey: `${repeat}-${index}` })),
    ),
};

export async function preparePublish(options: BenchOptions): Promise<Part> {
  return {
    name: "publish",
    notes: [
      `One client inserts ${EVENTS} events of ${PAYLOAD.length} bytes in a transaction, ${REPEATS} times; no daemon.`,
      "insert: by node-postgres, as one would write it by hand. client: the CPU of the process that inserts.",
    ],
    trials: Object.entries(WAYS).map(([subject, way]) => ({ subject, run: () => measureWay(options, way) })),
    ratios: [
      { of: "publish, one by one", to: "insert, one by one", measure: "us_per_event" },
      { of: "publishMany", to: "insert, one statement", measure: "us_per_event" },
      { of: "publishMany", to: "publish, one by one", measure: "us_per_event" },
      { of: "publishMany, with keys", to: "publishMany", measure: "us_per_event" },
    ],
    stop: async () => {},
  };
}

async function measureWay({ server }: BenchOptions, way: Way): Promise<Measures> {
  const database = await server.createDatabase();
  try {
    const client = await database.connect();
    const payload: unknown = JSON.parse(PAYLOAD);
    const events = Array.from({ length: EVENTS }, (): Event => ({ eventType: "order.paid", payload }));
    await inTransaction(client, () => way(client, events, 0));
    const before = { server: serverCpuMicros(server.postmasterPid), client: processCpuMicros(process.pid) };
    const beganMs = performance.now();
    for (let repeat = 1; repeat <= REPEATS; repeat += 1) {
      await inTransaction(client, () => way(client, events, repeat));
    }
    const tookMs = performance.now() - beganMs;
    const count = EVENTS * REPEATS;
    return {
      us_per_event: (tookMs * 1000) / count,
      server_us_per_event: per(difference(before.server, serverCpuMicros(server.postmasterPid)), count),
      client_us_per_event: per(difference(before.client, processCpuMicros(process.pid)), count),
    };
  } finally {
    await database.drop();
  }
}

async function inTransaction(client: Client, work: () => Promise<unknown>): Promise<void> {
  await client.query("begin");
  await work();
  await client.query("commit");
}
