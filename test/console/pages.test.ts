/** What the API's lists and charts read of a large database. test/scale/console.test.ts does the same at 10,000,000 deliveries. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { OVERVIEW, testPages } from "../support/consolePages.ts";
import { useDatabase } from "../support/database.ts";

/** Most of them of the last half of a day. */
testPages(useDatabase({ server: "alone" }), { events: 100_000, spacingMs: 500, timeoutMs: 300_000 });

test("what the overview asks is known, so that its cost is measured as a whole", () => {
  const asked = ["screens/overview", "parts/charts", "parts/latest"].flatMap((name) => {
    const text = readFileSync(new URL(`../../src/console/ui/${name}.tsx`, import.meta.url), "utf8");
    return [...text.matchAll(/\bcall\("(\w+)"/g)].map(([, operation]) => operation);
  });
  assert.deepEqual([...new Set(asked)].toSorted(), Object.keys(OVERVIEW).toSorted());
});
