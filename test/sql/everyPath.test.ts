/**
 * Claiming is not the only way to a receiver: an event is also sent by a retry, a take-over, a replay, a redelivery, and
 * after an adoption. A rule that only the claim kept would be broken by one of the others. So each rule is tried on each
 * path, and what is sent although the rule says no is written down here, with the reason.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import {
  claimAll,
  claimEvents,
  createEndpoint,
  IN_A_WEEK,
  insertEvent,
  type Pair,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  takeOverClaim,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query("update postrider.sending set is_on = true, reason = null");
});

/** A rule says that nothing may be sent. It is set before the event is inserted, or between that and the path. */
interface Rule {
  readonly deliverAt?: string;
  readonly now?: (pair: Pair) => Promise<unknown>;
}

interface Path {
  /** Brings the event to where the path begins. */
  readonly before: (pair: Pair) => Promise<unknown>;
  readonly take: (pair: Pair) => Promise<unknown>;
  /** The rules that this path does not keep, and why. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

const sql = (text: string, ...values: readonly unknown[]) => database.pool.query(text, [...values]);

const RULES: Readonly<Record<string, Rule>> = {
  "before its deliver_at": { deliverAt: IN_A_WEEK },
  "to a paused endpoint": {
    now: ({ endpoint }) => sql("select postrider.pause_endpoint($1, 'maintenance')", endpoint),
  },
  "to a disabled endpoint": {
    now: ({ endpoint }) => sql("select postrider.disable_endpoint($1, 'left')", endpoint),
  },
  "to an endpoint that was paused, then disabled and enabled": {
    now: async ({ endpoint }) => {
      await sql("select postrider.pause_endpoint($1, 'maintenance')", endpoint);
      await sql("select postrider.disable_endpoint($1, 'left')", endpoint);
      await sql("select postrider.enable_endpoint($1)", endpoint);
    },
  },
  "to a deleted endpoint": { now: ({ endpoint }) => sql("delete from postrider.endpoint where id = $1", endpoint) },
  "while sending is off": { now: () => sql("update postrider.sending set is_on = false, reason = 'stop'") },
  "to an endpoint of another tenant": {
    now: ({ endpoint }) => sql("update postrider.endpoint set tenant = 'other' where id = $1", endpoint),
  },
  "of a type without a subscription": {
    now: ({ endpoint }) => sql("delete from postrider.subscription where endpoint_id = $1", endpoint),
  },
  "that the filter does not match": {
    now: ({ endpoint }) =>
      sql("update postrider.subscription set filter = '$.paid == true' where endpoint_id = $1", endpoint),
  },
  "that was cancelled": { now: cancel },
  "to an endpoint whose receiver has not consented": {
    now: ({ endpoint }) => sql("update postrider.endpoint set handshake = true where id = $1", endpoint),
  },
  "to an endpoint whose signing key is still to be made": {
    now: ({ endpoint }) => sql("update postrider.endpoint set signing = 'both' where id = $1", endpoint),
  },
  "to an endpoint whose circuit is open, before its next probe": { now: openCircuit },
  "to an endpoint with as many requests in progress as it may have": { now: reachLimit },
};

async function openCircuit({ endpoint }: Pair): Promise<void> {
  await sql("update postrider.endpoint set circuit_opened_at = now() where id = $1", endpoint);
  await sql(
    `insert into postrider.endpoint_failure (endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, next_probe_at, probe_gap)
     values ($1, 20, now(), now(), 'status', now() + interval '1 hour', '1 hour')`,
    endpoint,
  );
}

async function reachLimit({ endpoint }: Pair): Promise<void> {
  await sql("update postrider.endpoint set max_in_flight = 1 where id = $1", endpoint);
  await sql(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, leased_by, lease_expires_at, is_counted)
     select postrider.uuid_v7(), $1, 'pending', now() + interval '1 hour', gen_random_uuid(), now() + interval '1 hour', true`,
    endpoint,
  );
}

async function cancel({ event, endpoint }: Pair): Promise<void> {
  const { rowCount } = await sql("select from postrider.delivery_status where event_id = $1", event);
  if (rowCount === 0) {
    // Nothing to cancel yet: the rule says nothing here, and the event must not be sent for another reason.
    await sql("delete from postrider.subscription where endpoint_id = $1", endpoint);
    return;
  }
  await sql("select postrider.cancel($1, $2, 'by mistake')", event, endpoint);
  await sql(
    `update postrider.delivery set state = 'discarded', reason = 'cancelled: by mistake'
     where event_id = $1 and endpoint_id = $2 and state = 'exhausted'`,
    event,
    endpoint,
  );
}

const AT_LOADING = "a daemon puts it into the queue when it has loaded the endpoint";
const ASKED = "what a person asks for waits for no probe";
const ROUTED = "a delivery goes to the endpoint that it was made for, whatever is edited afterwards";

const PATHS: Readonly<Record<string, Path>> = {
  "a claim": { before: async () => {}, take: async () => {} },
  "a claim that leaves slow filters out": {
    before: async () => {},
    take: ({ endpoint }) => collect(claimEvents(database.pool, { unjudged: [endpoint] })),
  },
  "a claim without any filter": {
    before: async () => {},
    take: () => collect(claimEvents(database.pool, { unjudged: null })),
  },
  "the queue": {
    before: claimed("pending"),
    take: async () => {},
    exceptions: {
      "to an endpoint of another tenant": ROUTED,
      "of a type without a subscription": ROUTED,
      "that the filter does not match": ROUTED,
    },
  },
  "a take-over": {
    before: () => claimAll(database.pool),
    take: async () => {},
    exceptions: {
      "to an endpoint of another tenant": ROUTED,
      "of a type without a subscription": ROUTED,
      "that the filter does not match": ROUTED,
      "to an endpoint whose receiver has not consented": AT_LOADING,
      "to an endpoint whose signing key is still to be made": AT_LOADING,
      "to an endpoint with as many requests in progress as it may have": AT_LOADING,
    },
  },
  "a replay of what matched no endpoint": { before: claimed(null), take: ({ endpoint }) => replay(endpoint) },
  "a replay of what failed": { before: claimed("exhausted"), take: ({ endpoint }) => replay(endpoint) },
  "a replay that is cancelled": {
    before: claimed("exhausted"),
    take: async ({ endpoint }) => {
      const replayId = await replay(endpoint);
      if (replayId !== null) await permitted(sql("select postrider.cancel_replay($1)", replayId));
    },
  },
  "a redelivery": {
    before: claimed("exhausted"),
    take: ({ event, endpoint }) => permitted(sql("select postrider.redeliver($1, $2)", event, endpoint)),
    exceptions: {
      "of a type without a subscription": ROUTED,
      "that the filter does not match": ROUTED,
      "that was cancelled": "who names the delivery undoes the cancel",
      "to an endpoint whose circuit is open, before its next probe": ASKED,
    },
  },
  "a redelivery to all endpoints": {
    before: claimed("exhausted"),
    take: ({ event }) => permitted(sql("select postrider.redeliver($1, null)", event)),
    exceptions: {
      "of a type without a subscription": ROUTED,
      "that the filter does not match": ROUTED,
      "to an endpoint whose circuit is open, before its next probe": ASKED,
    },
  },
  "disabling, enabling and a replay": {
    before: claimed("pending"),
    take: async ({ endpoint }) => {
      await permitted(sql("select postrider.disable_endpoint($1)", endpoint));
      await permitted(sql("select postrider.enable_endpoint($1)", endpoint));
      await replay(endpoint);
    },
    exceptions: {
      "to a disabled endpoint": "it is enabled again",
      "to an endpoint whose circuit is open, before its next probe": "a change of its state closes its circuit",
    },
  },
  "an adoption of what was not claimed": { before: async () => {}, take: adopt },
  "an adoption of what waited": {
    before: claimed("pending"),
    take: adopt,
    exceptions: {
      "to an endpoint of another tenant": ROUTED,
      "of a type without a subscription": ROUTED,
      "that the filter does not match": ROUTED,
    },
  },
};

let taken: Pair[] = [];

async function collect(claim: Promise<{ readonly pairs: readonly Pair[] }>): Promise<void> {
  taken.push(...(await claim).pairs);
}

/** Claims the event and brings its delivery into that state; null for none. */
function claimed(state: "pending" | "exhausted" | null): (pair: Pair) => Promise<void> {
  return async ({ event, endpoint }) => {
    const daemon = randomUUID();
    const pairs = await claimAll(database.pool, { daemon });
    await recordResults(database.pool, daemon, {
      first: pairs.map((pair) => resultOf(pair, { attempt: null, outcome: "pending", wait: 0 })),
      finished: pairs.map(({ claim }) => claim),
    });
    if (state === null) {
      await sql("delete from postrider.delivery where event_id = $1 and endpoint_id = $2", event, endpoint);
      await sql("update postrider.claim set event_ids = '{}', endpoint_ids = '{}'");
    } else if (state === "exhausted") {
      await sql(
        "update postrider.delivery set state = 'exhausted', next_attempt_at = null, finished_at = now() where event_id = $1",
        event,
      );
    }
  };
}

/** Requests a replay of everything in its default states, and takes its steps; null if it is refused. */
async function replay(endpoint: string): Promise<string | null> {
  const result = await permitted(
    sql("select replay_id from postrider.replay($1, now() - interval '1 hour') r", endpoint),
  );
  const replayId = result?.rows[0]?.replay_id ?? null;
  for (let count = 0; replayId !== null && count < 3; count++) {
    await sql("update postrider.replay set next_step_at = clock_timestamp()");
    await rowsOf(database.pool, statementText("prepare_replay"), [replayId]);
  }
  return replayId;
}

async function adopt(): Promise<void> {
  await sql("update postrider.sending set system_identifier = system_identifier + 1");
  await sql("select postrider.adopt()");
}

/** A function that refuses (P0002: there is no such thing, 55000: not in this state) has kept the rule. */
async function permitted<Result>(call: Promise<Result>): Promise<Result | undefined> {
  try {
    return await call;
  } catch (error) {
    if (["P0002", "55000"].includes(String((error as { code?: unknown }).code))) return undefined;
    throw error;
  }
}

/** Takes all that a daemon would send now. */
async function send(): Promise<void> {
  const daemon = randomUUID();
  const over = await takeOverClaim(database.pool, daemon);
  taken.push(...(over?.pairs ?? []));
  await collect(claimEvents(database.pool, { daemon }));
  taken.push(...(await walk(database.pool, { daemon })).leased);
}

async function sentBy(path: Path, rule: Rule): Promise<boolean> {
  taken = [];
  const endpoint = await createEndpoint(database.pool, ["order.paid"]);
  const event = await insertEvent(database.pool, "order.paid", {
    payload: '{"paid": false}',
    ...(rule.deliverAt === undefined ? {} : { deliverAt: rule.deliverAt }),
  });
  await path.before({ event, endpoint });
  await rule.now?.({ event, endpoint });
  await path.take({ event, endpoint });
  await send();
  return taken.some((pair) => pair.event === event && pair.endpoint === endpoint);
}

for (const [pathName, path] of Object.entries(PATHS)) {
  describe(`${pathName} sends`, () => {
    test("what no rule forbids", async () => {
      assert.equal(await sentBy(path, {}), pathName !== "a replay that is cancelled");
    });

    for (const [ruleName, rule] of Object.entries(RULES)) {
      const exception = path.exceptions?.[ruleName];
      test(`${exception === undefined ? "nothing" : "also"} ${ruleName}`, async () => {
        assert.equal(await sentBy(path, rule), exception !== undefined);
      });
    }
  });
}
