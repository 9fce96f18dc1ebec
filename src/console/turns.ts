import { problem } from "../serve/problem.ts";

/** Of the few connections that there are, so many for one key or tenant. */
const EACH = 2;
/** As long as the pool lets one wait for a connection. */
const WAIT_MAX_MS = 10_000;

export interface TurnsOptions {
  /** How much of one key is done at a time. */
  readonly each: number;
  readonly waitMaxMs: number;
}

/** What is done for a key, and what waits for its turn, the first one first. */
interface Line {
  working: number;
  readonly waiting: (() => void)[];
}

/** Work for keys, only so much of one key at a time: slow work of one leaves room for that of others. */
export class Turns {
  readonly #options: TurnsOptions;
  /** Only of keys for which something is done. */
  readonly #lines = new Map<string, Line>();

  constructor(options: TurnsOptions = { each: EACH, waitMaxMs: WAIT_MAX_MS }) {
    this.#options = options;
  }

  /** What `work` gives; null if it was not its turn in time, and then it is not done. */
  async take<Value>(key: string, work: () => Promise<Value>): Promise<Value | null> {
    const line = this.#lines.get(key) ?? { working: 0, waiting: [] };
    this.#lines.set(key, line);
    if (line.working < this.#options.each) {
      line.working += 1;
    } else if (!(await this.#wait(line))) {
      return null;
    }
    try {
      return await work();
    } finally {
      this.#pass(key, line);
    }
  }

  /** Whether it was its turn in time. */
  #wait({ waiting }: Line): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const start = () => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(start), 1);
      resolve(false);
    }, this.#options.waitMaxMs);
    waiting.push(start);
    return promise;
  }

  /** The turn goes to the one that has waited longest. */
  #pass(key: string, line: Line): void {
    const next = line.waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    line.working -= 1;
    if (line.working === 0) {
      this.#lines.delete(key);
    }
  }
}

/** The answer to what did not get its turn. */
export function tooSlow(): Response {
  return problem(
    429,
    `only ${EACH} requests of one key or tenant are answered at a time, and others took too long`,
    { "retry-after": "5" },
    { hint: "Wait for the answers to those before, or ask for less." },
  );
}
