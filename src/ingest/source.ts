import type { Line } from "./lines.ts";
import type { Position } from "./position.ts";

/** Lines that are stored together, and where they end. No lines: none have come for a while. */
export interface Batch {
  readonly lines: readonly Line[];
  readonly end: Position;
}

export interface LineSource {
  /**
   * The next lines, as soon as there are any; null at the end, or when `stopping` is aborted and all complete lines have
   * been returned. One call at a time.
   */
  next(stopping: AbortSignal): Promise<Batch | null>;
  close(): Promise<void>;
}

/** A batch with this many is large enough: its statement takes a few tens of milliseconds. */
export const BATCH_LINES = 1_000;
export const BATCH_BYTES = 524_288;

/** Read at once; a batch exceeds its limits by no more than this. */
export const CHUNK_BYTES = 65_536;

/** After this long without a line, an empty batch shows that the source is alive, and gives its caller a turn. */
export const IDLE_MS = 10_000;
