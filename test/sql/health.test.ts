import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  createEndpoint,
  deliveries,
  inTransaction,
  openSession,
  pidOf,
  type RecordedResult,
  recordResults,
  reset,
  resultOf,
  rowsOf,
  waitsForLock,
  walk,
} from "../support/engine.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Health {
  readonly is_failing: boolean;
  readonly consecutive_failures: string;
  readonly has_since: boolean;
  readonly has_recovered: boolean;
}

async function healthOf(endpoint: string): Promise<[boolean, number, boolean, boolean]> {
  const [row] = await rowsOf<Health>(
    database.pool,
    `select is_failing, consecutive_failures, failing_since is not null as has_since, recovered_at is not null as has_recovered
     from postrider.endpoint_health where endpoint_id = $1`,
    [endpoint],
  );
  assert.ok(row !== undefined);
  return [row.is_failing, Number(row.consecutive_failures), row.has_since, row.has_recovered];
}

type Kind = "fails" | "succeeds";

/** Records attempts of one flush, in this order of time; returns the records, so that they can be repeated. */
async function attempt(endpoint: string, kinds: readonly Kind[]): Promise<{ daemon: string; later: RecordedResult[] }> {
  const daemon = randomUUID();
  for (const _ of kinds) await addPending(database.pool, endpoint);
  const { leased } = await walk(database.pool, { daemon, share: 100 });
  assert.equal(leased.length, kinds.length);
  const later = leased.map((pair, index) =>
    resultOf(pair, {
      attempts: pair.attempts,
      outcome: kinds[index] === "succeeds" ? "succeeded" : "exhausted",
      startedMs: 1_750_000_000_000 + index,
    }),
  );
  await recordResults(database.pool, daemon, { later });
  return { daemon, later };
}

/** Makes the endpoint's failures look this old. */
async function age(by: string): Promise<void> {
  await database.pool.query(`update postrider.endpoint_failure set failing_since = failing_since - interval '${by}'`);
  await database.pool.query("alter table postrider.endpoint disable trigger endpoint_changing");
  await database.pool.query(`update postrider.endpoint set state_changed_at = state_changed_at - interval '${by}'`);
  await database.pool.query("alter table postrider.endpoint enable trigger endpoint_changing");
}

const stateOf = (endpoint: string) =>
  askFor(database.pool, "select state from postrider.endpoint where id = $1", [endpoint]);

