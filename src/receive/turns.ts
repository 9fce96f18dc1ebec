import { ReceiveError } from "./receiveError.ts";

/**
 * Lets what has the same name happen one after the other. Duplicates that wait here for the first of them hold no
 * connection, so any number of them leaves the pool to those that work.
 */
export class Turns {
  readonly #waitMs: number;
  /** When the last turn of each name has ended, and all before it. None of them rejects. */
  readonly #ends = new Map<string, Promise<unknown>>();

  /** How long one may wait for those before it. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Settles as `work` does, which runs once all earlier work of this name has ended, however it did. */
  take<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#ends.get(name);
    const turn = before === undefined ? work() : inTime(before, this.#waitMs).then(work);
    const end = Promise.allSettled([before, turn]).then(() => {
      if (this.#ends.get(name) === end) {
        this.#ends.delete(name);
      }
    });
    this.#ends.set(name, end);
    return turn;
  }
}

/** Rejects if it takes longer. */
async function inTime(end: Promise<unknown>, waitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(busy(waitMs)), waitMs);
  });
  try {
    await Promise.race([end, late]);
  } finally {
    clearTimeout(timer);
  }
}

function busy(waitMs: number): ReceiveError {
  return new ReceiveError(
    "busy",
    `cannot handle an event yet: another request with it, or with its key, is still being handled after ${waitMs} ms; let handlers end sooner than the sender's timeout`,
  );
}
