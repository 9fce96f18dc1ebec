/** What a delivery to an ordered endpoint costs, with many keys and with one, beside the same events unordered. */
import { backlogOf } from "./daemons.ts";
import { DrainBench } from "./drain.ts";
import type { BenchOptions, Part } from "./part.ts";
import { commitEvents, createEndpoint, PAYLOAD } from "./workload.ts";

const MANY_KEYS = 1_000;

const SUBJECTS = [
  { subject: "unordered", keys: MANY_KEYS, ordered: false },
  { subject: "many keys", keys: MANY_KEYS, ordered: true },
  { subject: "one key", keys: 1, ordered: true },
] as const;

export async function prepareOrdered(options: BenchOptions): Promise<Part> {
  const bench = await DrainBench.start(options);
  const { events } = options;
  return {
    name: "ordered",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes for one endpoint: not ordered, ordered with ${MANY_KEYS} keys in turn, ordered with one key.`,
    ],
    trials: SUBJECTS.map(({ subject, keys, ordered }) => ({
      subject,
      run: () =>
        bench.drain({
          ...backlogOf(options, bench.port, events),
          fill: async (_, client) => {
            await createEndpoint(client, bench.port, { ordered });
            await commitEvents(client, events, { types: 1, payload: PAYLOAD, keys });
          },
        }),
    })),
    ratios: ["many keys", "one key"].flatMap((of) =>
      ["deliveries_per_s", "sender_us", "postgres_us", "wal_bytes"].map((measure) => ({
        of,
        to: "unordered",
        measure,
      })),
    ),
    stop: () => bench.stop(),
  };
}
