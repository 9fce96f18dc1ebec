/** What healthy endpoints get beside others that never answer, or that have a large backlog. */
import type { Client } from "pg";
import { Arrivals } from "./arrivals.ts";
import { Child } from "./child.ts";
import type { BenchOptions, Measures, Part, Trial } from "./part.ts";
import { createEndpoints, PAYLOAD } from "./workload.ts";
import { HEALTHY, HEALTHY_RATE, type Neighbour, World } from "./world.ts";

const START_MS_MAX = 60_000;
const COUNT_MS_MAX = 30_000;
const DEAD_PREFIX = "dead.n";
const BACKLOG_TYPE = "backlog";
const RATE_LIMIT = 100;
/** Until each healthy endpoint beside a backlog has answered. */
const WARM_UP_MS = 4_000;
/** Worlds that are compared get their events in turn, for so long each, so that all meet the same machine. */
const TURN_MS = 1_000;
/** Real receivers take some time, so that each endpoint needs slots, and not only its turn. */
const ANSWER_MS = 100;
/** Within this time a daemon finds out which endpoints do not answer; it is measured apart. */
const COLD_MS = 30_000;

const NONE: Neighbour = { arrange: async () => {}, types: null };

export async function prepareDeadHalf(options: BenchOptions): Promise<Part> {
  const arrivals = await Arrivals.start(ANSWER_MS);
  const silent = await listening("silentReceiverProcess.ts");
  const dead = (haveFailed: boolean): Neighbour => ({
    arrange: (client) => arrangeDead(client, silent.port, haveFailed),
    types: (n) => DEAD_PREFIX + (n % HEALTHY),
  });
  const neighbours = { healthy: NONE, beside: dead(true), unknown: dead(false) };
  return {
    name: "dead_half",
    notes: [
      `${HEALTHY} endpoints, which answer after ${ANSWER_MS} ms, get ${HEALTHY_RATE} events a second. beside: as many others get as many events, and have not answered for a minute; unknown: the same, but no one has ever sent them anything.`,
      `The subjects get their events in turn, ${TURN_MS} ms each. cold: in the first ${COLD_MS / 1_000} s of the daemon. The rest is of ${options.seconds} s for each after that.`,
      "deliveries_per_s: of the healthy endpoints, until the last one arrived. daemon_us: of the daemon, for each of these.",
    ],
    trials: inTurns(neighbours, (worlds) => measureDead(worlds, options.seconds * 1_000), options, arrivals),
    ratios: ["beside", "unknown"].flatMap((of) => ["cold_", ""].flatMap((when) => ratiosOf([of], "healthy", when))),
    stop: async () => {
      arrivals.close();
      await silent.child.stop();
    },
  };
}

export async function prepareBesideBacklog(options: BenchOptions): Promise<Part> {
  const arrivals = await Arrivals.start();
  const receiver = await listening("receiverProcess.ts");
  const backlog = (limits: Readonly<Record<string, unknown>>): Neighbour => ({
    arrange: (client) => arrangeBacklog(client, receiver.port, options.waiting, limits),
    types: null,
  });
  const measureAlone = (neighbour: Neighbour) => async () => {
    const world = await World.make(options, arrivals, neighbour);
    try {
      await world.start();
      await world.produce(WARM_UP_MS);
      world.forget();
      const before = await countRequests(receiver.child);
      const beganMs = performance.now();
      await world.produce(options.seconds * 1_000);
      const backlogMs = performance.now() - beganMs;
      const drained = (await countRequests(receiver.child)) - before;
      return { ...(await world.measure()), backlog_per_s: (drained / backlogMs) * 1_000 };
    } finally {
      await world.end();
      arrivals.forget();
    }
  };
  return {
    name: "beside_backlog",
    notes: [
      `${HEALTHY} endpoints get ${HEALTHY_RATE} events a second for ${options.seconds} s, alone and beside one for which ${options.waiting} deliveries are due.`,
      `capped: that one has max_in_flight 4; paced: it has rate_limit ${RATE_LIMIT}; draining: it has no limit, and its receiver answers at once, so daemon and Postgres are busy with it all the time.`,
      "backlog_per_s: deliveries of the backlog meanwhile.",
    ],
    trials: [
      { subject: "healthy", run: measureAlone(NONE) },
      { subject: "paced", run: measureAlone(backlog({ rate_limit: RATE_LIMIT })) },
      { subject: "capped", run: measureAlone(backlog({ max_in_flight: 4 })) },
      { subject: "draining", run: measureAlone(backlog({})) },
    ],
    ratios: ratiosOf(["paced", "capped", "draining"], "healthy"),
    stop: async () => {
      arrivals.close();
      await receiver.child.stop();
    },
  };
}

