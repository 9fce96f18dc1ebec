import { notReady, type Readiness, type Vitals } from "../listen/vitals.ts";
import type { Daemon } from "./daemon.ts";

/** The vitals of a process that runs a daemon, from before its start until after its stop. */
export class DaemonVitals implements Vitals {
  /** Once it has started. */
  daemon: Daemon | null = null;
  /** Whether the start waits for Postgres. */
  isWaiting = false;
  isStopping = false;

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
}
