/** What a delivery to an endpoint with limits costs, beside one that goes from memory. */
import { backlogOf } from "./daemons.ts";
import { DrainBench } from "./drain.ts";
import type { BenchOptions, Part } from "./part.ts";
import { commitEvents, createEndpoint, PAYLOAD } from "./workload.ts";

/** Limits that do not hold the daemon up, so that what they cost is measured and nothing else. */
const SUBJECTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  express: {},
  capped: { max_in_flight: 256 },
  paced: { rate_limit: 100_000 },
  both: { max_in_flight: 256, rate_limit: 100_000 },
};

export async function prepareLimits(options: BenchOptions): Promise<Part> {
  const bench = await DrainBench.start(options);
  const { events } = options;
  return {
    name: "limits",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes for one endpoint: without limits, with max_in_flight 256, with rate_limit 100000, with both.`,
    ],
    trials: Object.entries(SUBJECTS).map(([subject, limits]) => ({
      subject,
      run: () =>
        bench.drain({
          ...backlogOf(options, bench.port, events),
          fill: async (_, client) => {
            await createEndpoint(client, bench.port, limits);
            await commitEvents(client, events);
          },
        }),
    })),
    ratios: ["capped", "paced"].flatMap((of) =>
      ["deliveries_per_s", "sender_us", "postgres_us", "wal_bytes"].map((measure) => ({ of, to: "express", measure })),
    ),
    stop: () => bench.stop(),
  };
}
