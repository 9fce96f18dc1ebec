import type { Line } from "./lines.ts";
import type { Position } from "./rotation.ts";

/** Lines that are stored together, and where they end. Without lines: nothing has come for a while. */
export interface Batch {
  readonly lines: readonly Line[];
  readonly end: Position;
}

export interface LineSource {
  /**
   * The next lines, as soon as there are any; null at the end, and once `stopping` is aborted and what is complete has been
   * given out. One call at a time.
   */
  next(stopping: AbortSignal): Promise<Batch | null>;
  close(): Promise<void>;
}

/** From here on a batch is large enough: statements of a few tens of milliseconds. */
export const BATCH_LINES = 1_000;
export const BATCH_BYTES = 524_288;

/** What is read at once; a batch exceeds its limits by no more. */
export const CHUNK_BYTES = 65_536;

/** After so long without a line an empty batch says that the source is alive, and lets its owner look after the rest. */
export const IDLE_MS = 10_000;
