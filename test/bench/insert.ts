/**
 * What the application pays: clients that commit single inserts, into a plain table and into the outbox, without and with
 * the wake-up, and with a daemon. pgbench drives them, because a client in Node takes more than the server and hides
 * differences.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { Client } from "pg";
import { Child } from "./child.ts";
import { difference, per, serverCpuMicros } from "./cpu.ts";
import { startDaemon } from "./daemons.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { createEndpoint, EVENT_TYPE, PAYLOAD, UNWANTED_EVENT_TYPE } from "./workload.ts";

const START_MS_MAX = 30_000;
const WARM_UP_SECONDS = 1;
const MEASURE_SECONDS = 3;
const BACKENDS_END_MS_MAX = 5_000;
const execute = promisify(execFile);

/** What stands beside the inserts. */
type Setting = "plain table" | "no wake" | "no daemon" | "daemon claims" | "daemon delivers" | "always notify";

const SETTINGS: readonly Setting[] = [
  "plain table",
  "no wake",
  "no daemon",
  "daemon claims",
  "daemon delivers",
  "always notify",
];

const NOT_MEASURED: Measures = { tx_per_s: null, postgres_us_per_tx: null };

export async function prepareInsert(options: BenchOptions): Promise<Part> {
  const receiver = Child.start("receiverProcess.ts", []);
  const hasPgbench = await execute("pgbench", ["--version"]).then(
    () => true,
    () => false,
  );
  const { value: port } = await receiver.receive("listening", START_MS_MAX);
  return {
    name: "insert",
    notes: [
      hasPgbench
        ? `${options.clients} clients of pgbench -M prepared commit one event at a time for ${MEASURE_SECONDS} s.`
        : "Nothing was measured: pgbench is not installed, and the embedded server has none.",
      "plain table: the columns and defaults of the outbox, and a primary key; no partitions, no other index, no trigger.",
      "no wake: the outbox without the gate of the daemons.",
      "daemon claims: it is awake, and no endpoint wants the events; daemon delivers: it sends them all, on the same machine.",
      "always notify: a trigger with an unconditional NOTIFY in place of postrider's, one session listening, no daemon.",
    ],
    trials: SETTINGS.map((setting) => ({
      subject: setting,
      run: () => (hasPgbench ? measureInserts(options, port, setting) : Promise.resolve(NOT_MEASURED)),
    })),
    ratios: [
      { of: "no daemon", to: "plain table", measure: "postgres_us_per_tx" },
      ...SETTINGS.slice(2).map((of) => ({ of, to: "no wake", measure: "tx_per_s" })),
    ],
    stop: () => receiver.stop(),
  };
}

async function measureInserts(options: BenchOptions, port: number, setting: Setting): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await createEndpoint(client, port);
    await arrange(client, setting);
    if (setting === "always notify") {
      await (await database.connect()).query("listen postrider");
    }
    const withDaemon = setting === "daemon claims" || setting === "daemon delivers";
    const daemon = withDaemon ? startDaemon(options, database.url) : null;
    try {
      await daemon?.receive("started", START_MS_MAX);
      const eventType = setting === "daemon claims" ? UNWANTED_EVENT_TYPE : EVENT_TYPE;
      const load: Load = {
        url: database.url,
        table: setting === "plain table" ? "postrider.plain" : "postrider.outbox",
        eventType,
        clients: options.clients,
      };
      await commitFor(load, WARM_UP_SECONDS);
      await backendsEnded(client);
      const before = serverCpuMicros(options.server.postmasterPid);
      const { count, perSecond } = await commitFor(load, MEASURE_SECONDS);
      await backendsEnded(client);
      const after = serverCpuMicros(options.server.postmasterPid);
      return { tx_per_s: perSecond, postgres_us_per_tx: per(difference(before, after), count) };
    } finally {
      await daemon?.stop();
    }
  } finally {
    await database.drop();
  }
}

async function arrange(client: Client, setting: Setting): Promise<void> {
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

interface Load {
  readonly url: string;
  readonly table: string;
  readonly eventType: string;
  readonly clients: number;
}

async function commitFor(
  { url, table, eventType, clients }: Load,
  seconds: number,
): Promise<{ readonly count: number; readonly perSecond: number }> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-bench-insert-"));
  try {
    const script = join(directory, "insert.sql");
    await writeFile(script, `insert into ${table} (event_type, payload) values (:event_type, :payload);\n`);
    const { stdout } = await execute("pgbench", [
      ...["--no-vacuum", "--protocol=prepared", `--client=${clients}`, `--time=${seconds}`, `--file=${script}`],
      ...[`--define=event_type=${eventType}`, `--define=payload=${PAYLOAD}`, url],
    ]);
    return { count: found(stdout, /actually processed: (\d+)/), perSecond: found(stdout, /tps = ([\d.]+)/) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

function found(text: string, pattern: RegExp): number {
  const [, value] = pattern.exec(text) ?? [];
  if (value === undefined) {
    throw new Error(`pgbench did not print ${pattern}: ${text}`);
  }
  return Number(value);
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
    await delay(5);
  }
  throw new Error("the sessions of pgbench did not end");
}
