import type { InboxSession } from "./inboxSession.ts";
import { type Pieces, SWEPT_ROWS_MAX } from "./inboxStatements.ts";
import { messageOf, ReceiveError } from "./receiveError.ts";

/** Old rows are looked for after every so many events, so there is no timer, and nothing to stop. */
const SWEEP_EVERY = 100;

export interface SweeperOptions {
  readonly receiver: string;
  /** An interval of Postgres. */
  readonly retention: string;
  /** Each deletes a part of what is older, and returns how many events that was. */
  readonly statements: readonly [events: Pieces, ...others: Pieces[]];
  readonly onProblem: (problem: Error) => void;
}

/** Deletes what is older than the retention. */
export class InboxSweeper<Tx> {
  readonly #session: InboxSession<Tx>;
  readonly #options: SweeperOptions;
  /** Zero until the first event. */
  #eventsLeft = 0;

  constructor(session: InboxSession<Tx>, options: SweeperOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Once for every event. Ten times as many rows may go as came, so old ones become fewer. Does not reject. */
  async nowAndThen(eventId: string): Promise<void> {
    this.#eventsLeft ||= drawnFrom(eventId);
    this.#eventsLeft -= 1;
    if (this.#eventsLeft > 0) {
      return;
    }
    this.#eventsLeft = SWEEP_EVERY;
    try {
      await this.#part();
    } catch (cause) {
      this.#options.onProblem(
        new ReceiveError(
          "not_swept",
          `cannot delete old rows of the inbox: ${messageOf(cause)}; grant delete on its tables, or call sweep() with a role that may`,
          { cause },
        ),
      );
    }
  }

  /** All of it. Resolves with the number of events. */
  async all(): Promise<number> {
    let events = 0;
    for (let most = SWEPT_ROWS_MAX; most >= SWEPT_ROWS_MAX; ) {
      const counts = await this.#part();
      events += counts[0] ?? 0;
      most = Math.max(...counts);
    }
    return events;
  }

  async #part(): Promise<readonly number[]> {
    const { statements, receiver, retention } = this.#options;
    const counts: number[] = [];
    for (const statement of statements) {
      const [count] = await this.#session.ask(statement, [receiver, retention]);
      counts.push(Number(count));
    }
    return counts;
  }
}

/** From 1 to SWEEP_EVERY, by chance, because processes that live for a few events only must sweep now and then as well. */
function drawnFrom(eventId: string): number {
  return 1 + ([...eventId].reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 0) % SWEEP_EVERY);
}
