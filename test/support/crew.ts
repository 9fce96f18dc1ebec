/** Works through jobs, as many at once as keep the machine busy: files of tests mostly wait, some of them for seconds. */
import { cpus } from "node:os";

/** How many jobs run at once: `min` always, and more while cores idle. */
export interface CrewSize {
  readonly min: number;
  readonly max: number;
}

/** A third of a core of two: a run of which a quarter is idle takes a third longer than it must. */
const IDLE_SHARE_MIN = 0.15;

export class Crew<Job> {
  readonly #jobs: Iterator<Job>;
  readonly #run: (job: Job) => Promise<void>;
  readonly #size: CrewSize;
  readonly #done = Promise.withResolvers<void>();
  #workers = 0;
  #isIdle = false;

  constructor(jobs: Iterable<Job>, run: (job: Job) => Promise<void>, size: CrewSize) {
    this.#jobs = jobs[Symbol.iterator]();
    this.#run = run;
    this.#size = size;
    for (let count = 0; count < size.min; count++) this.#hire();
  }

  /** Resolves when every job is done, and rejects when one has failed. */
  finish(): Promise<void> {
    return this.#done.promise;
  }

  /** Takes note of how idle the cores have been. One more job starts if they were; if not, those above `min` end with theirs. */
  look(idleShare: number): void {
    this.#isIdle = idleShare >= IDLE_SHARE_MIN;
    if (this.#isIdle && this.#workers < this.#size.max) this.#hire();
  }

  #hire(): void {
    this.#workers++;
    this.#work().catch(this.#done.reject);
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#jobs.next();
      if (next.done === true) break;
      await this.#run(next.value);
      if (!this.#isIdle && this.#workers > this.#size.min) break;
    }
    this.#workers--;
    if (this.#workers === 0) this.#done.resolve();
  }
}

/** Tells, each time, which share of all cores' time has been idle since the time before. */
export function idleMeter(): () => number {
  let before = sumOfTimes();
  return () => {
    const now = sumOfTimes();
    const [idle, all] = [now.idle - before.idle, now.all - before.all];
    before = now;
    return all > 0 ? idle / all : 0;
  };
}

function sumOfTimes(): { readonly idle: number; readonly all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const idle = times.reduce((sum, each) => sum + each.idle, 0);
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { idle, all };
}