describe("the health of an endpoint", () => {
  test("is good before anything was sent, and has no row", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    assert.deepEqual(await healthOf(endpoint), [false, 0, false, false]);
  });

  test("says since when the endpoint fails, how often and how, and that it has recovered", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await attempt(endpoint, ["fails"]);
    const since = await askFor(database.pool, "select failing_since::text from postrider.endpoint_health");
    await attempt(endpoint, ["fails", "fails"]);
    assert.deepEqual(await healthOf(endpoint), [true, 3, true, false]);
    assert.deepEqual(
      await rowsOf(
        database.pool,
        `select failing_since::text as since, last_failure_at > failing_since as is_later, last_failure_kind, last_http_status,
                last_error, disabled_from = failing_since + interval '5 days' as in_five_days
         from postrider.endpoint_health`,
      ),
      [
        {
          since,
          is_later: true,
          last_failure_kind: "status",
          last_http_status: 500,
          last_error: "the receiver answered 500",
          in_five_days: true,
        },
      ],
    );
    await attempt(endpoint, ["succeeds"]);
    assert.deepEqual(await healthOf(endpoint), [false, 0, false, true]);
    assert.equal(
      await askFor(database.pool, "select last_error from postrider.endpoint_health"),
      "the receiver answered 500",
    );
    await attempt(endpoint, ["fails"]);
    assert.deepEqual(await healthOf(endpoint), [true, 1, true, true]);
  });

  for (const [kinds, expected] of [
    [
      ["fails", "succeeds"],
      [false, 0, false, true],
    ],
    [
      ["succeeds", "fails"],
      [true, 1, true, true],
    ],
    [
      ["fails", "succeeds", "fails", "fails"],
      [true, 2, true, true],
    ],
  ] as const) {
    test(`follows the last attempts of a flush: ${kinds.join(", ")}`, async () => {
      const endpoint = await createEndpoint(database.pool, []);
      await attempt(endpoint, ["fails"]);
      await attempt(endpoint, kinds);
      assert.deepEqual(await healthOf(endpoint), expected);
    });
  }

  test("is kept separately for each endpoint of a flush", async () => {
    const endpoints = [];
    for (let count = 0; count < 3; count++) endpoints.push(await createEndpoint(database.pool, []));
    const [good, bad, healing] = endpoints as [string, string, string];
    await attempt(healing, ["fails"]);
    for (const endpoint of endpoints) await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon });
    await recordResults(database.pool, daemon, {
      later: leased.map((pair) => resultOf(pair, pair.endpoint === bad ? { outcome: "exhausted" } : {})),
    });
    assert.deepEqual(await healthOf(good), [false, 0, false, false]);
    assert.deepEqual(await healthOf(bad), [true, 1, true, false]);
    assert.deepEqual(await healthOf(healing), [false, 0, false, true]);
  });

  test("ignores failures of a delivery that was redelivered by hand, but counts its success", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const event = await addPending(database.pool, endpoint);
    const again = async (outcome: "exhausted" | "succeeded") => {
      const daemon = randomUUID();
      const [pair] = (await walk(database.pool, { daemon })).leased;
      assert.ok(pair !== undefined);
      await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempts: pair.attempts, outcome })] });
      await database.pool.query("select postrider.redeliver($1, $2)", [event, endpoint]);
    };
    await again("exhausted");
    await again("exhausted");
    assert.deepEqual(await healthOf(endpoint), [true, 1, true, false]);
    await again("succeeded");
    assert.deepEqual(await healthOf(endpoint), [false, 0, false, true]);
  });

  test("counts an attempt once, however often its record is repeated", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const { daemon, later } = await attempt(endpoint, ["fails", "fails"]);
    await recordResults(database.pool, daemon, { later, isRepeat: true });
    assert.deepEqual(await healthOf(endpoint), [true, 2, true, false]);
  });

  test("says nothing about a delivery that was handed back without an attempt", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await attempt(endpoint, ["fails"]);
    await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    const [pair] = (await walk(database.pool, { daemon })).leased;
    assert.ok(pair !== undefined);
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { attempt: null, outcome: "pending" })] });
    assert.deepEqual(await healthOf(endpoint), [true, 1, true, false]);
  });

  test("is not kept for an endpoint that is gone", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    const [pair] = (await walk(database.pool, { daemon })).leased;
    assert.ok(pair !== undefined);
    await database.pool.query("delete from postrider.endpoint");
    await recordResults(database.pool, daemon, { later: [resultOf(pair, { outcome: "exhausted" })] });
    assert.equal(await askFor(database.pool, "select count(*)::integer from postrider.endpoint_failure"), 0);
  });

  test("writes nothing while attempts succeed, whatever failed before", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    await attempt(endpoint, ["fails"]);
    await attempt(endpoint, ["succeeds"]);
    const row = "select ctid, xmin::text from postrider.endpoint_failure";
    const before = await rowsOf(database.pool, row);
    assert.equal(before.length, 1);
    await attempt(endpoint, ["succeeds", "succeeds"]);
    assert.deepEqual(await rowsOf(database.pool, row), before);
    // It takes no lock either: another flush holds the row, and recording does not wait for it.
    const other = await openSession(t, database.url);
    await inTransaction(other, async () => {
      await other.query("select from postrider.endpoint_failure for update");
      await attempt(endpoint, ["succeeds"]);
    });
  });

  test("is locked by flushes in one order, whatever the order of their results", async (t) => {
    const endpoints = [await createEndpoint(database.pool, []), await createEndpoint(database.pool, [])].sort();
    for (const endpoint of endpoints) await attempt(endpoint, ["fails"]);
    const [first, second] = endpoints as [string, string];
    // A flush that held the second row and asked for the first would deadlock with this session.
    const other = await openSession(t, database.url);
    await other.query("begin");
    await other.query("select from postrider.endpoint_failure where endpoint_id = $1 for update", [first]);
    const recorder = await openSession(t, database.url);
    const pid = await pidOf(recorder);
    for (const endpoint of endpoints) await addPending(database.pool, endpoint);
    const daemon = randomUUID();
    const { leased } = await walk(database.pool, { daemon });
    const later = leased.toSorted((a, b) => (a.endpoint < b.endpoint ? 1 : -1));
    const recording = recordResults(recorder, daemon, {
      later: later.map((pair) => resultOf(pair, { outcome: "exhausted" })),
    });
    await waitsForLock(database.pool, pid);
    await other.query("select from postrider.endpoint_failure where endpoint_id = $1 for update", [second]);
    await other.query("commit");
    await recording;
  });
});

