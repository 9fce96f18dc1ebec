import { monotonicMs } from "../ground/clock.ts";
import { printable } from "../ground/printable.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Batch, LineSource } from "./source.ts";
import type { Refusal, Stored } from "./store.ts";

/** What became of the lines of one run. */
export interface Totals {
  /** Empty lines are not counted. */
  readonly lines: number;
  readonly events: number;
  readonly unmatched: number;
  readonly refused: number;
}

export interface IngestOptions {
  readonly source: LineSource;
  readonly store: {
    store(batch: Batch): Promise<Stored>;
    ping(): Promise<void>;
  };
  readonly events: Events;
  readonly stopping: AbortSignal;
  /** Called with the sum so far, after each batch. */
  readonly onStored?: (totals: Totals) => void;
}

/** How often the sum is reported, if it has changed, and how many refused lines are named in that time. */
const PROGRESS_MS = 60_000;
const NAMED_LINES_MAX = 20;
const EXCERPT_CHARS_MAX = 100;

/**
 * Moves lines from a source into the store until the source ends. While one batch is stored the next is read, but no more.
 * Rejects with the error of the source or the store; what was stored stays stored.
 */
export async function ingest({ source, store, events, stopping, onStored }: IngestOptions): Promise<Totals> {
  const progress = new Progress(events);
  let reading = source.next(stopping);
  for (;;) {
    const batch = await reading;
    if (batch === null) {
      return progress.totals;
    }
    reading = source.next(stopping);
    // An error is thrown where this is awaited. If the store rejects first, it must not count as unhandled.
    reading.catch(() => {});
    if (batch.lines.length === 0) {
      await store.ping();
    } else {
      progress.add(batch, await store.store(batch));
      onStored?.(progress.totals);
    }
    progress.show();
  }
}

class Progress {
  readonly #events: Events;
  totals: Totals = { lines: 0, events: 0, unmatched: 0, refused: 0 };
  #shown = this.totals;
  #shownAtMs = monotonicMs();
  #named = 0;

  constructor(events: Events) {
    this.#events = events;
  }

  add({ lines }: Batch, { events, unmatched, refusals }: Stored): void {
    this.totals = {
      lines: this.totals.lines + lines.length,
      events: this.totals.events + events,
      unmatched: this.totals.unmatched + unmatched,
      refused: this.totals.refused + refusals.length,
    };
    for (const refusal of refusals.slice(0, Math.max(0, NAMED_LINES_MAX - this.#named))) {
      this.#name(refusal);
    }
    this.#named += refusals.length;
  }

  /** At most once a minute, and only if there is anything new. */
  show(): void {
    if (monotonicMs() - this.#shownAtMs < PROGRESS_MS) {
      return;
    }
    if (this.totals.lines !== this.#shown.lines) {
      this.#events.emit("ingest.progressed", this.totals);
    }
    this.#shown = this.totals;
    this.#shownAtMs = monotonicMs();
    this.#named = 0;
  }

  #name({ line, reason }: Refusal): void {
    this.#events.emit("line.refused", {
      line_number: line.number,
      byte_offset: line.byteOffset,
      reason: printable(reason),
      excerpt: excerptOf(line.bytes),
    });
  }
}

function excerptOf(bytes: Buffer | null): string | null {
  // A character takes at most four bytes.
  return bytes === null
    ? null
    : printable(
        bytes
          .subarray(0, EXCERPT_CHARS_MAX * 4)
          .toString("utf8")
          .slice(0, EXCERPT_CHARS_MAX),
      );
}
