/**
 * Many operators work on the same few endpoints at once while daemons deliver. Nothing deadlocks, no delivery is lost, and
 * no cancelled delivery comes back. A printed seed decides what each operator does; POSTRIDER_TEST_SEED repeats that, but
 * not how the sessions interleave.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import pg from "pg";
import { Random } from "../chaos/random.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvents, openSession, rowsOf, type Session } from "../support/engine.ts";
import { type Answer, OK, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const OPERATORS = 8;
const ACTIONS_EACH = 110;
/** Events are written while operators act, up to this many. */
const EVENTS_MAX = 2_000;
const BATCH_EVENTS_MAX = 40;
/** How many deliveries the writers may be ahead of the receivers. */
const AHEAD_MAX = 250;
const DEADLINE_MS = 60_000;

/** Errors that an operator may get while others act on the same endpoint: it is gone, disabled, in flight, or has ten secrets. */
const EXPECTED_ERRORS: ReadonlySet<string> = new Set([
  "P0002", // there is no endpoint, subscription or delivery
  "55000", // the endpoint is disabled
  "55006", // the delivery is in flight
  "54000", // ten secrets in force
  "55P03", // an edit of secrets by hand does not wait
  "23503", // the endpoint of a new subscription or secret went meanwhile
]);

const database = useDatabase();
let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());

/** A place for successive endpoints. At a volatile site the endpoint gets disabled, and deleted and created again. */
interface Site {
  readonly name: string;
  readonly isVolatile: boolean;
  /** Succeeded deliveries are replayed now and then, that is sent again whatever was requested before. */
  readonly isReplayed: boolean;
  endpointId: string;
}

interface Cancelled {
  /** What cancel returned; null until then. */
  returned: string | null;
  /** The time of its commit, by `performance.now()`. */
  atMs: number;
}

class Record {
  readonly cancelled = new Map<string, Cancelled>();
  readonly redelivered = new Set<string>();
  /** Functions that were called and committed. */
  readonly calls = new Map<string, number>();
  readonly errors: string[] = [];
  /** The site of every endpoint that ever existed. */
  readonly siteOf = new Map<string, Site>();
}

test("operators who pause, resume, disable, delete, replay, cancel, redeliver, rotate and edit at once never deadlock, and never lose or revive a delivery", {
  timeout: DEADLINE_MS * 2,
}, async (t) => {
  const seed = process.env.POSTRIDER_TEST_SEED ?? randomBytes(4).toString("hex");
  t.diagnostic(`POSTRIDER_TEST_SEED=${seed}`);
  const random = new Random(seed);
  const record = new Record();
  const sites: Site[] = [];
  for (const [name, isVolatile, isReplayed] of [
    ["calm", false, false],
    ["busy", false, true],
    ["shaky", true, false],
    ["moving", true, true],
  ] as const) {
    const site = { name, isVolatile, isReplayed, endpointId: "" };
    scriptOf(site, random.fork(`receiver ${name}`));
    sites.push(site);
    await makeEndpoint(database.pool, site, record);
  }
  const daemons = [await startDaemon(database.url), await startDaemon(database.url)];
  t.after(() => Promise.all(daemons.map(({ daemon }) => daemon.stop())));

  let isActing = true;
  const events: string[] = [];
  const writing = (async () => {
    const draw = random.fork("writer");
    const session = await openSession(t, database.url);
    while (isActing && events.length < EVENTS_MAX) {
      events.push(...(await insertEvents(session, "order.paid", draw.integer(1, BATCH_EVENTS_MAX))));
      await until(
        "the receivers keep up",
        () => !isActing || events.length - arrivedAt(sites) < AHEAD_MAX,
        DEADLINE_MS,
      );
    }
  })();
  const operating = Array.from({ length: OPERATORS }, async (_, index) => {
    const session = await openSession(t, database.url);
    const draw = random.fork(`operator ${index}`);
    for (let count = 0; count < ACTIONS_EACH; count++) {
      await act(session, draw, sites, record);
    }
  });
  await Promise.all(operating).finally(() => {
    isActing = false;
  });
  await writing;
  assert.deepEqual(record.errors, []);

  await database.pool.query("select postrider.resume_endpoint(id) from postrider.endpoint where state = 'paused'");
  await until("nothing is left to do", async () => (await unfinished()) === 0, DEADLINE_MS);
  await Promise.all(daemons.map(({ daemon }) => daemon.stop()));
  for (const { emitted } of daemons) {
    assert.deepEqual(
      [...emitted.named("record.failed"), ...emitted.named("claim.failed"), ...emitted.named("postgres.lost")],
      [],
    );
  }
  // On a very busy machine a daemon may lose its lease. What it then records is kept as fact and decides nothing.
  const leasesLost = daemons.reduce((sum, { emitted }) => sum + emitted.named("daemon.lease_lost").length, 0);
  const kinds = await judge(events, sites, record, leasesLost === 0);
  t.diagnostic(
    `${events.length} events; ${record.cancelled.size} cancels; ${leasesLost} leases lost; ${JSON.stringify(Object.fromEntries(record.calls))}; ${JSON.stringify(kinds)}`,
  );
});