describe("an endpoint that has only failed for its disable_after", () => {
  test("is disabled by the next one, with the reason, and the audit says so", async () => {
    const endpoint = await createEndpoint(database.pool, [], { options: { disable_after: "2 hours" } });
    await attempt(endpoint, ["fails"]);
    await age("119 minutes");
    await attempt(endpoint, ["fails"]);
    assert.equal(await stateOf(endpoint), "active");
    await age("1 minute");
    const waiting = await addPending(database.pool, endpoint, "now() + interval '1 hour'");
    await attempt(endpoint, ["fails"]);
    const [row] = await rowsOf<{ state: string; reason: string }>(
      database.pool,
      "select state, state_reason as reason from postrider.endpoint",
    );
    assert.equal(row?.state, "disabled");
    assert.match(
      row?.reason ?? "",
      /^nothing but failures since \d{4}-\d\d-\d\d \d\d:\d\d UTC: 3 of them, the last one: the receiver answered 500$/,
    );
    assert.deepEqual(
      await rowsOf(database.pool, "select detail, after from postrider.audit where action = 'disable_endpoint'"),
      [{ detail: { reason: row?.reason }, after: { state: "disabled", state_reason: row?.reason } }],
    );
    assert.equal((await deliveries(database.pool)).find(({ event }) => event === waiting)?.state, "discarded");
  });

  test("is left alone if a success came in between, or if disable_after is null", async () => {
    const healing = await createEndpoint(database.pool, []);
    const never = await createEndpoint(database.pool, [], { options: { disable_after: null } });
    for (const endpoint of [healing, never]) await attempt(endpoint, ["fails"]);
    await age("6 days");
    await attempt(healing, ["succeeds"]);
    for (const endpoint of [healing, never]) await attempt(endpoint, ["fails"]);
    assert.deepEqual([await stateOf(healing), await stateOf(never)], ["active", "active"]);
  });

  test("gets its full time again once it is enabled or resumed", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    await attempt(endpoint, ["fails"]);
    await age("6 days");
    await attempt(endpoint, ["fails"]);
    assert.equal(await stateOf(endpoint), "disabled");
    await database.pool.query("select postrider.enable_endpoint($1)", [endpoint]);
    await attempt(endpoint, ["fails"]);
    assert.equal(await stateOf(endpoint), "active");
    await age("6 days");
    await attempt(endpoint, ["fails"]);
    assert.equal(await stateOf(endpoint), "disabled");
  });

  test("is disabled later if an operator is changing it, because a record does not wait", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    await attempt(endpoint, ["fails"]);
    await age("6 days");
    const operator = await openSession(t, database.url);
    await operator.query("begin");
    await operator.query("select from postrider.endpoint for update");
    await attempt(endpoint, ["fails"]);
    await operator.query("rollback");
    assert.equal(await stateOf(endpoint), "active");
    await attempt(endpoint, ["fails"]);
    assert.equal(await stateOf(endpoint), "disabled");
  });

  for (const [value, message] of [
    ["30 s", /"disable_after is between 1 minute and 1 year"/],
    ["-1 days", /"disable_after is between 1 minute and 1 year"/],
    ["soon", /the option disable_after cannot be "soon"/],
  ] as const) {
    test(`cannot have a disable_after of ${value}`, async () => {
      await assert.rejects(createEndpoint(database.pool, [], { options: { disable_after: value } }), { message });
    });
  }
});

test("the health of all endpoints is read without reading any deliveries", async () => {
  const plan = JSON.stringify(
    await askFor(
      database.pool,
      "explain (format json) select endpoint_id, failing_since from postrider.endpoint_health",
    ),
  );
  const relations = [...plan.matchAll(/"Relation Name":"(\w+)"/g)].map(([, name]) => name);
  assert.deepEqual(relations.toSorted(), ["endpoint", "endpoint_failure"]);
});
