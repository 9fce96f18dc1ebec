/** What large payloads may hold of memory at a time, in bytes of their text: twice the largest that is sent. */
export const HELD_BYTES_MAX = 2 * 64 * 1_048_576;

/**
 * The memory that large payloads share: who holds how much of it.
 *
 * An endpoint may hold, with a further payload, as much as is left without it. So with many payloads it gets half when it
 * is alone, a third beside another, and a part in n + 2 beside n others; who holds nothing may take all that is left.
 *
 * Pure bookkeeping: it loads nothing.
 */
export class PayloadMemory {
  readonly #bytesMax: number;
  readonly #ofEndpoint = new Map<string, number>();
  #heldBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Of all endpoints together. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** How large a further payload of the endpoint may be, half of it all at most, while that part is kept for others. */
  room(endpointId: string, keptPart: number): number {
    const left = Math.floor(this.#bytesMax * (1 - keptPart)) - this.#heldBytes;
    const room = left - (this.#ofEndpoint.get(endpointId) ?? 0);
    return Math.max(0, Math.min(room, Math.floor(this.#bytesMax / 2)));
  }

  /** Negative: gives back. */
  take(endpointId: string, bytes: number): void {
    const held = (this.#ofEndpoint.get(endpointId) ?? 0) + bytes;
    if (held === 0) {
      this.#ofEndpoint.delete(endpointId);
    } else {
      this.#ofEndpoint.set(endpointId, held);
    }
    this.#heldBytes += bytes;
  }
}
