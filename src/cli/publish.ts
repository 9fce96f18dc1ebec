import { setTimeout as pause } from "node:timers/promises";
import { readConfig } from "../config/read.ts";
import { type Connection, connectionConfig, openConnection } from "../db/connect.ts";
import { classifyPostgresError } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";
import { stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { eventRow } from "../publish/event.ts";
import { PublishError } from "../publish/publishError.ts";
import { statementForOne } from "../publish/statement.ts";
import { defineCommand, flag, optionalArgument, requiredArgument, text, wrongUsage } from "./command.ts";

const WAIT_POLL_MS = 100;

export const command = defineCommand({
  summary: "inserts one event and prints its id",
  arguments: {
    TYPE: requiredArgument("event type, such as order.paid"),
    JSON: optionalArgument("payload, a JSON text; standard input if it is left out"),
  },
  options: {
    tenant: text({ placeholder: "T", default: null, sentence: "tenant of the event; none by default" }),
    "ordering-key": text({ placeholder: "KEY", default: null, sentence: "ordering key of the event" }),
    "idempotency-key": text({
      ...{ placeholder: "KEY", default: null },
      sentence: "insert nothing if an event has this key, and print the id of that one",
    }),
    "deliver-at": text({
      ...{ placeholder: "TIME", default: null },
      sentence: "first attempt no earlier than this time, such as 2031-05-01T12:00Z or '10 minutes' from now",
    }),
    wait: flag("show what becomes of the event; exit with status 1 if a delivery ends without success"),
    json: flag("print JSON instead of text"),
  },
  examples: [
    `postrider publish order.paid '{"order_id":42}'`,
    "postrider publish order.paid --tenant acme --wait < order.json",
  ],
  run: async (values, env) => {
    const { databaseUrl } = readConfig(env, { name: "publish", database: "required" });
    const payload = values.JSON ?? (await standardInput());
    const event = {
      eventType: values.TYPE,
      json: payload,
      tenant: values.tenant,
      orderingKey: values["ordering-key"],
      idempotencyKey: values["idempotency-key"],
    };
    const client = await openConnection({
      config: connectionConfig({ databaseUrl, applicationName: "postrider" }),
      purpose: "control",
    });
    try {
      const id = await publish(client, event, values["deliver-at"]);
      if (!values.json) {
        process.stdout.write(`${id}\n`);
      }
      const ends = values.wait ? await follow(client, id, values.json ? null : showEnd) : { isDone: true, rows: [] };
      if (values.json) {
        process.stdout.write(`${JSON.stringify(values.wait ? { id, deliveries: ends.rows } : { id })}\n`);
      }
      return ends.isDone ? 0 : 1;
    } finally {
      await client.end();
    }
  },
});

async function standardInput(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new PostriderError(
      [wrongUsage("publish without a payload", { found: "standard input is a terminal", remedy: PAYLOAD_REMEDY })],
      2,
    );
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new PostriderError(
      [wrongUsage("standard input as a payload", { found: "it is not UTF-8", remedy: PAYLOAD_REMEDY })],
      2,
    );
  }
}

const PAYLOAD_REMEDY = `write the payload after the type, as in '{"order_id": 42}', or pipe a JSON text`;

/** Whether the text is an interval or a time is for Postgres to say: both are read in its session. */
const DUE_AT = `
  select case when $1 ~ '^[[:space:]]*[+]?[0-9.]+[[:space:]]*[[:alpha:]]' then now() + $1::interval else $1::timestamptz end::text as at`;

interface PublishedEvent {
  readonly eventType: string;
  readonly json: string;
  readonly tenant: string | null;
  readonly orderingKey: string | null;
  readonly idempotencyKey: string | null;
}

async function publish(client: Connection, event: PublishedEvent, deliverAt: string | null): Promise<string> {
  try {
    const row = eventRow(event, "the event");
    const due = deliverAt === null ? null : await client.query<{ at: string }>(DUE_AT, [deliverAt]);
    const { text: statement, values } = statementForOne({ ...row, deliverAt: due?.rows[0]?.at ?? null });
    const { rows } = await client.query<{ id: string }>(statement, values);
    if (rows[0] === undefined) {
      throw new Error("the insert answered without an id");
    }
    return rows[0].id;
  } catch (thrown) {
    throw refusal(thrown, event.eventType);
  }
}

