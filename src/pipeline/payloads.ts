import type { Pool } from "../db/connection.ts";
import { type LoadedPayload, loadPayload } from "./claim.ts";
import { Signal } from "./signal.ts";

/** What large payloads may hold of memory at a time, in bytes of their text, beyond those being loaded. */
export const HELD_BYTES_MAX = 64 * 1_048_576;

/** A payload in memory, which counts until it is released. */
export interface HeldPayload extends LoadedPayload {
  release(): void;
}

/**
 * Loads payloads that were too large to come with their claim, one at a time, and only so many that those in memory
 * stay within a bound: requests with a megabyte each to receivers that hang would otherwise fill it.
 */
export class LargePayloads {
  readonly #pool: Pool;
  readonly #released = new Signal();
  #heldBytes = 0;
  #line: Promise<unknown> = Promise.resolve();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Waits until there is room. Null where the event is gone; rejects where Postgres cannot be asked. */
  load(eventId: string): Promise<HeldPayload | null> {
    const turn = this.#line.then(() => this.#loadOne(eventId));
    this.#line = turn.catch(() => {
      // Told to whoever asked for it.
    });
    return turn;
  }

  async #loadOne(eventId: string): Promise<HeldPayload | null> {
    while (this.#heldBytes >= HELD_BYTES_MAX) {
      await this.#released.wait(1_000);
    }
    const loaded = await loadPayload(this.#pool, eventId);
    if (loaded === null) {
      return null;
    }
    const held = loaded.payload === null ? 0 : loaded.bytes;
    this.#heldBytes += held;
    return {
      ...loaded,
      release: () => {
        this.#heldBytes -= held;
        this.#released.give();
      },
    };
  }
}
