import { notReady, type Readiness, type SupervisedVitals } from "../listen/vitals.ts";
import type { Samples } from "../telemetry/metrics.ts";
import type { ProgramMetrics } from "../telemetry/programMetrics.ts";
import type { Daemon } from "./daemon.ts";

/** The vitals of a process that runs a daemon, from before its start until after its stop. */
export class DaemonVitals implements SupervisedVitals {
  /** Once it has started. */
  daemon: Daemon | null = null;
  /** Whether the start waits for Postgres. */
  isWaiting = false;
  isStopping = false;
  /** Once there is a stream of events. */
  program: ProgramMetrics | null = null;

  async readiness(): Promise<Readiness> {
    if (this.isStopping) {
      return notReady("the daemon is stopping");
    }
    if (this.daemon === null) {
      return notReady(
        this.isWaiting ? "the daemon waits for Postgres, which cannot be reached" : "the daemon is starting",
      );
    }
    return this.daemon.readiness;
  }

  async metrics(): Promise<Samples> {
    const ofDatabase = await this.daemon?.measures.samples();
    return { ...(await this.#samples()), ...ofDatabase };
  }

  async ownMetrics(): Promise<Samples> {
    const ofEndpoints = await this.daemon?.measures.ofEndpoints();
    return { ...(await this.#samples()), ...ofEndpoints };
  }

  async #samples(): Promise<Samples> {
    const { reasons } = await this.readiness();
    return {
      postrider_ready: [{ labels: [], values: [reasons.length === 0 ? 1 : 0] }],
      ...this.program?.samples(),
      ...(this.daemon !== null && { ...this.daemon.samples, ...this.program?.counts.claimSamples() }),
    };
  }
}