/** Answers after a delay, and every fifth time with an error, at every path that the site's URLs have had. */
function scriptOf(site: Site, draw: Random): void {
  const answer = (): Answer => {
    const delayMs = draw.integer(0, 60);
    return draw.chance(0.2)
      ? { ...status(500), kind: "status", status: 500, delayMs }
      : { ...OK, kind: "status", status: 200, delayMs };
  };
  for (const path of pathsOf(site)) receiver.script(path, answer);
}

function pathsOf({ name }: Site): string[] {
  return [`/${name}/a`, `/${name}/b`];
}

function requestsAt(site: Site) {
  return pathsOf(site).flatMap((path) => receiver.requests(path));
}

/** The count of the furthest site, so that a paused site does not hold up the writers unless all are paused. */
function arrivedAt(sites: readonly Site[]): number {
  return Math.max(...sites.map((site) => requestsAt(site).length));
}

async function makeEndpoint(session: Session, site: Site, record: Record): Promise<void> {
  const id = await askFor(session, "select endpoint_id from postrider.create_endpoint($1, '{*}', '', $2)", [
    receiver.url(`/${site.name}/a`),
    JSON.stringify({ retry_schedule: ["10 ms", "50 ms", "200 ms"] }),
  ]);
  site.endpointId = String(id);
  record.siteOf.set(site.endpointId, site);
}

/** One action on one endpoint, or two in one transaction, which must not deadlock either. Some are rolled back. */
async function act(session: pg.Client, draw: Random, sites: readonly Site[], record: Record): Promise<void> {
  const site = draw.pick(sites);
  const isRolledBack = draw.chance(0.1);
  const isPair = draw.chance(0.2);
  // Requests for a delivery and new endpoints are not rolled back, because the record must know what exists.
  const actions = isPair || isRolledBack ? pickEdits(draw, site, isPair ? 2 : 1) : [pickAny(draw, site, record)];
  try {
    await session.query("begin");
    for (const each of actions) await each.act(session, site.endpointId, draw);
    await session.query(isRolledBack ? "rollback" : "commit");
    if (!isRolledBack) {
      for (const { name, isCall } of actions) {
        if (isCall === true) record.calls.set(name, (record.calls.get(name) ?? 0) + 1);
      }
    }
  } catch (thrown) {
    await session.query("rollback");
    if (!(thrown instanceof pg.DatabaseError && EXPECTED_ERRORS.has(thrown.code ?? ""))) {
      record.errors.push(`${site.name}, ${actions.map(({ name }) => name).join(", then ")}: ${describeError(thrown)}`);
    }
  }
}

function describeError(thrown: unknown): string {
  return thrown instanceof pg.DatabaseError
    ? `${thrown.code} ${thrown.message} (${thrown.detail}; ${thrown.where})`
    : String(thrown);
}

