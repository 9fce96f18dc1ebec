/** What the catalogue of event types costs an insert: without any, beside one that is enforced, and of one that is. */
import type { Client } from "pg";
import { difference, per, serverCpuMicros } from "./cpu.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { EVENT_TYPE, PAYLOAD, UNWANTED_EVENT_TYPE } from "./workload.ts";

const SINGLES = 3_000;
const STATEMENTS = 5;
const STATEMENT_ROWS = 1_000;
const COPIED = 5_000;

type Setting =
  | "none defined"
  | "hundred described"
  | "another enforced"
  | "unknown refused"
  | "enforced"
  | "enforced by the walk";

const SETTINGS: readonly Setting[] = [
  "none defined",
  "hundred described",
  "another enforced",
  "unknown refused",
  "enforced",
  "enforced by the walk",
];

const SCHEMA = {
  type: "object",
  required: ["order_id", "lines", "total_cents"],
  properties: {
    order_id: { type: "string", minLength: 1, maxLength: 40 },
    customer: { type: "object", properties: { id: { type: "string" }, country: { type: "string", maxLength: 2 } } },
    lines: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["sku", "quantity"],
        properties: {
          sku: { type: "string" },
          quantity: { type: "integer", minimum: 1 },
          cents: { type: "integer", minimum: 0 },
        },
      },
    },
    total_cents: { type: "integer", minimum: 0 },
    currency: { enum: ["EUR", "USD", "GBP"] },
  },
};

export async function prepareEventTypes(options: BenchOptions): Promise<Part> {
  return {
    name: "event types",
    notes: [
      `One client inserts events of ${PAYLOAD.length} bytes: ${SINGLES} single ones, a statement and a transaction each, ${STATEMENTS} statements of ${STATEMENT_ROWS} rows, and ${COPIED} by copy.`,
      "enforced: a schema of 17 values, two levels deep. by the walk: with a maxLength of 1000, which no predicate can express.",
    ],
    trials: SETTINGS.map((setting) => ({ subject: setting, run: () => measureInserts(options, setting) })),
    ratios: SETTINGS.slice(1).map((of) => ({ of, to: "none defined", measure: "single_us_per_row" })),
    stop: async () => {},
  };
}

async function measureInserts(options: BenchOptions, setting: Setting): Promise<Measures> {
  const database = await options.server.createDatabase();
  try {
    const client = await database.connect();
    await client.query("set synchronous_commit = off");
    await arrange(client, setting);
    await insertSingly(client, SINGLES / 6);
    const costOf = async (rows: number, insert: () => Promise<unknown>) => {
      const before = serverCpuMicros(options.server.postmasterPid);
      await insert();
      return per(difference(before, serverCpuMicros(options.server.postmasterPid)), rows);
    };
    return {
      single_us_per_row: await costOf(SINGLES, () => insertSingly(client, SINGLES)),
      statement_us_per_row: await costOf(STATEMENTS * STATEMENT_ROWS, () => insertByStatement(client)),
      copy_us_per_row: await costOf(COPIED, () => client.query(copyStatement())),
    };
  } finally {
    await database.drop();
  }
}

async function arrange(client: Client, setting: Setting): Promise<void> {
  const define = (name: string, schema: object) =>
    client.query("select postrider.define_event_type($1, 'An order.', $2, true)", [name, JSON.stringify(schema)]);
  switch (setting) {
    case "none defined":
      return;
    case "hundred described":
      await client.query(
        `insert into postrider.event_type (name, json_schema)
         select $1, $2::jsonb union all select 'more.n' || g, $2 from generate_series(1, 99) g`,
        [EVENT_TYPE, JSON.stringify(SCHEMA)],
      );
      return;
    case "another enforced":
      await define(UNWANTED_EVENT_TYPE, SCHEMA);
      return;
    case "unknown refused":
      await client.query("select postrider.define_event_type($1)", [EVENT_TYPE]);
      await client.query("select postrider.refuse_unknown_event_types()");
      return;
    case "enforced":
      await define(EVENT_TYPE, SCHEMA);
      return;
    case "enforced by the walk":
      await define(EVENT_TYPE, {
        ...SCHEMA,
        properties: { ...SCHEMA.properties, note: { type: "string", maxLength: 1000 } },
      });
      return;
  }
}

async function insertSingly(client: Client, count: number): Promise<void> {
  for (let inserted = 0; inserted < count; inserted += 1) {
    await client.query({
      name: "insert_event",
      text: "insert into postrider.outbox (event_type, payload) values ($1, $2)",
      values: [EVENT_TYPE, PAYLOAD],
    });
  }
}

async function insertByStatement(client: Client): Promise<void> {
  for (let statement = 0; statement < STATEMENTS; statement += 1) {
    await client.query(
      "insert into postrider.outbox (event_type, payload) select $1, $2::json from generate_series(1, $3::integer)",
      [EVENT_TYPE, PAYLOAD, STATEMENT_ROWS],
    );
  }
}

/** The server reads from a program, which repeats one line of CSV whose delimiter and quote are in no payload. */
function copyStatement(): string {
  return `copy postrider.outbox (event_type, payload)
    from program $program$yes '${EVENT_TYPE}|${PAYLOAD}' | head -n ${COPIED}$program$ (format csv, delimiter '|', quote '~')`;
}
