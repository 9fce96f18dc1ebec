import type { WakeState } from "./session.ts";

/**
 * How soon the daemon looks for new events again.
 *
 * Events that come one by one find it asleep: each notifies, and is claimed once. It sleeps through them, because
 * waking would cost two statements on the gate and looks that find nothing. But a commit that notifies holds a lock of
 * the whole database while it is flushed, so commits that come closely wait for each other. A claim takes about as long
 * as such a flush. So if one claim after another is overtaken by a notification, the events are a stream: the daemon
 * stays awake, inserts stop notifying, and it looks at short intervals until nothing has come for a while.
 */

/**
 * So many claims in a row that were overtaken by a notification show a stream. Two to eight cost Postgres about the same;
 * never staying awake costs 10 to 17 % more at 200 to 1,000 events a second.
 */
const STREAM_CLAIMS = 3;
/** The first pause of a daemon that is awake. */
const PAUSE_FIRST_MS = 1;
/** The others while it lingers: at low rates the next event comes in one of them, and waits for its end. */
const LINGER_PAUSE_MS = 2;
/** After so much of pauses that found nothing, it asks for sleep. Each further one is twice as long. */
const LINGER_MS = 15;
/** The longest pause while a transaction is open that will not notify. */
const DROWSY_LAST_MS = 50;

/** What a claim found that had the claim lock (claim/newEvents.ts). */
export type Found = "off" | "slow" | "page" | "complete" | "empty";

/** `stayAwake`: inserts must stop notifying this daemon. `inMs` is null if it need not look until the next poll. */
export interface Next {
  readonly stayAwake: boolean;
  readonly inMs: number | null;
}

const AT_THE_POLL: Next = { stayAwake: false, inMs: null };

export class Pace {
  #overtaken = 0;
  #pauseMs = PAUSE_FIRST_MS;
  #lingeredMs = 0;

  /** Whether to ask for sleep before the next look. A look that follows finds what was inserted without a notification. */
  asksForSleep(state: WakeState): boolean {
    return state === "napping" || (state === "awake" && this.#lingeredMs >= LINGER_MS);
  }

  /** The daemon is awake from now on, and lingers before it asks for sleep. */
  linger(): void {
    this.#overtaken = 0;
    this.#pauseMs = PAUSE_FIRST_MS;
    this.#lingeredMs = 0;
  }

  /** `isOvertaken`: a notification came during the claim. */
  next(found: Found, state: WakeState, isOvertaken: boolean): Next {
    if (found === "complete" || found === "empty") {
      return state === "sleeping" ? this.#sleepOn(isOvertaken) : this.#lookOn(found, state);
    }
    this.linger();
    // While sending is off, a sleeper would let every insert notify, and there is nothing to be notified of.
    return { stayAwake: true, inMs: found === "off" ? null : 0 };
  }

  /** Claims that find nothing count, too: another daemon may take the stream that notifies this one. */
  #sleepOn(isOvertaken: boolean): Next {
    this.#overtaken = isOvertaken ? this.#overtaken + 1 : 0;
    if (this.#overtaken < STREAM_CLAIMS) {
      return AT_THE_POLL;
    }
    this.linger();
    return { stayAwake: true, inMs: PAUSE_FIRST_MS };
  }

  #lookOn(found: "complete" | "empty", state: WakeState): Next {
    if (found === "complete") {
      // One that naps found what no other daemon took, or what no trigger announced.
      this.linger();
      return { stayAwake: true, inMs: PAUSE_FIRST_MS };
    }
    if (state !== "awake") {
      return AT_THE_POLL;
    }
    const inMs = this.#pauseMs;
    this.#lingeredMs += inMs;
    this.#pauseMs = Math.min(this.#lingeredMs < LINGER_MS ? LINGER_PAUSE_MS : DROWSY_LAST_MS, inMs * 2);
    return { stayAwake: false, inMs };
  }
}