type Act = (session: pg.Client, endpoint: string, draw: Random) => Promise<unknown>;

const call =
  (name: string): Act =>
  (session, endpoint) =>
    session.query(`select postrider.${name}($1)`, [endpoint]);
const edit =
  (text: string): Act =>
  (session, endpoint) =>
    session.query(text, [endpoint]);

interface Action {
  readonly name: string;
  readonly act: Act;
  /** Whether each call of this function leaves a row of this name in the audit. */
  readonly isCall?: true;
  readonly isForVolatile?: true;
  readonly isLast?: true;
}

const EDITS: readonly Action[] = [
  { name: "pause_endpoint", act: call("pause_endpoint"), isCall: true },
  { name: "resume_endpoint", act: call("resume_endpoint"), isCall: true },
  { name: "resume_endpoint", act: call("resume_endpoint"), isCall: true },
  {
    name: "rotate_secret",
    act: (session, endpoint, draw) =>
      session.query("select postrider.rotate_secret($1, $2)", [endpoint, draw.pick(["0", "1 s", "1 hour"])]),
    isCall: true,
  },
  {
    name: "subscribe",
    act: (session, endpoint) => session.query("select postrider.subscribe($1, 'order.*', '$.a > 1')", [endpoint]),
    isCall: true,
  },
  {
    name: "unsubscribe",
    act: (session, endpoint) =>
      session.query(
        "select postrider.unsubscribe(id) from (select id from postrider.subscription where endpoint_id = $1 and filter is not null limit 1) s",
        [endpoint],
      ),
  },
  {
    name: "edit the url",
    act: (session, endpoint, draw) =>
      session.query("update postrider.endpoint set url = regexp_replace(url, '[ab]$', $2) where id = $1", [
        endpoint,
        draw.pick(["a", "b"]),
      ]),
  },
  {
    name: "edit the headers",
    act: (session, endpoint, draw) =>
      session.query("update postrider.endpoint set headers = jsonb_build_object('x-n', $2::text) where id = $1", [
        endpoint,
        String(draw.integer(1, 100)),
      ]),
  },
  {
    name: "edit the secrets",
    act: edit(
      "update postrider.endpoint_secret set expires_at = now() + interval '1 min' where endpoint_id = $1 and expires_at is not null",
    ),
  },
  {
    name: "edit the signing",
    act: (session, endpoint, draw) =>
      session.query("update postrider.endpoint set signing = $2 where id = $1", [
        endpoint,
        draw.pick(["hmac", "both"]),
      ]),
  },
  {
    name: "edit the subscriptions",
    act: edit("update postrider.subscription set filter = '$.a > 2' where endpoint_id = $1 and filter is not null"),
    isLast: true,
  },
  {
    name: "edit the state",
    act: edit(
      "update postrider.endpoint set state = 'paused', state_reason = 'by hand' where id = $1 and state = 'active'",
    ),
  },
  {
    name: "edit it back",
    act: edit("update postrider.endpoint set state = 'active' where id = $1 and state = 'paused'"),
  },
  { name: "disable_endpoint", act: call("disable_endpoint"), isCall: true, isForVolatile: true },
  { name: "enable_endpoint", act: call("enable_endpoint"), isCall: true, isForVolatile: true },
  { name: "enable_endpoint", act: call("enable_endpoint"), isCall: true, isForVolatile: true },
];

function pickAny(draw: Random, site: Site, record: Record): Action {
  const kind = draw.next();
  if (kind < 0.35) {
    return { name: "cancel", act: (session, endpoint) => cancelOne(session, draw, endpoint, record) };
  }
  if (kind < 0.45) {
    return { name: "redeliver", act: (session, endpoint) => redeliverOne(session, endpoint, record) };
  }
  if (kind < 0.48 && site.isVolatile) {
    return { name: "delete", act: (session, endpoint) => replaceEndpoint(session, endpoint, site, record) };
  }
  if (kind < 0.54 && site.isReplayed) {
    return { name: "replay", act: replaySome, isCall: true };
  }
  if (kind < 0.58 && site.isReplayed) {
    return { name: "cancel_replay", act: cancelSomeReplay };
  }
  return pickEdits(draw, site, 1)[0] ?? assert.fail("there is nothing to do");
}

