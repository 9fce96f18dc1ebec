/** The tables of the troubleshooting guide hold what the product says, word for word, and leave nothing out. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { FAILURE_KINDS } from "../../src/domain/failureKind.ts";
import { useDatabase } from "../support/database.ts";
import {
  askFor,
  claimAll,
  createEndpoint,
  type EventFields,
  IN_A_WEEK,
  insertEvent,
  recordResults,
  reset,
  resultOf,
  subscribe,
  walk,
} from "../support/engine.ts";
import { guideBlock, guideText } from "../support/guides.ts";
import { createPullEndpoint, fetchPage } from "../support/pulling.ts";
import { runShell, startShell } from "./shell.ts";

const GUIDE = "deploy/troubleshooting.md";
const database = useDatabase();

beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query("update postrider.sending set is_on = true");
});

/** The first cell of each row of the table between two marks, without backticks. */
function firstCells(name: string): readonly string[] {
  const [, table = ""] = guideText(GUIDE).split(new RegExp(`<!-- /?${name} -->`));
  const [, ...rows] = table.trim().split("\n");
  return rows.flatMap((row) => /^\| `([^`]+)` \|/.exec(row)?.[1] ?? []);
}

test("a first look says what stops everything, and what is in order", async () => {
  const lines = guideBlock("deploy/troubleshooting.md", "Does anything arrive?", "sh").trim().split("\n");
  assert.deepEqual(lines, ["postrider status", "postrider check"]);
  const { shell, remove } = startShell(`exec ${lines[0]}`, { DATABASE_URL: database.url });
  const { code } = await shell.ended.finally(remove);
  assert.equal(code, 1);
  assert.match(shell.stdout, /^NO DAEMON IS LIVE/);
  assert.match(await runShell(lines[1] ?? "", { DATABASE_URL: database.url }), /^ok +configuration/);
});

test("every kind of failure has a row", () => {
  assert.deepEqual([...firstCells("failure kinds")].sort(), [...FAILURE_KINDS].sort());
});

/** Each makes one event with that explanation, and returns its id. */
const SITUATIONS: Readonly<Record<string, () => Promise<string>>> = {
  "no daemon has claimed the event yet…": async () => {
    await createEndpoint(database.pool);
    return insertEvent(database.pool, "order.paid");
  },
  "there is no endpoint…": () => claimed("order.paid"),
  "no subscription matches the type…": async () => {
    await createEndpoint(database.pool, ["orders.*"]);
    return claimed("order.paid");
  },
  "the filter…": async () => {
    await subscribe(database.pool, await createEndpoint(database.pool, []), "order.paid", "$.amount > 100");
    return claimed("order.paid");
  },
  "the endpoint has been disabled since…": async () => {
    await createEndpoint(database.pool, ["*"], { state: "disabled" });
    return claimed("order.paid");
  },
  "the endpoint was created…": async () => {
    const event = await claimed("order.paid");
    await createEndpoint(database.pool);
    return event;
  },
  "it matches now but did not when it was claimed…": async () => {
    const endpoint = await createEndpoint(database.pool, ["invoice.*"]);
    const event = await claimed("order.paid");
    await subscribe(database.pool, endpoint, "order.*");
    return event;
  },
  "waits because the endpoint has been paused since…": async () => (await paused()).event,
  "waits for the endpoint's ed25519 key…": async () => {
    const endpoint = await createEndpoint(database.pool);
    await database.pool.query("update postrider.endpoint set signing = 'ed25519' where id = $1", [endpoint]);
    return claimed("order.paid");
  },
  "waits because sending was switched off…": async () => {
    const { event } = await resumed();
    await database.pool.query("update postrider.sending set is_on = false");
    return event;
  },
  "waits because the endpoint's circuit has been open since…": async () => {
    const { event, endpoint } = await paused();
    await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
    await database.pool.query("update postrider.endpoint set circuit_opened_at = now() where id = $1", [endpoint]);
    await database.pool.query(
      `insert into postrider.endpoint_failure (endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, next_probe_at, probe_gap)
       values ($1, 10, now(), now(), 'timeout', now() + interval '5 s', '5 s')`,
      [endpoint],
    );
    return event;
  },
  "waits for the consent of the receiver…": async () => {
    await createEndpoint(database.pool, ["*"], { options: { handshake: true } });
    return claimed("order.paid");
  },
  "waits for event…": async () => {
    await createEndpoint(database.pool, ["*"], { options: { ordered: true } });
    await claimed("order.paid", { orderingKey: "a" });
    return claimed("order.paid", { orderingKey: "a" });
  },
  "waits because event…": async () => {
    const endpoint = await createEndpoint(database.pool, ["*"], { options: { ordered: true, when_exhausted: "halt" } });
    const first = await claimed("order.paid", { orderingKey: "a" });
    const daemon = randomUUID();
    await walk(database.pool, { daemon });
    await recordResults(database.pool, daemon, {
      later: [resultOf({ event: first, endpoint }, { outcome: "exhausted" })],
    });
    return claimed("order.paid", { orderingKey: "a" });
  },
  "due, and waits to be fetched…": async () => {
    await createPullEndpoint(database.pool);
    return claimed("order.paid");
  },
  "given to its receiver…": async () => {
    const endpoint = await createPullEndpoint(database.pool);
    const event = await claimed("order.paid");
    await fetchPage(database.pool, endpoint, null);
    return event;
  },
  "due, and waits until the endpoint's…": async () => {
    await createEndpoint(database.pool, ["*"], { options: { max_in_flight: 1 } });
    await claimed("order.paid");
    await walk(database.pool, { daemon: randomUUID() });
    return claimed("order.paid");
  },
  "its first attempt is due…": async () => {
    await createEndpoint(database.pool);
    const event = await insertEvent(database.pool, "order.paid", { deliverAt: IN_A_WEEK });
    await claimAll(database.pool);
    return event;
  },
  "… failed, the last one: …": () => attempted("pending"),
  "the retry schedule was used up…": () => attempted("exhausted"),
  "given up…": () => attempted("exhausted", "the receiver answered 422, which the endpoint's give_up_on names"),
  "discarded…": async () => {
    const { event, endpoint } = await paused();
    await database.pool.query("select postrider.cancel($1, $2)", [event, endpoint]);
    return event;
  },
  "due, and no daemon is alive to send it": async () => (await resumed()).event,
  "delivered…": () => attempted("succeeded"),
};

async function claimed(eventType: string, fields: EventFields = {}): Promise<string> {
  const event = await insertEvent(database.pool, eventType, fields);
  await claimAll(database.pool);
  return event;
}

async function paused(): Promise<{ readonly event: string; readonly endpoint: string }> {
  const endpoint = await createEndpoint(database.pool, ["*"], { state: "paused" });
  return { event: await claimed("order.paid"), endpoint };
}

async function resumed(): Promise<{ readonly event: string; readonly endpoint: string }> {
  const made = await paused();
  await database.pool.query("select postrider.resume_endpoint($1)", [made.endpoint]);
  return made;
}

async function attempted(outcome: "pending" | "succeeded" | "exhausted", reason?: string): Promise<string> {
  await createEndpoint(database.pool);
  const event = await insertEvent(database.pool, "order.paid");
  const daemon = randomUUID();
  const [pair] = await claimAll(database.pool, { daemon });
  assert.ok(pair !== undefined);
  await recordResults(database.pool, daemon, {
    first: [
      outcome === "succeeded"
        ? resultOf(pair)
        : resultOf(pair, reason === undefined ? { outcome } : { outcome, reason }),
    ],
  });
  return event;
}

describe("explain_event says what the guide explains:", () => {
  for (const [shown, arrange] of Object.entries(SITUATIONS)) {
    test(shown, async () => {
      const explanation = await askFor(database.pool, "select explanation from postrider.explain_event($1)", [
        await arrange(),
      ]);
      assert.match(String(explanation), patternOf(shown));
    });
  }

  test("and each of its rows was tried", () => {
    assert.deepEqual(firstCells("explanations"), Object.keys(SITUATIONS));
  });
});

/** An ellipsis stands for any text. */
function patternOf(shown: string): RegExp {
  return new RegExp(
    `^${shown
      .split("…")
      .map((part) => part.replaceAll(/[^\w ]/g, "\\$&"))
      .join(".*")}$`,
    "s",
  );
}
