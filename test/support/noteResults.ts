/** A reporter for Node's test runner that writes the counts of a whole run and what has failed in it, as JSON, at its end. */
import type { TestEvent } from "node:test/reporters";

export interface ResultCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Failure {
  /** Absolute; null where Node does not say. */
  readonly file: string | null;
  /** Of the suites around the test, and its own. */
  readonly names: readonly string[];
  readonly message: string;
}

export interface Results {
  readonly counts: ResultCounts;
  readonly failures: readonly Failure[];
}

type Place = Pick<TestFail, "file" | "name" | "nesting">;
type TestFail = Extract<TestEvent, { type: "test:fail" }>["data"];

export default async function* noteResults(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names = new NamesAround();
  const failures: Failure[] = [];
  for await (const event of events) {
    if (event.type === "test:start") names.enter(event.data);
    // A suite that fails with a test of its says nothing new.
    if (event.type === "test:fail" && failureKind(event.data) !== "subtestsFailed") {
      failures.push({
        file: event.data.file ?? null,
        names: names.upTo(event.data),
        message: messageOf(event.data.details.error),
      });
    }
    // Each file has a summary as well.
    if (event.type === "test:summary" && event.data.file === undefined) {
      const { tests, passed, skipped, todo } = event.data.counts;
      // What was cancelled has failed.
      const counts: ResultCounts = { passed, failed: tests - passed - skipped - todo, skipped };
      yield JSON.stringify({ counts, failures } satisfies Results);
    }
  }
}

/** Each start tells only how deep it is; what has started before it and is less deep is around it. */
class NamesAround {
  readonly #byFile = new Map<string | undefined, string[]>();

  enter({ file, name, nesting }: Place): void {
    this.#byFile.set(file, [...this.#around(file, nesting), name]);
  }

  /** With its own. */
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

/** Of what was thrown; Node puts an error of its own around it. */
function messageOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : String(cause ?? message);
}
