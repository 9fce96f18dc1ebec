/** A reporter for Node's tests that writes the counts, the failures and the CPU time of a file as JSON when it ends. */
import type { TestEvent } from "node:test/reporters";
import { ownCpuMs } from "./cpu.ts";

export interface ResultCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Failure {
  /** Absolute; null if Node does not say. */
  readonly file: string | null;
  /** The names of the suites around the test, then its own. */
  readonly names: readonly string[];
  readonly message: string;
}

export interface Results {
  readonly counts: ResultCounts;
  readonly failures: readonly Failure[];
  /** Of the file's process and of those that it has started and seen end; without the server of the run. */
  readonly cpuMs: number;
}

type Place = Pick<TestFail, "file" | "name" | "nesting">;
type TestFail = Extract<TestEvent, { type: "test:fail" }>["data"];

export default async function* noteResults(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names = new NamesAround();
  const failures: Failure[] = [];
  for await (const event of events) {
    if (event.type === "test:start") names.enter(event.data);
    // A suite that fails because of one of its tests adds nothing.
    if (event.type === "test:fail" && failureKind(event.data) !== "subtestsFailed") {
      failures.push({
        file: event.data.file ?? null,
        names: names.upTo(event.data),
        message: messageOf(event.data.details.error),
      });
    }
    if (event.type === "test:summary") {
      const { tests, passed, skipped, todo } = event.data.counts;
      // A cancelled test has failed.
      const counts: ResultCounts = { passed, failed: tests - passed - skipped - todo, skipped };
      yield JSON.stringify({ counts, failures, cpuMs: ownCpuMs() } satisfies Results);
    }
  }
}

/** Events give only the depth of a test: the last ones started at each lower depth are the suites around it. */
class NamesAround {
  readonly #byFile = new Map<string | undefined, string[]>();

  enter({ file, name, nesting }: Place): void {
    this.#byFile.set(file, [...this.#around(file, nesting), name]);
  }

  /** Including its own name. */
  upTo({ file, name, nesting }: Place): string[] {
    return [...this.#around(file, nesting), name];
  }

  #around(file: string | undefined, nesting: number): string[] {
    return (this.#byFile.get(file) ?? []).slice(0, nesting);
  }
}

function failureKind({ details }: TestFail): unknown {
  return "failureType" in details.error ? details.error.failureType : undefined;
}

/** The message of what was thrown, which Node wraps in another error. */
function messageOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : String(cause ?? message);
}
