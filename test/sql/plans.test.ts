/**
 * The plans of what daemons execute, read while they are executed: which index serves each table, that nothing is
 * scanned or sorted whole, that of forty days one is looked at for each event, and how many pages that is.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, type TestContext, test } from "node:test";
import { statementText } from "../../src/db/sqlFiles.ts";
import { NEWEST } from "../plan.ts";
import { useDatabase } from "../support/database.ts";
import {
  addEndpoints,
  askFor,
  beat,
  type ClaimResult,
  claimEvents,
  createEndpoint,
  insertEvents,
  recordAll,
  reset,
  resultOf,
  rowsOf,
  type Session,
  subscribe,
  takeOverClaim,
  unguarded,
  walk,
} from "../support/engine.ts";
import { addAttempts, addDeliveries, addEvents, addPastDays, keepAutovacuumOut } from "../support/pastDays.ts";
import { describePlan, ExplainingSession, type Plan, pagesOf, partsOf } from "../support/plans.ts";
import { createPullEndpoint, fetchPage } from "../support/pulling.ts";
import { majorOfRun } from "../support/testServer.ts";

/** Older servers plan for fewer: the pages of an event tell one day from twenty as they do from forty, at half the time. */
const PAST_DAYS = (majorOfRun() ?? NEWEST) === NEWEST ? 33 : 12;
/** With today, the days ahead and the default partition. */
const PARTITIONS = PAST_DAYS + 9;
const EVENTS = 10_000;
/** How much waits behind a page that is fetched. */
const DEPTH = 100_000;
/** Of each page, walk and flush. */
const PAGE = 100;
/** A descent in each partition's index, and one more for stragglers, or because a window that has just ended begins a second. */
const CLAIM_PAGES_MAX = 2 * 3 * PARTITIONS + 10 * PAGE;
/** A step of the walk: where the next endpoint begins, and what is due of it. */
const WALK_STEP_PAGES_MAX = 2 * 3 * PARTITIONS;
/** Of an ordered endpoint, and how many deliveries of each are leased together. */
const KEYS = 20;
const RUN = 3;
/** A probe for the first deliveries of a key: a descent in each partition's small index. */
const KEY_PAGES_MAX = 2 * PARTITIONS;
/** Of a page of a pull endpoint that gives places to its deliveries or acknowledges them: it looks four times where one begins. */
const FETCH_PAGES_MAX = 2 * WALK_STEP_PAGES_MAX + 40 * PAGE;
const SORTED_ROWS_MAX = 2 * PAGE;
/** Of one that reads hardly anything. */
const SMALL_PAGES_MAX = 20;

/** Settings that a server may have. The functions pin what would change their plans; the rest must not matter. */
const SERVER_SETTINGS = [
  "random_page_cost = 1.1",
  "jit = on",
  "jit_above_cost = 0",
  "enable_partitionwise_join = on",
  "enable_partitionwise_aggregate = on",
  "work_mem = '64kB'",
];

/** For a test that takes half a minute on a machine that does nothing else. */
const LONG = { timeout: 600_000 };

const database = useDatabase({ server: "alone" });

/** As if nothing had ever been in the tables, to the planner too. */
beforeEach(async () => {
  const { pool } = database;
  await addPastDays(pool, PAST_DAYS);
  await keepAutovacuumOut(pool);
  await pool.query("truncate postrider.outbox, postrider.delivery, postrider.other_attempt");
  await pool.query(
    "delete from pg_statistic s using pg_class c where c.oid = s.starelid and c.relnamespace = 'postrider'::regnamespace",
  );
  await reset(pool);
});

describe("what daemons execute reads by index, in each of forty days what it needs, and sorts no more than a page", () => {
  test("on empty tables, and in the same session once they are large", async (t) => {
    const endpoints = await addThreeEndpoints();
    const session = await ExplainingSession.open(t, database.url);
    await insertEvents(database.pool, "day.passed", 8 * PAGE);
    await assertPlans(t, session, endpoints);
    await load(endpoints);
    // Nothing has told the session that its plans are old.
    await assertPlans(t, session, endpoints);
  });

  test("on large tables that were analysed while they were empty", async (t) => {
    await database.pool.query("analyze");
    const endpoints = await addThreeEndpoints();
    await load(endpoints);
    await assertPlansOfAllModes(t, endpoints);
  });

  test("on large tables that were never analysed", async (t) => {
    const endpoints = await addThreeEndpoints();
    await load(endpoints);
    await assertPlansOfAllModes(t, endpoints);
  });

  test("on large tables, on servers with other settings, and with statistics of tens of millions", LONG, async (t) => {
    const { pool, url } = database;
    const endpoints = await addThreeEndpoints();
    await load(endpoints);
    await pool.query("analyze");
    await assertPlansOfAllModes(t, endpoints);
    await assertPlans(t, await ExplainingSession.open(t, url, SERVER_SETTINGS), endpoints);
    await pool.query(`
      update pg_class set reltuples = reltuples * 1000
      where relnamespace = 'postrider'::regnamespace and relname ~ '^(outbox|delivery|other_attempt)_' and reltuples > 0`);
    await assertPlansOfAllModes(t, endpoints);
  });
});

