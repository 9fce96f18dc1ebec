import { KEYS } from "../endpoints.ts";
import type { Request } from "./hostileNetwork.ts";
import type { ReceiverName } from "./receivers.ts";

const PATH: `/${ReceiverName}` = "/latest";
/** The key that has most events, so that a later one comes soon. */
const KEY = encodeURIComponent(KEYS[0] ?? "");
/** A daemon tries for longer than it takes to lose as many. */
const HELD_BACK_MAX = 20;

interface KeyedEvent {
  readonly id: string;
  /** As the sender writes it: texts are in the order of time. */
  readonly timestamp: string;
}

/** Holds the first event of a key back until a later one has been handled, so that in each run one comes too late. */
export class Overtaking {
  #held: KeyedEvent | null = null;
  #requestsLeft = HELD_BACK_MAX;

  /** Whether a request must not arrive yet. */
  holds(request: Request): boolean {
    const event = keyedEvent(request);
    if (event === null || this.#requestsLeft === 0) {
      return false;
    }
    this.#held ??= event;
    const isHeld = this.#held.id === event.id;
    this.#requestsLeft -= isHeld ? 1 : 0;
    return isHeld;
  }

  answered(request: Request, status: number): void {
    const event = keyedEvent(request);
    if (event !== null && status === 200 && this.#held !== null && event.timestamp > this.#held.timestamp) {
      this.#requestsLeft = 0;
    }
  }
}

/** Null if it is about another key, or for another receiver. */
function keyedEvent({ path, headers, body }: Request): KeyedEvent | null {
  if (path !== PATH || headers["postrider-ordering-key"] !== KEY) {
    return null;
  }
  const { timestamp } = JSON.parse(body.toString()) as { readonly timestamp: string };
  return { id: headers["webhook-id"] ?? "", timestamp };
}
