/** What a captured table costs the application: the same updates of a table that is not captured, and that is. */
import type { Client } from "pg";
import { difference, per, serverCpuMicros } from "./cpu.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";

const ROWS = 20_000;
const SINGLES = 4_000;

type Setting =
  | "not captured"
  | "condition false"
  | "condition true"
  | "default payload"
  | "subquery false"
  | "by statement";

const SETTINGS: readonly Setting[] = [
  "not captured",
  "condition false",
  "condition true",
  "default payload",
  "subquery false",
  "by statement",
];

export async function prepareCapture(options: BenchOptions): Promise<Part> {
  return {
    name: "capture",
    notes: [
      `One client updates ${SINGLES} rows of 10 columns, a statement and a transaction each, and then ${ROWS} by one statement.`,
      "condition: false for every row, or true with a payload of two columns. subquery: a condition that the trigger's function must judge.",
      "by statement: a trigger written by hand, which inserts the events of condition true by one insert of the transition table.",
    ],
    trials: SETTINGS.map((setting) => ({ subject: setting, run: () => measureUpdates(options, setting) })),
    ratios: SETTINGS.slice(1).map((of) => ({ of, to: "not captured", measure: "bulk_us_per_row" })),
    stop: async () => {},
  };
}

async function measureUpdates(options: BenchOptions, setting: Setting): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await arrange(client, setting);
    await updateSingly(client, SINGLES / 4);
    const cpu = () => serverCpuMicros(options.server.postmasterPid);
    const before = cpu();
    await updateSingly(client, SINGLES);
    const between = cpu();
    await client.query("update captured set status = 'paid', note = note || 'x'");
    const after = cpu();
    return {
      single_us_per_row: per(difference(before, between), SINGLES),
      bulk_us_per_row: per(difference(between, after), ROWS),
    };
  } finally {
    await database.drop();
  }
}

async function arrange(client: Client, setting: Setting): Promise<void> {
  await client.query(`
    set synchronous_commit = off;
    create table captured (id int primary key, status text, amount numeric, note text,
      a int default 1, b int default 2, c text default 'c', d timestamptz default now(), e uuid default gen_random_uuid(), f boolean);
    insert into captured (id, status, amount, note) select g, 'new', g + 0.10, 'note' from generate_series(1, ${ROWS}) g`);
  await client.query("vacuum analyze captured");
  const capture = captureOf(setting);
  if (capture !== null) await client.query(capture);
}

function captureOf(setting: Setting): string | null {
  const payload = "payload => 'json_build_object(''id'', new.id, ''status'', new.status)'";
  switch (setting) {
    case "not captured":
      return null;
    case "condition false":
      return `select postrider.capture('captured', 'row.changed', condition => 'new.status = ''void''', ${payload})`;
    case "condition true":
      return `select postrider.capture('captured', 'row.changed', condition => 'new.status = ''paid''', ${payload})`;
    case "default payload":
      return "select postrider.capture('captured', 'row.changed')";
    case "by statement":
      return `
        create function capture_all() returns trigger language plpgsql as $$
        begin
          insert into postrider.outbox (event_type, payload)
          select 'row.changed', json_build_object('id', n.id, 'status', n.status) from new_rows n where n.status = 'paid';
          return null;
        end
        $$;
        create trigger capture_all after update on captured referencing new table as new_rows
          for each statement execute function capture_all()`;
    case "subquery false":
      return `select postrider.capture('captured', 'row.changed', condition => 'exists (select where new.status = ''void'')')`;
  }
}

async function updateSingly(client: Client, count: number): Promise<void> {
  for (let id = 1; id <= count; id += 1) {
    await client.query({
      name: "update_captured",
      text: "update captured set status = 'paid', note = note || 'x' where id = $1",
      values: [id],
    });
  }
}
