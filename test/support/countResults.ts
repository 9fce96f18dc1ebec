/** A reporter for Node's test runner that writes the counts of a whole run, as JSON, and nothing else. */
import type { TestEvent } from "node:test/reporters";

export interface ResultCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export default async function* countResults(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    // Each file has a summary as well.
    if (event.type === "test:summary" && event.data.file === undefined) {
      const { tests, passed, skipped, todo } = event.data.counts;
      // What was cancelled has failed.
      const counts: ResultCounts = { passed, failed: tests - passed - skipped - todo, skipped };
      yield JSON.stringify(counts);
    }
  }
}
