/** What the application pays: clients that commit single inserts, without and with the wake-up, and with a daemon. */
import type { Client } from "pg";
import { Child } from "./child.ts";
import { difference, per, serverCpuMicros } from "./cpu.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { createEndpoint, EVENT_TYPE, PAYLOAD, UNWANTED_EVENT_TYPE } from "./workload.ts";

const START_MS_MAX = 30_000;
const WARM_UP_MS = 500;
const MEASURE_MS = 3_000;

/** What stands beside the inserts. */
type Setting = "no wake" | "no daemon" | "daemon claims" | "daemon delivers" | "always notify";

const SETTINGS: readonly Setting[] = ["no wake", "no daemon", "daemon claims", "daemon delivers", "always notify"];

export async function prepareInsert(options: BenchOptions): Promise<Part> {
  const receiver = Child.start("receiverProcess.ts", []);
  const { value: port } = await receiver.receive("listening", START_MS_MAX);
  return {
    name: "insert",
    notes: [
      `${options.clients} clients commit one event at a time for ${MEASURE_MS / 1000} s.`,
      "daemon claims: it is awake, and no endpoint wants the events; daemon delivers: it sends them all, on the same machine.",
      "always notify: a trigger with an unconditional NOTIFY in place of postrider's, one session listening, no daemon.",
    ],
    trials: SETTINGS.map((setting) => ({ subject: setting, run: () => measureInserts(options, port, setting) })),
    ratios: SETTINGS.slice(1).map((of) => ({ of, to: "no wake", measure: "tx_per_s" })),
    stop: () => receiver.stop(),
  };
}

async function measureInserts(options: BenchOptions, port: number, setting: Setting): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await createEndpoint(client, port);
    await arrange(client, setting);
    const clients: Client[] = [];
    for (let made = 0; made < options.clients; made += 1) {
      clients.push(await database.connect());
    }
    if (setting === "always notify") {
      await (await database.connect()).query("listen postrider");
    }
    const withDaemon = setting === "daemon claims" || setting === "daemon delivers";
    const daemon = withDaemon ? startDaemon(options, database.url) : null;
    try {
      await daemon?.receive("started", START_MS_MAX);
      const eventType = setting === "daemon claims" ? UNWANTED_EVENT_TYPE : EVENT_TYPE;
      await commitFor(clients, eventType, WARM_UP_MS);
      const before = serverCpuMicros(options.server.postmasterPid);
      const { count, tookMs } = await commitFor(clients, eventType, MEASURE_MS);
      const after = serverCpuMicros(options.server.postmasterPid);
      return { tx_per_s: (count / tookMs) * 1000, postgres_us_per_tx: per(difference(before, after), count) };
    } finally {
      await daemon?.stop();
    }
  } finally {
    await database.drop();
  }
}

async function arrange(client: Client, setting: Setting): Promise<void> {
  switch (setting) {
    case "no wake":
      await removeWake(client);
      return;
    case "always notify":
      await removeWake(client);
      await client.query(`
        create function postrider.always_notify() returns trigger language plpgsql as $$
        begin
          perform pg_notify('postrider', '');
          return null;
        end
        $$;
        create trigger always_notify after insert on postrider.outbox
          for each statement execute function postrider.always_notify()`);
      return;
    case "no daemon":
    case "daemon claims":
    case "daemon delivers":
      return;
  }
}

/** Takes the gate out of the trigger's first expression, and leaves the rest of it. */
async function removeWake(client: Client): Promise<void> {
  const { rows } = await client.query<{ text: string }>(
    "select pg_get_functiondef('postrider_internal.outbox_inserting'::regproc) as text",
  );
  const text = rows[0]?.text ?? "";
  const without = text.replace(
    /\n *and coalesce\(pg_catalog\.current_setting.*\n.*pg_try_advisory_xact_lock_shared.*/,
    "",
  );
  if (without === text) {
    throw new Error("the trigger of the outbox does not try the gate where it did");
  }
  await client.query(without);
}

async function commitFor(
  clients: readonly Client[],
  eventType: string,
  durationMs: number,
): Promise<{ readonly count: number; readonly tookMs: number }> {
  const startedMs = performance.now();
  let count = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - startedMs < durationMs) {
        await client.query({
          name: "insert_event",
          text: "insert into postrider.outbox (event_type, payload) values ($1, $2)",
          values: [eventType, PAYLOAD],
        });
        count += 1;
      }
    }),
  );
  return { count, tookMs: performance.now() - startedMs };
}
