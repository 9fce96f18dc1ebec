import type { Binaries } from "./binaries.ts";

/** initdb takes 1 to 3 s; the rest is for a slow disk, or for a recovery after a crash. */
export const START_MS_MAX = 120_000;

export const POLL_MS = 20;

/** Where a server runs, and with what. */
export interface Place {
  readonly dataDir: string;
  readonly cluster: string;
  readonly binaries: Binaries;
  readonly settings: Readonly<Record<string, string>>;
}
