import type { ChildProcess } from "node:child_process";
import { notReady, type Readiness, type Vitals } from "../listen/vitals.ts";
import { MergedSamples } from "../telemetry/mergedSamples.ts";
import type { Samples } from "../telemetry/metrics.ts";
import type { ProgramMetrics } from "../telemetry/programMetrics.ts";
import type { Answer, Question } from "./supervised.ts";

/** A process that has not answered by then is taken for one that does not work. */
const ANSWER_MS_MAX = 1_000;

type Resolve = (answer: unknown) => void;

/** The vitals of all daemons of a supervisor, each of which is asked over the channel to its process. */
export class ProcessesVitals implements Vitals {
  isStopping = false;
  /** Of the supervisor itself. */
  program: ProgramMetrics | null = null;
  readonly #processes: number;
  readonly #merged: MergedSamples;
  /** What each process has been asked and has not answered, by the question's id. */
  readonly #asked = new Map<ChildProcess, Map<number, Resolve>>();
  /** Those that did not answer the last question in time. */
  readonly #silent = new WeakSet<ChildProcess>();
  #questions = 0;

  /**
   * @param processes how many there should be
   * @param endpointsMax of how many endpoints metrics tell
   */
  constructor(processes: number, endpointsMax = 0) {
    this.#processes = processes;
    this.#merged = new MergedSamples(endpointsMax);
  }

  add(child: ChildProcess): void {
    this.#asked.set(child, new Map());
  }

  remove(child: ChildProcess): void {
    for (const resolve of this.#asked.get(child)?.values() ?? []) {
      resolve(null);
    }
    this.#asked.delete(child);
  }

  answered(child: ChildProcess, { id, answer }: Answer): void {
    this.#asked.get(child)?.get(id)?.(answer);
  }

  /** Asks for a sign of life; any word from the process is one. */
  ping(child: ChildProcess): void {
    this.#questions += 1;
    child.send({ kind: "question", id: this.#questions, about: "readiness" } satisfies Question, () => {
      // A process that is gone answers nothing either.
    });
  }

  async readiness(): Promise<Readiness> {
    if (this.isStopping) {
      return notReady("the daemons are stopping");
    }
    const answers = (await this.#askAll("readiness")) as (Readiness | null)[];
    const missing = Array.from({ length: this.#processes - answers.length }, () =>
      notReady("a daemon's process ended and is being replaced"),
    );
    const all = [...answers.map((answer) => answer ?? notReady("a daemon's process does not answer")), ...missing];
    return {
      reasons: this.#counted(all.flatMap(({ reasons }) => reasons)),
      notes: this.#counted(all.flatMap(({ notes }) => notes)),
    };
  }

  /**
   * One of them asks Postgres about what they have in common. What a process that gives no answer in time has counted is
   * known from its last one.
   */
  async metrics(): Promise<Samples> {
    const children = [...this.#asked.keys()];
    const asking = children.find((child) => !this.#silent.has(child)) ?? children[0];
    const answers = await Promise.all(
      [...this.#asked].map(async ([child, asked]) => {
        const samples = (await this.#ask(child, asked, child === asking ? "metrics" : "ownMetrics")) as Samples | null;
        return samples === null ? [] : [[child, samples] as const];
      }),
    );
    const { reasons } = await this.readiness();
    const own = {
      ...this.program?.samples(),
      postrider_ready: [{ labels: [], values: [reasons.length === 0 ? 1 : 0] }],
    };
    return this.#merged.merge(new Map<object, Samples>([[this, own], ...answers.flat()]));
  }

  /** The answers of all processes, null for one that gives none in time. */
  #askAll(about: Question["about"]): Promise<unknown[]> {
    return Promise.all([...this.#asked].map(([child, asked]) => this.#ask(child, asked, about)));
  }

  async #ask(child: ChildProcess, asked: Map<number, Resolve>, about: Question["about"]): Promise<unknown> {
    this.#questions += 1;
    const id = this.#questions;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    asked.set(id, resolve);
    const giveUp = setTimeout(() => resolve(null), ANSWER_MS_MAX);
    child.send({ kind: "question", id, about } satisfies Question, (error) => {
      if (error !== null) {
        resolve(null);
      }
    });
    try {
      const answer = await promise;
      if (answer === null) {
        this.#silent.add(child);
      } else {
        this.#silent.delete(child);
      }
      return answer;
    } finally {
      clearTimeout(giveUp);
      asked.delete(id);
    }
  }

  /** Each sentence once, with the number of processes that say it. */
  #counted(sentences: readonly string[]): readonly string[] {
    const counts = Map.groupBy(sentences, (sentence) => sentence);
    return [...counts].map(([sentence, { length }]) => `${sentence} (${length} of ${this.#processes} processes)`);
  }
}
