/** What the application pays: clients that commit single inserts, into a plain table and into the outbox. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { difference, per, serverCpuMicros } from "./cpu.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { hasPgbench, type PgbenchLoad, pgbench } from "./pgbench.ts";
import type { Database } from "./server.ts";
import { EVENT_TYPE, PAYLOAD, UNWANTED_EVENT_TYPE } from "./workload.ts";

const START_MS_MAX = 30_000;
const WARM_UP_SECONDS = 1;
const MEASURE_SECONDS = 4;
const BACKENDS_END_MS_MAX = 5_000;
const BACKENDS_POLL_MS = 5;
/** What the fixed cost of a notification shows with: the commits queue up for its lock. */
const MANY_CLIENTS = 64;

/** What stands beside the inserts. */
type Setting = "plain table" | "no wake" | "no daemon" | "daemon claims" | "always notify";

const FEW: readonly Setting[] = ["plain table", "no wake", "no daemon", "daemon claims"];
const MANY: readonly Setting[] = ["plain table", "no wake", "no daemon", "always notify"];

export async function prepareInsert(options: BenchOptions): Promise<Part> {
  const canMeasure = await hasPgbench();
  const trialsOf = (clients: number, settings: readonly Setting[]) =>
    settings.map((setting) => ({
      subject: subjectOf(setting, clients),
      run: () => (canMeasure ? measureInserts(options, setting, clients) : Promise.resolve(UNKNOWN)),
    }));
  const ratiosOf = (clients: number, of: Setting, to: Setting) =>
    ["tx_per_s", "postgres_us_per_tx"].map((measure) => ({
      of: subjectOf(of, clients),
      to: subjectOf(to, clients),
      measure,
    }));
  return {
    name: "insert",
    notes: [
      ...(canMeasure ? [] : ["There is no pgbench on this machine, so nothing was measured."]),
      `${options.clients} or ${MANY_CLIENTS} clients commit one event at a time for ${MEASURE_SECONDS} s, by pgbench with prepared statements.`,
      "plain table: the columns and defaults of the outbox, and a primary key; no partitions, no other index, no trigger. no wake: the outbox without what wakes a daemon. daemon claims: a daemon is awake, and no endpoint wants the events.",
      "always notify: a trigger with an unconditional NOTIFY in place of Postrider's test, one session listening, no daemon.",
    ],
    trials: [...trialsOf(options.clients, FEW), ...trialsOf(MANY_CLIENTS, MANY)],
    ratios: [
      ...ratiosOf(options.clients, "no daemon", "plain table"),
      ...ratiosOf(MANY_CLIENTS, "no daemon", "no wake"),
      ...ratiosOf(MANY_CLIENTS, "always notify", "no wake"),
    ],
    stop: async () => {},
  };
}

const UNKNOWN: Measures = { tx_per_s: null, postgres_us_per_tx: null };

export function subjectOf(setting: Setting, clients: number): string {
  return `${setting}, ${clients}`;
}

async function measureInserts(options: BenchOptions, setting: Setting, clients: number): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await arrange(database, client, setting);
    const daemon = setting === "daemon claims" ? startDaemon(options, database.url) : null;
    try {
      await daemon?.receive("started", START_MS_MAX);
      const load = loadOf(database, setting, clients);
      await pgbench(load, WARM_UP_SECONDS);
      await backendsEnded(client);
      const before = serverCpuMicros(options.server.postmasterPid);
      const { transactions, perSecond } = await pgbench(load, MEASURE_SECONDS);
      await backendsEnded(client);
      const after = serverCpuMicros(options.server.postmasterPid);
      return { tx_per_s: perSecond, postgres_us_per_tx: per(difference(before, after), transactions) };
    } finally {
      await daemon?.stop();
    }
  } finally {
    await database.drop();
  }
}

function loadOf({ url }: Database, setting: Setting, clients: number): PgbenchLoad {
  const table = setting === "plain table" ? "postrider.plain" : "postrider.outbox";
  const eventType = setting === "daemon claims" ? UNWANTED_EVENT_TYPE : EVENT_TYPE;
  return {
    url,
    sql: `insert into ${table} (event_type, payload) values (:event_type, :payload)`,
    variables: { event_type: eventType, payload: PAYLOAD },
    clients,
  };
}

/** The CPU time of a backend counts as the server's, exactly, when its parent has seen it end. */
async function backendsEnded(client: Client): Promise<void> {
  const deadlineMs = performance.now() + BACKENDS_END_MS_MAX;
  while (performance.now() < deadlineMs) {
    const { rowCount } = await client.query(
      "select from pg_stat_activity where datname = current_database() and application_name = 'pgbench'",
    );
    if (rowCount === 0) {
      return;
    }
    await pause(BACKENDS_POLL_MS);
  }
  throw new Error("the sessions of pgbench did not end");
}

async function arrange(database: Database, client: Client, setting: Setting): Promise<void> {
  switch (setting) {
    case "plain table":
      await client.query(
        "create table postrider.plain (like postrider.outbox including defaults including identity, primary key (id))",
      );
      return;
    case "no wake":
      await removeWake(client);
      return;
    case "always notify":
      await removeWake(client);
      await client.query(`
        create function public.always_notify() returns trigger language plpgsql as $$
        begin
          perform pg_notify('postrider', '');
          return null;
        end
        $$;
        create trigger always_notify after insert on postrider.outbox
          for each statement execute function public.always_notify()`);
      await (await database.connect()).query("listen postrider");
      return;
    case "no daemon":
    case "daemon claims":
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
    /\n *and coalesce\(pg_catalog\.current_setting\('postrider\.wake'[\s\S]*?\n(?= *then\n)/,
    "\n",
  );
  if (without === text) {
    throw new Error("the trigger of the outbox does not try the gate where it did");
  }
  await client.query(without);
}
