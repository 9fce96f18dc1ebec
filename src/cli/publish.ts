import { setTimeout as pause } from "node:timers/promises";
import { readConfig } from "../config/read.ts";
import { type Connection, connectionConfig, openConnection } from "../db/connect.ts";
import { classifyPostgresError, detailed, hintOf } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { SENT_BYTES_MAX } from "../domain/event.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";
import { stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import type { EventRow } from "../publish/event.ts";
import { statementForOne } from "../publish/statement.ts";
import { defineCommand, flag, optionalArgument, requiredArgument, text, wrongUsage } from "./command.ts";
import { standardInput } from "./standardInput.ts";

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
      sentence: "first attempt no earlier than this time, such as 'tomorrow 09:00', or '10 minutes' from now",
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
    const payload = values.JSON ?? (await payloadOfInput());
    const client = await openConnection({
      config: connectionConfig({ databaseUrl, applicationName: "postrider" }),
      purpose: "control",
    });
    try {
      const deliverAt = values["deliver-at"];
      const id = await publish(client, {
        eventType: values.TYPE,
        payload,
        tenant: values.tenant,
        orderingKey: values["ordering-key"],
        deliverAt: deliverAt === null ? null : await timeOf(client, deliverAt),
        idempotencyKey: values["idempotency-key"],
        attributes: null,
      });
      if (!values.json) {
        process.stdout.write(`${id}\n`);
      }
      let deliveries: readonly Explained[] | undefined;
      try {
        deliveries = values.wait ? await follow(client, id, values.json ? null : showChange) : undefined;
      } finally {
        // Whatever happens to the waiting, the event is there: a caller who does not learn its id would insert another.
        if (values.json) {
          process.stdout.write(`${JSON.stringify({ id, deliveries })}\n`);
        }
      }
      // None at all: a second signal came before the first look.
      return deliveries === undefined || (deliveries.length > 0 && deliveries.every(isWell)) ? 0 : 1;
    } finally {
      await client.end();
    }
  },
});

/** Rejects with PR0001 if there is nothing, or nothing that can be sent. */
async function payloadOfInput(): Promise<string> {
  if (process.stdin.isTTY) {
    throw wrongInput("it is a terminal");
  }
  const bytes = await standardInput(SENT_BYTES_MAX);
  if (bytes === null) {
    throw wrongInput(`it has more than ${SENT_BYTES_MAX} bytes, which would not be sent`);
  }
  if (bytes.length === 0) {
    throw wrongInput("it is empty");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw wrongInput("it is not UTF-8");
  }
}

function wrongInput(found: string): PostriderError {
  const remedy = `write the payload after the type, as in '{"order_id": 42}', or pipe a JSON text`;
  return new PostriderError([wrongUsage("standard input as the payload", { found, remedy })], 2);
}

/** Both are read in the session, by its time zone. No text with a unit of time is a time as well. */
const AS_TIME = "select $1::timestamptz::text as at";
const AS_INTERVAL = "select (now() + $1::interval)::text as at";

/** A time, or an interval from now, as Postgres reads them. A number alone would be seconds, and may be meant as a year. */
async function timeOf(client: Connection, given: string): Promise<string> {
  const at =
    (await readAs(client, AS_TIME, given)) ?? (/\p{L}/u.test(given) ? await readAs(client, AS_INTERVAL, given) : null);
  if (at === null) {
    const found = `${printable(JSON.stringify(given))} is neither a time nor an interval`;
    const remedy = "write a time, such as 'tomorrow 09:00', or how long from now, such as '10 minutes'";
    throw new PostriderError([wrongUsage("--deliver-at", { found, remedy })], 2);
  }
  return at;
}

async function readAs(client: Connection, statement: string, given: string): Promise<string | null> {
  try {
    const { rows } = await client.query<{ at: string }>(statement, [given]);
    return rows[0]?.at ?? null;
  } catch (thrown) {
    if (isWrongData(thrown)) {
      return null;
    }
    throw thrown;
  }
}

