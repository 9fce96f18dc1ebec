import type { BenchServer } from "./server.ts";

/** What one trial measured, by name with its unit; null if the machine does not provide it. */
export type Measures = Readonly<Record<string, number | null>>;

/** One subject under one condition. Each round runs the trials of all parts. */
export interface Trial {
  readonly subject: string;
  run(): Promise<Measures>;
}

/** `measure` of one subject by that of another, of the same round. */
export interface Ratio {
  readonly of: string;
  readonly to: string;
  readonly measure: string;
}

export interface Curve {
  readonly unit: string;
  readonly points: readonly number[];
}

export interface Part {
  readonly name: string;
  /** What was done, for the reader of the table. */
  readonly notes: readonly string[];
  readonly trials: readonly Trial[];
  readonly ratios: readonly Ratio[];
  /** Where the subjects differ in one number: what it counts, and each subject's. */
  readonly curve?: Curve;
  stop(): Promise<void>;
}

export interface BenchOptions {
  readonly server: BenchServer;
  readonly events: number;
  readonly seconds: number;
  readonly ratePerSecond: number;
  readonly clients: number;
  readonly depths: readonly number[];
  readonly bulkRows: number;
  /** Events that wait while memory is measured. */
  readonly waiting: number;
  /** Of curves, only the points that a ratio or a floor needs. */
  readonly comparedOnly: boolean;
  readonly daemonLogLevel: string;
  /** Where CPU profiles of the daemon go; null for none. */
  readonly profileDir: string | null;
  /** Statements inside functions are counted too, and the dearest are shown. It costs some of what is measured. */
  readonly traceStatements: boolean;
}