test("a page of a pull endpoint costs the same at any depth, and the walk nothing for what waits there", async (t) => {
  const { pool, url } = database;
  const [endpoint, other] = [await createPullEndpoint(pool, []), await createPullEndpoint(pool, [])];
  await addEvents(pool, "day.passed", 2 * PAGE, PAST_DAYS);
  const session = await ExplainingSession.open(t, url);
  const costs: number[] = [];
  for (const [id, depth] of [
    [other, 0],
    [endpoint, DEPTH],
  ] as const) {
    // The first and the last page are of events that exist; what is between them costs the same without.
    await pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, pull_place)
       select case when n <= 2 * $3 then (select o.id from postrider.outbox o order by o.id offset n - 1 limit 1) else postrider.uuid_v7() end,
              $1, 'pending', now() - interval '1 day' + n * interval '1 ms', null, null
       from generate_series(1, 2 * $3 + $2) n`,
      [id, depth, PAGE],
    );
    const first = await session.explain((client) => fetchPage(client, id, null, { eventsMax: PAGE }));
    assert.equal(first.result.events.length, PAGE);
    const second = await session.explain((client) => fetchPage(client, id, first.result.next, { eventsMax: PAGE }));
    assert.equal(second.result.events.length, PAGE);
    costs.push(pagesOf(second.plans));
    assert.deepEqual([...first.plans, ...second.plans].flatMap(faultsOf), []);
  }
  t.diagnostic(`pages: ${costs.join(", ")}`);
  assert.ok((costs[1] ?? 0) <= 1.5 * (costs[0] ?? 0), `${costs}`);
  const walked = await session.explain((client) => walk(client));
  assert.deepEqual(walked.result.leased, []);
  assert.ok(pagesOf(walked.plans) <= 3 * WALK_STEP_PAGES_MAX, describePlans(walked.plans));
});

test("routing looks up the rules of an event's own patterns, also in a session that began with a few rules", async (t) => {
  const { pool, url } = database;
  const endpoint = await createEndpoint(pool, ["order.paid"]);
  const session = await ExplainingSession.open(t, url);
  const claimOne = async () => {
    await insertEvents(pool, "order.paid", 1);
    return session.explain((client) => claimEvents(client));
  };
  await claimOne();
  await addEndpoints(pool, 5_000, "'other.type' || row_number() over ()");
  const { result, plans } = await claimOne();
  assert.deepEqual(
    result.pairs.map((pair) => pair.endpoint),
    [endpoint],
  );
  const routing = plans.filter(({ root }) => partsOf(root).some(({ relation }) => relation === "subscription"));
  assert.equal(routing.length, 1);
  assert.ok(pagesOf(routing) <= 20, describePlans(routing));
});

interface Endpoints {
  readonly plain: string;
  readonly filtered: string;
  /** Has nothing but old deliveries. */
  readonly busy: string;
}

async function addThreeEndpoints(): Promise<Endpoints> {
  const { pool } = database;
  const plain = await createEndpoint(pool, ["day.passed"]);
  const filtered = await createEndpoint(pool, []);
  await subscribe(pool, filtered, "day.*", "$.amount > 1");
  return { plain, filtered, busy: await createEndpoint(pool, []) };
}

/** Events that wait to be claimed, and as many old ones with their deliveries and attempts; a third of them are due. */
async function load({ busy }: Endpoints): Promise<void> {
  const { pool } = database;
  await addEvents(pool, "day.delivered", EVENTS, PAST_DAYS);
  await addDeliveries(pool, "day.delivered", busy, 1 / 3);
  await addAttempts(pool, busy);
  await unguarded(
    pool,
    "delete from postrider.claim; insert into postrider.claim (base) values (pg_current_snapshot())",
  );
  await addEvents(pool, "day.passed", EVENTS, PAST_DAYS);
}

/** With the functions' own setting, and with one that has each plan made for its values. */
async function assertPlansOfAllModes(t: TestContext, endpoints: Endpoints): Promise<void> {
  const { pool, url } = database;
  for (const mode of ["force_generic_plan", "force_custom_plan"]) {
    await pool.query(`
      do $set$
      declare
        hot regprocedure;
      begin
        for hot in
          select p.oid from pg_proc p
          where p.pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and array_to_string(p.proconfig, ',') like '%plan_cache_mode=%'
        loop
          execute format('alter function %s set plan_cache_mode = ${mode}', hot);
        end loop;
      end $set$`);
    await assertPlans(t, await ExplainingSession.open(t, url, [`plan_cache_mode = ${mode}`]), endpoints);
  }
}

/** One step of a daemon's work. */
interface Step<Result> {
  readonly name: string;
  /** Pages that it may read. */
  readonly pagesMax: number;
  readonly work: (session: Session) => Promise<Result>;
  /** Whether its pages count, which is so unless this says otherwise. */
  readonly isWhole?: (result: Result) => boolean;
}

/** The first pass makes the plans. If the second reads too much, the third counts: the catalog may have been read again. */
const PASSES_MAX = 3;

/** All that a daemon does with a page of events, on a session that tells its plans. */
async function assertPlans(t: TestContext, session: ExplainingSession, endpoints: Endpoints): Promise<void> {
  const cheapest = new Map<string, { readonly pages: number; readonly pagesMax: number; readonly plans: Plan[] }>();
  const isCheap = () => [...cheapest.values()].every(({ pages, pagesMax }) => pages <= pagesMax);
  for (let pass = 1; pass <= 2 || (pass <= PASSES_MAX && !isCheap()); pass++) {
    await work(endpoints, async ({ name, pagesMax, work, isWhole = () => true }) => {
      const { result, plans } = await session.explain(work);
      const faults = plans.flatMap(faultsOf);
      if (faults.length > 0) assert.fail(`${faults.join("; ")}: ${name}\n${describePlans(plans)}`);
      const pages = pagesOf(plans);
      if (pass > 1 && isWhole(result) && pages < (cheapest.get(name)?.pages ?? Number.POSITIVE_INFINITY)) {
        cheapest.set(name, { pages, pagesMax, plans });
      }
      return result;
    });
  }
  for (const [name, { pages, pagesMax, plans }] of cheapest) {
    t.diagnostic(`${name}: ${pages} pages`);
    if (pages > pagesMax) assert.fail(`${pages} pages, and at most ${pagesMax}: ${name}\n${describePlans(plans)}`);
  }
}

/** How many pages may end early, even on a machine that is busy with other tests. */
const EARLY_ENDS_MAX = 50;

/** A page ends early if judging takes longer than it should, as it may while each statement tells its plan. Then asks for the next. */
async function claimWhole(
  daemon: string,
  claim: (isWhole: (claimed: ClaimResult) => boolean) => Promise<ClaimResult>,
): Promise<ClaimResult> {
  const isWhole = ({ eventCount }: ClaimResult) => eventCount === PAGE;
  for (let ends = 0; ends <= EARLY_ENDS_MAX; ends++) {
    const claimed = await claim(isWhole);
    if (isWhole(claimed)) {
      return claimed;
    }
    // So that pages that end early do not use up the events. One that ends before its first event has no claim.
    await insertEvents(database.pool, "day.passed", PAGE);
    if (claimed.claim !== null) {
      const first = claimed.pairs.map((pair) => resultOf(pair));
      await recordAll(database.pool, daemon, { first, finished: [claimed.claim] });
    }
  }
  return assert.fail(`${EARLY_ENDS_MAX} pages ended early`);
}

type RunStep = <Result>(step: Step<Result>) => Promise<Result>;

async function work({ plain, busy }: Endpoints, run: RunStep): Promise<void> {
  const { pool } = database;
  const [daemon, gone] = [randomUUID(), randomUUID()];
  await run({ name: "beat", pagesMax: SMALL_PAGES_MAX, work: (session) => beat(session, daemon) });
  const claimed = await claimWhole(daemon, (isWhole) =>
    run({
      name: "claim",
      pagesMax: CLAIM_PAGES_MAX,
      work: (session) => claimEvents(session, { daemon, events: PAGE }),
      isWhole,
    }),
  );
  const first = claimed.pairs.map((pair) => resultOf(pair));
  const finished = [claimed.claim ?? ""];
  const { epoch } = await recordAll(pool, daemon, { first: [] });
  await run({
    name: "record",
    pagesMax: 5 * PAGE,
    work: (session) => recordAll(session, daemon, { first, finished, epochs: [epoch] }),
  });
  await run({
    name: "record what is recorded, after a crash of Postgres",
    pagesMax: 16 * PAGE,
    work: (session) => recordAll(session, daemon, { first, finished, isRepeat: true }),
  });

  await claimWhole(gone, () => claimEvents(pool, { daemon: gone, events: PAGE }));
  const claims = Number(await askFor(pool, "select count(*) from postrider.claim where cardinality(event_ids) > 0"));
  const taken = await run({
    name: "take over",
    // It looks at those that are recorded before it finds this one.
    pagesMax: (6 + 8 * claims) * PAGE,
    work: (session) => takeOverClaim(session, daemon),
  });
  assert.equal(taken?.pairs.length, PAGE);

  await fillQueue(plain);
  const nowhere = "00000000-0000-0000-0000-000000000000";
  for (const [name, values] of Object.entries({
    measure_waiting: [nowhere, nowhere, PAGE],
    measure_endpoints: [[plain, busy], PAGE],
    measure_figures: [PAGE],
  })) {
    await run({
      name,
      // What ended lately is still in the index.
      pagesMax: 2 * WALK_STEP_PAGES_MAX + 40 * PAGE,
      work: (session) => session.query(statementText(name), values),
    });
  }
  const { leased } = await run({
    name: "walk",
    pagesMax: 3 * WALK_STEP_PAGES_MAX + 70 * PAGE,
    work: (session) => walk(session, { daemon, deliveries: 2 * PAGE, share: PAGE }),
  });
  assert.ok(leased.length >= PAGE);
  await pool.query('update postrider.endpoint set payload = \'{"a": "$.amount"}\' where id = $1', [plain]);
  await run({
    name: "transform",
    pagesMax: 40 * leased.length,
    work: (session) =>
      session.query(statementText("transform_deliveries"), [
        daemon,
        leased.map((pair) => pair.event),
        leased.map((pair) => pair.endpoint),
        32_768,
        false,
      ]),
  });
  await pool.query("update postrider.endpoint set payload = null where id = $1", [plain]);
  await run({
    name: "record leased",
    pagesMax: 30 * leased.length,
    work: (session) => recordAll(session, daemon, { later: leased.map((pair) => resultOf(pair)) }),
  });
  const events = claimed.pairs.slice(0, (2 * PAGE) / 5).map((pair) => pair.event);
  await walkWithBatches(busy, events, daemon, run);
  await walkWithLimits(busy, run);
  const others = claimed.pairs.map((pair) => pair.event).filter((event) => !events.includes(event));
  await walkOverKeys(busy, others.slice(0, KEYS * RUN), daemon, run);
  await fetchPages(
    claimed.pairs.map((pair) => pair.event),
    run,
  );
  await run({
    name: "discard",
    pagesMax: WALK_STEP_PAGES_MAX + 24 * PAGE,
    work: (session) => session.query("select postrider_internal.discard_deliveries($1, 'a test', $2)", [busy, PAGE]),
  });

  const stragglers = await asStragglers(5, () =>
    run({ name: "claim stragglers", pagesMax: CLAIM_PAGES_MAX, work: (session) => claimEvents(session, { daemon }) }),
  );
  assert.equal(stragglers.eventCount, 5);

  const [{ event } = { event: "" }] = claimed.pairs;
  for (const [name, values] of Object.entries({
    find_payload_sizes: [[event], true],
    load_payloads: [[event]],
    load_transformed: [[event], [plain]],
    find_payload: [plain, event],
    read_payload: [event, 0, 1_000],
    try_filters: [event, plain],
    find_state_changes: ["1:1:"],
  })) {
    await run({ name, pagesMax: SMALL_PAGES_MAX, work: (session) => session.query(statementText(name), values) });
  }
}

/** New batches, and those that have failed, of these events. */
async function walkWithBatches(
  endpoint: string,
  events: readonly string[],
  daemon: string,
  run: RunStep,
): Promise<void> {
  const { pool } = database;
  const size = events.length / 2;
  await pool.query("update postrider.endpoint set batch_size = $2 where id = $1", [endpoint, size]);
  // They are due before anything else.
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select event, $1, 'pending', '2000-01-01' from unnest($2::uuid[]) event`,
    [endpoint, events],
  );
  const take = (name: string) =>
    run({
      name,
      pagesMax: 10 * WALK_STEP_PAGES_MAX + 100 * events.length,
      work: (session) => walk(session, { daemon, deliveries: 2, share: 2, rooms: new Map([[endpoint, 2]]) }),
    });
  const { leased } = await take("walk with new batches");
  const batched = leased.filter(({ batch }) => batch !== null);
  assert.deepEqual([batched.length, new Set(batched.map(({ batch }) => batch)).size], [events.length, 2]);
  await recordAll(pool, daemon, {
    later: leased.map((one) =>
      resultOf(one, { outcome: "pending", wait: 0, batch: one.batch, attempts: one.attempts }),
    ),
  });
  await pool.query(
    "update postrider.delivery set next_attempt_at = '2000-01-01' where batch_id is not null and state = 'pending'",
  );
  const again = await take("walk with batches that have failed");
  const sentAgain = again.leased.filter(({ batch }) => batch !== null);
  assert.deepEqual(new Set(sentAgain.map(({ batch }) => batch)), new Set(batched.map(({ batch }) => batch)));
  await recordAll(pool, daemon, {
    later: again.leased.map((one) => resultOf(one, { batch: one.batch, attempts: one.attempts })),
  });
  await pool.query("update postrider.endpoint set batch_size = 1 where id = $1", [endpoint]);
}

