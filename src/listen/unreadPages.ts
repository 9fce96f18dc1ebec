import type { Writable } from "node:stream";

interface UnreadLimits {
  /** Bytes of all pages. */
  readonly bytesMax: number;
  /** Of the pages of one endpoint, so that a receiver that does not read leaves room for the others. */
  readonly bytesPerEndpointMax: number;
}

/** An answer, as far as it matters here. */
export type Answer = Pick<Writable, "destroyed" | "once">;

/** Pages that are in memory because their receivers have not read them yet. */
export class UnreadPages {
  readonly #limits: UnreadLimits;
  readonly #bytesByEndpoint = new Map<string, number>();
  #bytes = 0;

  constructor(limits: UnreadLimits) {
    this.#limits = limits;
  }

  /** Whether no further page may be made for this endpoint now. */
  isFull(endpointId: string): boolean {
    const { bytesMax, bytesPerEndpointMax } = this.#limits;
    return this.#bytes >= bytesMax || (this.#bytesByEndpoint.get(endpointId) ?? 0) >= bytesPerEndpointMax;
  }

  /** Counts a page until its answer has been sent or its receiver has gone. */
  hold(answer: Answer, endpointId: string, bytes: number): void {
    this.#add(endpointId, bytes);
    onceClosed(answer, () => this.#add(endpointId, -bytes));
  }

  #add(endpointId: string, bytes: number): void {
    this.#bytes += bytes;
    const ofEndpoint = (this.#bytesByEndpoint.get(endpointId) ?? 0) + bytes;
    if (ofEndpoint > 0) {
      this.#bytesByEndpoint.set(endpointId, ofEndpoint);
    } else {
      this.#bytesByEndpoint.delete(endpointId);
    }
  }
}

/** At once if the client has gone already, for instance while Postgres was asked: then nothing tells of it any more. */
function onceClosed(answer: Answer, then: () => void): void {
  if (answer.destroyed) {
    then();
  } else {
    answer.once("close", then);
  }
}