async function replaySome(session: pg.Client, endpoint: string, draw: Random): Promise<void> {
  const since = `${draw.integer(1, 10)} s`;
  // Cancelled and exhausted deliveries are not requested again, so they must not come back.
  await session.query("select postrider.replay($1, now() - $2::interval, states => '{succeeded}')", [endpoint, since]);
}

async function cancelSomeReplay(session: pg.Client, endpoint: string): Promise<void> {
  await session.query(
    `select postrider.cancel_replay(r.id)
     from (select id from postrider.replay where endpoint_id = $1 and finished_at is null order by random() limit 1) r`,
    [endpoint],
  );
}

/** An edit by hand locks the subscription's row before the endpoint's, so it must come last. */
function pickEdits(draw: Random, site: Site, count: number): Action[] {
  const possible = EDITS.filter((action) => site.isVolatile || action.isForVolatile !== true);
  const picked = Array.from({ length: count }, () => draw.pick(possible));
  return picked.toSorted((one, other) => Number(one.isLast ?? false) - Number(other.isLast ?? false));
}

async function replaceEndpoint(session: pg.Client, endpoint: string, site: Site, record: Record): Promise<void> {
  await session.query("delete from postrider.endpoint where id = $1", [endpoint]);
  // The second of two operators finds nothing to delete.
  if (site.endpointId === endpoint) await makeEndpoint(session, site, record);
}

async function cancelOne(session: pg.Client, draw: Random, endpoint: string, record: Record): Promise<void> {
  const event = await askFor(
    session,
    draw.chance(0.5)
      ? "select event_id from postrider.in_flight where endpoint_id = $1 order by random() limit 1"
      : "select event_id from postrider.delivery where endpoint_id = $1 and state = 'pending' order by next_attempt_at desc limit 1",
    [endpoint],
  );
  const pair = `${event} ${endpoint}`;
  if (event === undefined || record.redelivered.has(pair)) return;
  const cancelled: Cancelled = record.cancelled.get(pair) ?? { returned: null, atMs: Number.POSITIVE_INFINITY };
  record.cancelled.set(pair, cancelled);
  const returned = String(await askFor(session, "select postrider.cancel($1, $2)", [event, endpoint]));
  await session.query("commit; begin");
  // The first answer counts, because a later one only reports its result.
  if (cancelled.returned === null) {
    cancelled.returned = returned;
    cancelled.atMs = performance.now();
  }
}

async function redeliverOne(session: pg.Client, endpoint: string, record: Record): Promise<void> {
  const event = await askFor(
    session,
    "select event_id from postrider.delivery where endpoint_id = $1 and state <> 'pending' order by random() limit 1",
    [endpoint],
  );
  const pair = `${event} ${endpoint}`;
  if (event === undefined || record.cancelled.has(pair)) return;
  record.redelivered.add(pair);
  await session.query("select postrider.redeliver($1, $2)", [event, endpoint]);
}

/** All remaining work and clean-up. The claim that is the cursor keeps its pairs until the next claim. */
function unfinished(): Promise<number> {
  return askFor(
    database.pool,
    `select (select count(*) from postrider.delivery where state = 'pending')
          + (select count(*) from postrider.in_flight) + (select count(*) from postrider.cancellation)
          + (select count(*) from postrider.replay where finished_at is null)
          + (select coalesce(sum(pending), 0) from postrider.backlog where endpoint_id is null)`,
  ).then(Number);
}

interface Final {
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly state: string;
  readonly reason: string | null;
  /** How each recorded attempt failed; null for a success. */
  readonly attempts: readonly (string | null)[];
}