/** What an endpoint's limits allow, and then past the endpoint, whose limits are reached. */
async function walkWithLimits(endpoint: string, run: RunStep): Promise<void> {
  const { pool } = database;
  await pool.query(
    "update postrider.endpoint set max_in_flight = 1000, rate_limit = 0.01, rate_burst = 10 where id = $1",
    [endpoint],
  );
  await pool.query("update postrider.endpoint_pace set unsettled_since = null, spent_until = now()");
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), $1, 'pending', '2000-01-01' from generate_series(1, 20)`,
    [endpoint],
  );
  const rooms = new Map([[endpoint, PAGE]]);
  const { leased } = await run({
    name: "walk with limits",
    pagesMax: 6 * WALK_STEP_PAGES_MAX + 7 * PAGE,
    work: (session) => walk(session, { share: 0, rooms }),
  });
  assert.equal(leased.length, 10);
  const past = await run({
    name: "walk past limits",
    pagesMax: 5 * WALK_STEP_PAGES_MAX,
    work: (session) => walk(session, { share: 0, rooms }),
  });
  assert.equal(past.leased.length, 0);
  await pool.query("update postrider.endpoint set max_in_flight = null, rate_limit = null where id = $1", [endpoint]);
}

/** Runs of many keys and the rest of the room for what has no key, and then past keys of which everything waits. */
async function walkOverKeys(endpoint: string, events: readonly string[], daemon: string, run: RunStep): Promise<void> {
  const { pool } = database;
  await pool.query("update postrider.endpoint set ordered = true where id = $1", [endpoint]);
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, ordering_key, ordering_seq)
     select event, $1, 'pending', '2000-01-01', 'account ' || n % $3, n from unnest($2::uuid[]) with ordinality l (event, n)`,
    [endpoint, events, KEYS],
  );
  // What stands behind the first ones of one key is neither read nor sorted.
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, ordering_key, ordering_seq)
     select postrider.uuid_v7(), $1, 'pending', '2000-01-01', 'account 0', 1000 + n from generate_series(1, $2) n`,
    [endpoint, 10 * PAGE],
  );
  const take = (name: string, pagesMax: number) =>
    run({
      name,
      pagesMax,
      work: (session) =>
        walk(session, { daemon, deliveries: 2 * PAGE, share: 0, rooms: new Map([[endpoint, KEYS * RUN]]) }),
    });
  const { leased } = await take("walk over keys", 2 * KEYS * KEY_PAGES_MAX + 70 * PAGE);
  assert.equal(leased.filter(({ event }) => events.includes(event)).length, events.length);
  const past = await take("walk past keys in progress", KEYS * KEY_PAGES_MAX + 60 * PAGE);
  assert.ok(past.leased.every(({ event }) => !events.includes(event)));
  await pool.query(
    `update postrider.delivery set next_attempt_at = '2000-01-01', lease_expires_at = '2000-01-01'
     where endpoint_id = $1 and leased_by is not null and ordering_key is not null`,
    [endpoint],
  );
  const again = await take("walk over keys whose leases have ended", 3 * KEYS * KEY_PAGES_MAX + 80 * PAGE);
  assert.equal(again.leased.filter(({ event }) => events.includes(event)).length, events.length);
  const all = new Map([...leased, ...past.leased, ...again.leased].map((one) => [one.event, one]));
  await recordAll(pool, daemon, {
    later: [...all.values()].map((one) => resultOf(one, { attempts: one.attempts })),
  });
  await pool.query("update postrider.endpoint set ordered = false where id = $1", [endpoint]);
  await run({
    name: "walk over what is no longer in order",
    pagesMax: 160 * PAGE,
    work: (session) => walk(session, { daemon, deliveries: 2, share: 2 }),
  });
  await pool.query(
    "delete from postrider.delivery where endpoint_id = $1 and state = 'pending' and next_attempt_at = '2000-01-01'",
    [endpoint],
  );
}

/** Commits events that the cursor has passed while their transaction was open; then puts the cursor back. */
async function asStragglers<Result>(count: number, claim: () => Promise<Result>): Promise<Result> {
  const { pool } = database;
  const writer = await pool.connect();
  try {
    await writer.query("begin");
    await insertEvents(writer, "day.passed", count);
    const cursor = await newestClaim();
    await pool.query("insert into postrider.claim (base) values (pg_current_snapshot())");
    await writer.query("commit");
    const result = await claim();
    await pool.query(
      "insert into postrider.claim (base, target, after_xid, after_seq, aside_xids, aside_seqs) values ($1, $2, $3, $4, $5, $6)",
      cursor,
    );
    return result;
  } finally {
    writer.release();
  }
}

async function newestClaim(): Promise<unknown[]> {
  const [row] = await rowsOf(
    database.pool,
    "select base, target, after_xid, after_seq, aside_xids::text, aside_seqs::text from postrider.claim order by id desc limit 1",
  );
  return Object.values(row ?? {});
}

/** What a receiver fetches of a pull endpoint: a page, and the next one, which acknowledges it. */
async function fetchPages(events: readonly string[], run: RunStep): Promise<void> {
  const { pool } = database;
  const endpoint = await createPullEndpoint(pool, []);
  await pool.query(
    "insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) select unnest($2::uuid[]), $1, 'pending', now()",
    [endpoint, events],
  );
  const { next } = await run({
    name: "fetch",
    pagesMax: FETCH_PAGES_MAX,
    work: (session) => fetchPage(session, endpoint, null, { eventsMax: PAGE }),
    isWhole: (page) => page.events.length === PAGE,
  });
  await run({
    name: "acknowledge",
    pagesMax: FETCH_PAGES_MAX,
    work: (session) => fetchPage(session, endpoint, next),
  });
  await run({
    name: "find what can be fetched",
    pagesMax: 2 * WALK_STEP_PAGES_MAX,
    work: (session) => session.query(statementText("find_fetchable"), [[endpoint], [next]]),
  });
  await pool.query("select postrider.delete_endpoint($1)", [endpoint]);
}

/** A page of deliveries that are due, of events of today. */
async function fillQueue(endpoint: string): Promise<void> {
  await database.pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select postrider.uuid_v7(), $1, 'pending', now() from generate_series(1, $2)`,
    [endpoint, PAGE],
  );
}

const BY_INDEX = new Set(["Index Scan", "Index Only Scan"]);
const WRITES = new Set(["ModifyTable"]);

/** Where a statement reads a large table other than by an index, or sorts more than its page. */
function faultsOf(plan: Plan): string[] {
  return partsOf(plan.root)
    .filter(({ loops }) => loops > 0)
    .flatMap(({ type, relation, rows }) => {
      if (type.endsWith("Sort") && rows > SORTED_ROWS_MAX) return [`${rows} rows are sorted`];
      const isLarge = relation !== null && /^(outbox|delivery|other_attempt|claim)(_|$)/.test(relation);
      return isLarge && !BY_INDEX.has(type) && !WRITES.has(type) ? [`${type} of ${relation}`] : [];
    });
}

function describePlans(plans: readonly Plan[]): string {
  return plans.map(describePlan).join("\n");
}
