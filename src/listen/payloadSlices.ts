import type { Queryable } from "../db/statements.ts";
import { defineStatement } from "../db/statements.ts";

const readPayload = defineStatement("read_payload", {
  params: { eventId: "uuid", from: "integer", bytes: "integer" },
  columns: { payload_bytes: "integer", slice: "bytea" },
});

/** Bytes of a payload that Postgres is asked for at a time. */
export const SLICE_BYTES = 8 * 1_048_576;
/** Slices that are kept for those who read on. */
const SLICES_MAX = 4;
const KEEP_MS = 30_000;
/** Reads that may wait for the one in progress. */
const WAITING_MAX = 100;

/** A part of a payload, and the size of the whole. */
export interface Slice {
  readonly bytes: Buffer;
  readonly payloadBytes: number;
}

interface Kept {
  readonly slice: Promise<Slice | null>;
  readonly forgetting: NodeJS.Timeout;
}

/** Too many reads are waiting. */
export class TooBusy extends Error {
  override readonly name = "TooBusy";
}

/**
 * Payloads, a slice at a time. Postgres puts the whole payload together for each slice, so slices are large, and the latest
 * few are kept: pages of a hundred elements, and clients that take a slice slowly, cost one read for each slice. One read is
 * made at a time, because it may take the processor of Postgres for a second, and twice the payload of its memory.
 */
export class PayloadSlices {
  readonly #database: Queryable;
  readonly #sliceBytes: number;
  /** The most recently used last. */
  readonly #kept = new Map<string, Kept>();
  #reading: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(database: Queryable, sliceBytes = SLICE_BYTES) {
    this.#database = database;
    this.#sliceBytes = sliceBytes;
  }

  /** The bytes from `at` to the end of their slice; null if the event is gone. Rejects with TooBusy. */
  async from(eventId: string, at: number): Promise<Slice | null> {
    const index = Math.floor(at / this.#sliceBytes);
    const slice = await this.#get(eventId, index);
    return slice && { ...slice, bytes: slice.bytes.subarray(at - index * this.#sliceBytes) };
  }

  #get(eventId: string, index: number): Promise<Slice | null> {
    const key = `${eventId} ${index}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      kept.forgetting.refresh();
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept.slice;
    }
    const slice = this.#read(eventId, index * this.#sliceBytes);
    const forgetting = setTimeout(() => this.#forget(key), KEEP_MS).unref();
    this.#kept.set(key, { slice, forgetting });
    slice.then(
      (read) => read === null && this.#forget(key),
      () => this.#forget(key),
    );
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > SLICES_MAX && oldest !== undefined) {
      this.#forget(oldest);
    }
    return slice;
  }

  #forget(key: string): void {
    clearTimeout(this.#kept.get(key)?.forgetting);
    this.#kept.delete(key);
  }

  async #read(eventId: string, from: number): Promise<Slice | null> {
    if (this.#waiting >= WAITING_MAX) {
      throw new TooBusy();
    }
    this.#waiting += 1;
    const run = (): Promise<Slice | null> => this.#ask(eventId, from);
    const read = this.#reading.then(run, run);
    this.#reading = read;
    try {
      return await read;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #ask(eventId: string, from: number): Promise<Slice | null> {
    const { rows } = await this.#database.run(readPayload, { eventId, from, bytes: this.#sliceBytes });
    const [row] = rows;
    return row === undefined ? null : { bytes: row.slice, payloadBytes: row.payload_bytes };
  }
}
