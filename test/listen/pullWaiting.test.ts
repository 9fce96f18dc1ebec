import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Database } from "../../src/db/database.ts";
import { type Place, PullWaiting } from "../../src/listen/pullWaiting.ts";

const LOOK_MS = 250;
const NEWS_GAP_MS = 10;
const [FIRST, SECOND]: readonly [Place, Place] = [
  { endpointId: "one", afterCursor: "a" },
  { endpointId: "one", afterCursor: "b" },
];

/** Postgres answers when the test says so, and time passes when it says so. */
class Surroundings {
  readonly looks: { readonly params: object; readonly answer: (...places: number[]) => void }[] = [];
  readonly waiting: PullWaiting;
  readonly #t: TestContext;

  constructor(t: TestContext) {
    this.#t = t;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const run = (_: unknown, params: object) =>
      new Promise((resolve) => {
        this.looks.push({ params, answer: (...places) => resolve({ rows: places.map((place) => ({ place })) }) });
      });
    this.waiting = new PullWaiting({ run } as unknown as Database);
  }

  wait(place: Place, waitMs = 30_000): Promise<boolean> {
    return this.waiting.wait(place, waitMs, new AbortController().signal);
  }

  async pass(ms: number): Promise<void> {
    this.#t.mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("one statement looks for all who wait, and wakes those for whom something is there", async (t) => {
  const around = new Surroundings(t);
  const [first, second] = [around.wait(FIRST), around.wait(SECOND, 1_000)];
  await around.pass(LOOK_MS);
  assert.deepEqual(
    around.looks.map(({ params }) => params),
    [{ endpointIds: ["one", "one"], afterCursors: ["a", "b"] }],
  );
  around.looks[0]?.answer(1);
  assert.equal(await first, true);
  await around.pass(LOOK_MS);
  assert.deepEqual(around.looks[1]?.params, { endpointIds: ["one"], afterCursors: ["b"] });
  await around.pass(1_000);
  assert.equal(await second, true, "its time is over");
});

test("news is looked for at once, and what comes together is looked for together", async (t) => {
  const around = new Surroundings(t);
  const first = around.wait(FIRST);
  around.waiting.news();
  around.waiting.news();
  await around.pass(NEWS_GAP_MS);
  assert.equal(around.looks.length, 1);
  // It may have come too late for the look in progress.
  around.waiting.news();
  around.looks[0]?.answer();
  await around.pass(0);
  await around.pass(NEWS_GAP_MS);
  assert.equal(around.looks.length, 2);
  around.looks[1]?.answer(1);
  assert.equal(await first, true);
});

test("while nobody waits, Postgres is asked for nothing", async (t) => {
  const around = new Surroundings(t);
  around.waiting.news();
  await around.pass(LOOK_MS);
  const only = around.wait(FIRST, 100);
  await around.pass(100);
  assert.equal(await only, true);
  await around.pass(10 * LOOK_MS);
  assert.equal(around.looks.length, 0);
});