/** Class 22 is about values, and names no row. */
function isWrongData(thrown: unknown): boolean {
  return classifyPostgresError(thrown).sqlstate?.startsWith("22") === true;
}

async function publish(client: Connection, event: EventRow): Promise<string> {
  try {
    const { text: statement, values } = statementForOne(event);
    const { rows } = await client.query<{ id: string }>(statement, values);
    if (rows[0] === undefined) {
      throw new Error("the insert answered without an id");
    }
    return rows[0].id;
  } catch (thrown) {
    throw refusal(thrown, event.eventType);
  }
}

/** The error for a person, made from the one that Postgres raised. */
function refusal(thrown: unknown, eventType: string): unknown {
  const problem = `cannot publish ${printable(JSON.stringify(eventType))}`;
  const { sqlstate } = classifyPostgresError(thrown);
  if (sqlstate === "3F000" || sqlstate === "42883") {
    const fault = { code: "PR0004", problem, found: messageOf(thrown), remedy: 'run "postrider migrate"' } as const;
    return new PostriderError([fault], 1, { cause: thrown });
  }
  if (sqlstate !== null && /^(22|23)/.test(sqlstate)) {
    const found = isWrongData(thrown) ? detailed(thrown) : messageOf(thrown);
    const remedy = hintOf(thrown) ?? "correct it; nothing was inserted";
    return new PostriderError([{ code: "PR0023", problem, found, remedy }], 1, { cause: thrown });
  }
  return explainRefusal(thrown, "postrider_publisher");
}

/** One row without an endpoint if no endpoint gets the event. */
const EXPLAIN = `
  with explained as (
    select endpoint_id, postrider_internal.readable(url) as url, outcome, postrider_internal.readable(explanation) as explanation
    from postrider.explain_event($1))
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
/** Between two looks: seldom while nothing changes, because each look judges the event for every endpoint of its tenant. */
const LOOK_FIRST_MS = 100;
const LOOK_LAST_MS = 1_000;

/** Shows each change, until nothing changes any more or a signal comes. Resolves with what was seen last. */
async function follow(
  client: Connection,
  id: string,
  onChange: ((row: Explained) => void) | null,
): Promise<readonly Explained[]> {
  let rows: readonly Explained[] = [];
  const shown = new Map<string | null, string>();
  const startedMs = monotonicMs();
  const backoff = makeBackoff({ firstMs: LOOK_FIRST_MS, lastMs: LOOK_LAST_MS });
  await untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, async (stopping) => {
    do {
      rows = await explain(client, id);
      const isEarly = monotonicMs() - startedMs < CLAIM_MS;
      for (const row of rows.filter(({ outcome }) => !(isEarly && outcome === "not claimed"))) {
        if (shown.get(row.endpoint_id) !== row.explanation) {
          shown.set(row.endpoint_id, row.explanation);
          onChange?.(row);
          backoff.reset();
        }
      }
      if (rows.every(hasEnded)) {
        return;
      }
      await pause(backoff.nextMs(), undefined, { signal: stopping }).catch(() => {
        // Asked to stop.
      });
    } while (!stopping.aborted);
  });
  return rows;
}

function hasEnded(row: Explained): boolean {
  return isWell(row) || row.outcome === "exhausted" || row.outcome === "discarded";
}

function isWell({ outcome }: Explained): boolean {
  return outcome === "succeeded" || outcome === "not matched";
}

async function explain(client: Connection, id: string): Promise<readonly Explained[]> {
  try {
    return (await client.query<Explained>(EXPLAIN, [id])).rows;
  } catch (thrown) {
    throw explainRefusal(thrown, "postrider_operator");
  }
}

function showChange({ url, outcome, explanation }: Explained): void {
  const place = url === null ? "" : `  ${printable(url)}`;
  process.stdout.write(`${outcome.padEnd(11)}${place}  ${printable(explanation)}\n`);
}
