/** How throughput and cost change with the size of one thing, all else equal. */
import { backlogOf, startDaemon } from "./daemons.ts";
import { type Drain, DrainBench } from "./drain.ts";
import type { BenchOptions, Part } from "./part.ts";
import { commitEvents, createEndpoint, createEndpoints, PAYLOAD, payloadOf } from "./workload.ts";

/** What payloads of one size take together, so that large ones do not take minutes. */
const PAYLOADS_BYTES = 250_000_000;
const LARGE_EVENTS_MIN = 300;
const MEDIUM_BYTES = 32_000;
/** Just above what waits in a daemon's memory. */
const LARGE_BYTES = 34_000;

interface Curve {
  readonly name: string;
  readonly notes: readonly string[];
  /** What `x` counts, for one and for several. */
  readonly unit: Unit;
  readonly points: readonly number[];
  readonly drainOf: (x: number, bench: DrainBench) => Drain;
  /** Measures of one point against another's. */
  readonly ratios: readonly { readonly of: number; readonly to: number; readonly measure: string }[];
}

type Unit = readonly [one: string, several: string];

/** The name of a point's subject. */
function pointName(x: number, [one, several]: Unit): string {
  return `${x.toLocaleString("en")} ${x === 1 ? one : several}`;
}

async function prepareCurve(options: BenchOptions, curve: Curve): Promise<Part> {
  const bench = await DrainBench.start(options);
  const { name, notes, unit } = curve;
  const compared = new Set(curve.ratios.flatMap(({ of, to }) => [of, to]));
  const points = options.comparedOnly ? curve.points.filter((x) => compared.has(x)) : curve.points;
  return {
    name,
    notes,
    curve: { unit: unit[1], points },
    trials: points.map((x) => ({
      subject: pointName(x, unit),
      run: () => bench.drain(curve.drainOf(x, bench)),
    })),
    ratios: curve.ratios.map(({ of, to, measure }) => ({
      of: pointName(of, unit),
      to: pointName(to, unit),
      measure,
    })),
    stop: () => bench.stop(),
  };
}

export function prepareBacklogSize(options: BenchOptions): Promise<Part> {
  const points = [10_000, 100_000, 1_000_000].filter((events) => events <= options.events * 10);
  return prepareCurve(options, {
    name: "backlog_size",
    notes: [
      "One endpoint; from 10 % received to all recorded. A process that has just started is slower, which shows in the short ones.",
    ],
    unit: ["event", "events"],
    points,
    drainOf: (events, { port }) => backlogOf(options, port, events),
    ratios: [],
  });
}

export function prepareEndpoints(options: BenchOptions): Promise<Part> {
  const { events } = options;
  return prepareCurve(options, {
    name: "endpoints",
    notes: [
      `${events} events, each for one endpoint, the endpoints in turn. All are on one receiver.`,
      "The tables of endpoints have been vacuumed, which autovacuum would do.",
    ],
    unit: ["endpoint", "endpoints"],
    points: [1, 100, 1_000, 10_000],
    drainOf: (endpoints, { port }) => ({
      ...backlogOf(options, port, events),
      fill: async (_, client) => {
        if (endpoints === 1) {
          await createEndpoint(client, port);
        } else {
          await createEndpoints(client, port, endpoints);
        }
        await client.query("vacuum analyze postrider.endpoint, postrider.endpoint_secret, postrider.subscription");
        await commitEvents(client, events, { types: endpoints, payload: PAYLOAD });
      },
    }),
    ratios: [{ of: 10_000, to: 1, measure: "deliveries_per_s" }],
  });
}

export function prepareFanOut(options: BenchOptions): Promise<Part> {
  return prepareCurve(options, {
    name: "fan_out",
    notes: [`${options.events} deliveries: so many endpoints want each event, and so many fewer events there are.`],
    unit: ["endpoint an event", "endpoints an event"],
    points: [1, 10, 100, 1_000],
    drainOf: (endpoints, { port }) => {
      const events = Math.ceil(options.events / endpoints);
      return {
        ...backlogOf(options, port, events),
        deliveries: events * endpoints,
        fill: async (_, client) => {
          for (let made = 0; made < endpoints; made += 1) {
            await createEndpoint(client, port);
          }
          await commitEvents(client, events);
        },
      };
    },
    ratios: [{ of: 100, to: 1, measure: "deliveries_per_s" }],
  });
}

export function preparePayload(options: BenchOptions): Promise<Part> {
  return prepareCurve(options, {
    name: "payload",
    notes: [
      `At most ${options.events} events of payloads that do not compress, and no more than ${PAYLOADS_BYTES / 1e6} MB of them, but ${LARGE_EVENTS_MIN}.`,
    ],
    unit: ["byte", "bytes"],
    points: [100, 1_000, 10_000, MEDIUM_BYTES, LARGE_BYTES, 100_000, 1_000_000],
    drainOf: (bytes, { port }) => {
      const fit = Math.max(LARGE_EVENTS_MIN, Math.floor(PAYLOADS_BYTES / bytes));
      const events = Math.min(options.events, fit);
      return {
        ...backlogOf(options, port, events),
        fill: async (_, client) => {
          await createEndpoint(client, port);
          await commitEvents(client, events, { types: 1, payload: payloadOf(bytes) });
        },
      };
    },
    ratios: [
      { of: LARGE_BYTES, to: MEDIUM_BYTES, measure: "sender_us" },
      { of: LARGE_BYTES, to: MEDIUM_BYTES, measure: "postgres_us" },
    ],
  });
}

export function prepareDaemons(options: BenchOptions): Promise<Part> {
  const { events } = options;
  return prepareCurve(options, {
    name: "daemons",
    notes: [
      `${events} events for one endpoint. With two cores, a second daemon competes with the first and with Postgres.`,
    ],
    unit: ["daemon", "daemons"],
    points: [1, 2, 3],
    drainOf: (count, { port }) => ({
      ...backlogOf(options, port, events),
      start: ({ url }) => Array.from({ length: count }, () => startDaemon(options, url)),
    }),
    ratios: [2, 3].map((of) => ({ of, to: 1, measure: "deliveries_per_s" })),
  });
}

export function prepareBatches(options: BenchOptions): Promise<Part> {
  const largest = 1_000;
  const events = Math.ceil(options.events / largest) * largest;
  return prepareCurve(options, {
    name: "batches",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes for one endpoint, by how many a request has. All but the first are sent in batches, from the queue.`,
    ],
    unit: ["event a request", "events a request"],
    points: [1, 10, 100, largest],
    drainOf: (size, { port }) => ({
      ...backlogOf(options, port, events),
      requests: events / size,
      fill: async (_, client) => {
        await createEndpoint(client, port);
        // Only full batches are sent.
        await client.query("update postrider.endpoint set batch_size = $1, batch_delay_ms = 600000", [size]);
        await commitEvents(client, events);
      },
    }),
    ratios: [
      { of: 100, to: 1, measure: "sender_us" },
      { of: 100, to: 1, measure: "postgres_us" },
      { of: 100, to: 1, measure: "deliveries_per_s" },
    ],
  });
}