function ratiosOf(subjects: readonly string[], to: string, when = ""): Part["ratios"] {
  return subjects.flatMap((of) =>
    ["deliveries_per_s", "p50_ms", "p99_ms"].map((measure) => ({ of, to, measure: when + measure })),
  );
}

async function listening(script: string): Promise<{ readonly child: Child; readonly port: number }> {
  const child = Child.start(script, []);
  const { value: port } = await child.receive("listening", START_MS_MAX);
  return { child, port };
}

/** Requests that the receiver has had. */
async function countRequests(receiver: Child): Promise<number> {
  receiver.send("count");
  const { value } = await receiver.receive("counted", COUNT_MS_MAX);
  return value;
}

/** A trial for each neighbour. All are measured at once, by whichever trial of a round comes first. */
function inTurns(
  neighbours: Readonly<Record<string, Neighbour>>,
  measure: (worlds: readonly World[]) => Promise<readonly Measures[]>,
  options: BenchOptions,
  arrivals: Arrivals,
): Trial[] {
  const subjects = Object.keys(neighbours);
  const results = new Map<string, Measures>();
  return subjects.map((subject) => ({
    subject,
    run: async () => {
      if (!results.has(subject)) {
        const measured = await inWorlds(Object.values(neighbours), measure, options, arrivals);
        subjects.forEach((each, index) => void results.set(each, measured[index] ?? {}));
      }
      const result = results.get(subject) ?? {};
      results.delete(subject);
      return result;
    },
  }));
}

async function inWorlds(
  neighbours: readonly Neighbour[],
  measure: (worlds: readonly World[]) => Promise<readonly Measures[]>,
  options: BenchOptions,
  arrivals: Arrivals,
): Promise<readonly Measures[]> {
  const worlds: World[] = [];
  try {
    for (const neighbour of neighbours) {
      worlds.push(await World.make(options, arrivals, neighbour));
    }
    return await measure(worlds);
  } finally {
    await Promise.all(worlds.map((world) => world.end()));
    arrivals.forget();
  }
}

async function measureDead(worlds: readonly World[], ms: number): Promise<readonly Measures[]> {
  await Promise.all(worlds.map((world) => world.start()));
  await produceInTurns(worlds, COLD_MS);
  const cold = await Promise.all(worlds.map((world) => world.measure("cold_")));
  await produceInTurns(worlds, ms * worlds.length);
  const warm = await Promise.all(worlds.map((world) => world.measure()));
  return worlds.map((_, index) => ({ ...cold[index], ...warm[index] }));
}

/** Every second time the other way round. */
async function produceInTurns(worlds: readonly World[], ms: number): Promise<void> {
  for (let round = 0; round * worlds.length * TURN_MS < ms; round += 1) {
    for (const world of round % 2 === 0 ? worlds : worlds.toReversed()) {
      await world.produce(TURN_MS);
    }
  }
}

async function arrangeDead(client: Client, port: number, haveFailed: boolean): Promise<void> {
  await createEndpoints(client, port, HEALTHY, DEAD_PREFIX);
  if (haveFailed) {
    await client.query(
      `insert into postrider.endpoint_failure
         (endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, last_error)
       select s.endpoint_id, 9, now() - interval '1 min', now() - interval '5 s', 'timeout', 'no answer'
       from postrider.subscription s where starts_with(s.event_type, $1)`,
      [DEAD_PREFIX],
    );
  }
}

/** Claimed long ago: the cursor has passed their events, and only their deliveries wait. */
async function arrangeBacklog(
  client: Client,
  port: number,
  count: number,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select endpoint_id as id from postrider.create_endpoint($1, '{}', options => $2)",
    [`http://127.0.0.1:${port}/backlog`, JSON.stringify(options)],
  );
  await client.query("set synchronous_commit = off");
  await client.query(
    `with event as (
       insert into postrider.outbox (event_type, payload)
       select '${BACKLOG_TYPE}', $2::json from generate_series(1, $3::integer)
       returning id)
     insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
     select e.id, $1, 'pending', now() - interval '1 hour' from event e`,
    [rows[0]?.id, PAYLOAD, count],
  );
  await client.query("reset synchronous_commit");
  await client.query("insert into postrider.claim (base) values (pg_current_snapshot())");
  // No daemon has been here yet, so the cursor looks like that of a copy.
  await client.query("select postrider.adopt()");
}
