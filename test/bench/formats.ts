/** What each format costs beside `raw`, which sends the payload as it is. */
import { FORMAT_NAMES } from "../../src/format/format.ts";
import { backlogOf } from "./daemons.ts";
import { DrainBench } from "./drain.ts";
import type { BenchOptions, Part } from "./part.ts";
import { commitEvents, createEndpoint, PAYLOAD } from "./workload.ts";

export async function prepareFormats(options: BenchOptions): Promise<Part> {
  const bench = await DrainBench.start(options);
  const { events } = options;
  return {
    name: "formats",
    notes: [
      `${events} events of ${PAYLOAD.length} bytes without attributes, for one endpoint of each format.`,
      "with attributes: a subject, a traceparent and two extensions with each event.",
    ],
    trials: [
      ...FORMAT_NAMES.map((format) => ({ subject: format, run: () => bench.drain(drainOf(format, null)) })),
      ...["raw", "cloudevents"].map((format) => ({
        subject: withAttributes(format),
        run: () => bench.drain(drainOf(format, ATTRIBUTES)),
      })),
    ],
    ratios: [
      ...FORMAT_NAMES.filter((format) => format !== "raw").map((of) => ({ of, to: "raw", measure: "sender_us" })),
      { of: withAttributes("cloudevents"), to: withAttributes("raw"), measure: "sender_us" },
    ],
    stop: () => bench.stop(),
  };

  function drainOf(format: string, attributes: string | null) {
    return {
      ...backlogOf(options, bench.port, events),
      fill: async (...[, client]: Parameters<ReturnType<typeof backlogOf>["fill"]>) => {
        await createEndpoint(client, bench.port, { format });
        await commitEvents(client, events, { types: 1, payload: PAYLOAD, attributes });
      },
    };
  }
}

const ATTRIBUTES = JSON.stringify({
  subject: "orders/42",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  partitionkey: "customer-7",
  priority: 3,
});

function withAttributes(format: string): string {
  return `${format}, with attributes`;
}