async function judge(events: readonly string[], sites: readonly Site[], record: Record, everyResultDecides: boolean) {
  const finals = await rowsOf<Final>(
    database.pool,
    `select d.event_id, d.endpoint_id, d.state, d.reason,
            array(select a.failure_kind::text from postrider.attempt a
                  where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id) as attempts
     from postrider.delivery d`,
  );
  const byPair = new Map(finals.map((row) => [`${row.event_id} ${row.endpoint_id}`, row]));
  const requests = new Map<string, { readonly atMs: number; readonly answered: number | null }[]>();
  for (const site of sites) {
    for (const { id, atMs, answered } of requestsAt(site)) {
      const key = `${id} ${site.name}`;
      requests.set(key, [...(requests.get(key) ?? []), { atMs, answered }]);
    }
  }

  for (const { endpointId, isVolatile, name } of sites) {
    const lost = isVolatile ? [] : events.filter((event) => !byPair.has(`${event} ${endpointId}`));
    assert.deepEqual(lost, [], `${name} has no delivery of these events`);
  }
  const kinds: { [state: string]: number } = {};
  const attemptsAt = new Map<string, number>();
  for (const row of finals) {
    const pair = `${row.event_id} ${row.endpoint_id}`;
    const site = record.siteOf.get(row.endpoint_id);
    assert.ok(site !== undefined);
    const atSite = `${row.event_id} ${site.name}`;
    attemptsAt.set(atSite, (attemptsAt.get(atSite) ?? 0) + row.attempts.length);
    const cancelled = record.cancelled.get(pair);
    const kind = row.state === "discarded" ? String(row.reason).replace(/:.*$/, "") : row.state;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    switch (kind) {
      case "succeeded":
      case "exhausted":
        break;
      case "cancelled":
        assert.ok(cancelled !== undefined, `${pair} is cancelled, but no operator cancelled it`);
        break;
      case "the endpoint is disabled":
      case "the endpoint was deleted":
        assert.ok(site.isVolatile, `${pair}: ${row.reason}, but no operator did that`);
        break;
      default:
        assert.fail(`${pair} is ${row.state}: ${row.reason}`);
    }
    const sent = requests.get(atSite) ?? [];
    if (!site.isVolatile && !site.isReplayed && !record.redelivered.has(pair) && everyResultDecides) {
      // Only a recorded success counts as succeeded, whatever was requested meanwhile.
      const isAccepted = row.attempts.includes(null);
      const seen = JSON.stringify({ attempts: row.attempts, sent, cancelled });
      assert.equal(row.state === "succeeded", isAccepted, `${pair} is ${row.state}: ${seen}`);
      assert.ok(!isAccepted || sent.some(({ answered }) => answered === 200), `${pair} was not accepted: ${seen}`);
    }
    if (cancelled?.returned === "discarded" || cancelled?.returned === "pending") {
      const further = sent.filter(({ atMs }) => atMs > cancelled.atMs).length;
      const allowed = cancelled.returned === "pending" ? 1 : 0;
      assert.ok(
        site.isVolatile || site.isReplayed || further <= allowed,
        `${pair} was sent ${further} times after its cancel (${cancelled.returned})`,
      );
      if (cancelled.returned === "discarded") assert.equal(row.state, "discarded", `${pair} came back`);
    }
  }
  // Exactly the requests are recorded, at each site over its successive endpoints.
  for (const [atSite, attempts] of attemptsAt) {
    assert.equal(attempts, requests.get(atSite)?.length ?? 0, `attempts of ${atSite}`);
  }
  for (const atSite of requests.keys()) {
    assert.ok(attemptsAt.has(atSite), `${atSite} was sent and has no delivery`);
  }
  for (const [name, count] of record.calls) {
    const noted = await askFor(database.pool, "select count(*)::integer from postrider.audit where action = $1", [
      name,
    ]);
    // The end of the test resumed some itself.
    assert.ok(
      name === "resume_endpoint" ? Number(noted) >= count : noted === count,
      `${name}: ${count} calls, ${noted} rows`,
    );
  }
  return kinds;
}
