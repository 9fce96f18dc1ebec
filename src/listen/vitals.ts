import type { Samples } from "../telemetry/metrics.ts";

/** What the listener asks of the daemon, or of all daemons of a supervisor together. No answer takes longer than seconds. */
export interface Vitals {
  readiness(): Promise<Readiness>;
  metrics(): Promise<Samples>;
}

/** What a supervisor asks of each of its daemons. */
export interface SupervisedVitals extends Vitals {
  /** Without what Postgres would tell each of them alike. */
  ownMetrics(): Promise<Samples>;
}

/** Strangers may read it: its sentences name no server, no credential and nothing that a person or a server wrote. */
export interface Readiness {
  /** Why nothing is claimed or recorded, in plain words. Empty: it is ready. */
  readonly reasons: readonly string[];
  /** What a person might want to know all the same. */
  readonly notes: readonly string[];
}

export function notReady(reason: string): Readiness {
  return { reasons: [reason], notes: [] };
}