/** The error for a person, made from the one that the kit or Postgres raised. */
function refusal(thrown: unknown, eventType: string): unknown {
  const problem = `cannot publish ${printable(JSON.stringify(eventType))}`;
  if (thrown instanceof PublishError) {
    const fault = { code: "PR0001", problem, found: thrown.message, remedy: PAYLOAD_REMEDY } as const;
    return new PostriderError([fault], 2, { cause: thrown });
  }
  const { sqlstate } = classifyPostgresError(thrown);
  if (sqlstate === "3F000" || sqlstate === "42883") {
    const fault = { code: "PR0004", problem, found: messageOf(thrown), remedy: 'run "postrider migrate"' } as const;
    return new PostriderError([fault], 1, { cause: thrown });
  }
  if (sqlstate !== null && /^(22|23)/.test(sqlstate)) {
    const remedy = textOf(thrown, "hint") ?? "correct it; nothing was inserted";
    const fault = { code: "PR0023", problem, found: messageOf(thrown), remedy } as const;
    return new PostriderError([fault], 1, { cause: thrown });
  }
  return explainRefusal(thrown, "postrider_publisher");
}

function textOf(thrown: unknown, name: "hint"): string | null {
  const value = thrown instanceof Error && name in thrown ? (thrown as { readonly hint?: unknown }).hint : undefined;
  return typeof value === "string" ? value.replace(/\.$/, "") : null;
}

/** One row without an endpoint if no endpoint gets the event. */
const EXPLAIN = `
  with explained as (select endpoint_id, url, outcome, explanation from postrider.explain_event($1))
  select * from explained where endpoint_id is null or outcome <> 'not matched'
  union all
  select null, null, 'not matched', 'no subscription of an active endpoint matches the event'
  where not exists (select from explained where endpoint_id is null or outcome <> 'not matched')`;

interface Explained {
  readonly endpoint_id: string | null;
  readonly url: string | null;
  readonly outcome: string;
  readonly explanation: string;
}

/** A claim takes milliseconds. An event that waits longer for one says why. */
const CLAIM_MS = 1_000;
const FAILURES: ReadonlySet<string> = new Set(["exhausted", "discarded"]);

/** Shows each change, until nothing changes any more or a signal comes. */
async function follow(
  client: Connection,
  id: string,
  onChange: ((row: Explained) => void) | null,
): Promise<{ readonly isDone: boolean; readonly rows: readonly Explained[] }> {
  let rows: readonly Explained[] = [];
  const shown = new Map<string | null, string>();
  const startedMs = monotonicMs();
  await untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, async (stopping) => {
    while (!stopping.aborted) {
      rows = await explain(client, id);
      const isEarly = monotonicMs() - startedMs < CLAIM_MS;
      for (const row of rows.filter(({ outcome }) => !(isEarly && outcome === "not claimed"))) {
        if (shown.get(row.endpoint_id) !== row.explanation) {
          shown.set(row.endpoint_id, row.explanation);
          onChange?.(row);
        }
      }
      if (rows.every(hasEnded)) {
        return;
      }
      await pause(WAIT_POLL_MS, undefined, { signal: stopping }).catch(() => {});
    }
  });
  return { isDone: rows.every(({ outcome }) => !FAILURES.has(outcome)) && rows.every(hasEnded), rows };
}

function hasEnded({ outcome }: Explained): boolean {
  return outcome === "succeeded" || outcome === "not matched" || FAILURES.has(outcome);
}

async function explain(client: Connection, id: string): Promise<readonly Explained[]> {
  try {
    return (await client.query<Explained>(EXPLAIN, [id])).rows;
  } catch (thrown) {
    throw explainRefusal(thrown, "postrider_operator");
  }
}

function showEnd({ url, outcome, explanation }: Explained): void {
  const place = url === null ? "" : `  ${printable(url)}`;
  process.stdout.write(`${outcome.padEnd(11)}${place}  ${printable(explanation)}\n`);
}
