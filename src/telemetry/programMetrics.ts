import { unixMs } from "../ground/clock.ts";
import { VERSION } from "../ground/version.ts";
import type { Events } from "./bus.ts";
import { EventCounts } from "./eventCounts.ts";
import type { Samples } from "./metrics.ts";

/** What metrics tell of any process of ours: what it takes, and what its log has. */
export class ProgramMetrics {
  readonly counts: EventCounts;
  readonly #startSeconds = unixMs() / 1_000 - process.uptime();

  constructor(events: Events) {
    this.counts = new EventCounts(events);
  }

  samples(): Samples {
    const { user, system } = process.cpuUsage();
    return {
      postrider_build_info: [{ labels: [VERSION, process.versions.node], values: [1] }],
      process_start_time_seconds: [{ labels: [], values: [this.#startSeconds] }],
      process_cpu_seconds_total: [{ labels: [], values: [(user + system) / 1_000_000] }],
      process_resident_memory_bytes: [{ labels: [], values: [process.memoryUsage.rss()] }],
      ...this.counts.samples(),
    };
  }
}
