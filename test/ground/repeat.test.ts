import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { Repeat } from "../../src/ground/repeat.ts";

const NEVER_MS = Number.POSITIVE_INFINITY;

/** A look that counts, lasts until it is let go, and fails the test if it overlaps with itself. */
class Look {
  begun = 0;
  ended = 0;
  #nextMs: number;
  #release: PromiseWithResolvers<void> | null = null;
  readonly #begins: (() => void)[] = [];

  constructor(nextMs: number) {
    this.#nextMs = nextMs;
  }

  readonly look = async (): Promise<number> => {
    assert.equal(this.begun, this.ended, "two looks at once");
    this.begun += 1;
    const release = Promise.withResolvers<void>();
    this.#release = release;
    for (const begin of this.#begins.splice(0)) begin();
    await release.promise;
    this.ended += 1;
    return this.#nextMs;
  };

  /** Resolves when a look begins. */
  async begins(): Promise<void> {
    await new Promise<void>((resolve) => this.#begins.push(resolve));
  }

  end(nextMs = this.#nextMs): void {
    this.#nextMs = nextMs;
    this.#release?.resolve();
  }
}

test("it looks at once when it is started, and again after the delay that the look returned", async () => {
  const look = new Look(1);
  const repeat = new Repeat(look.look);
  repeat.start();
  for (let count = 1; count <= 3; count++) {
    await look.begins();
    assert.equal(look.begun, count);
    look.end();
  }
  await repeat.stop();
});

test("it does not look before its delay", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let looks = 0;
  const repeat = new Repeat(async () => {
    looks += 1;
    return NEVER_MS;
  });
  repeat.start(1_000);
  // A little less: the clock that the delay is taken from is not the one of the mocked timers.
  t.mock.timers.tick(900);
  assert.equal(looks, 0);
  t.mock.timers.tick(100);
  assert.equal(looks, 1);
  await repeat.stop();
});

test("soon cuts a wait short, and does not lengthen one", async () => {
  const look = new Look(NEVER_MS);
  const repeat = new Repeat(look.look);
  repeat.start(60_000);
  repeat.soon();
  repeat.soon(60_000);
  await look.begins();
  look.end();
  await repeat.stop();
  assert.equal(look.begun, 1);
});

test("soon during a look is kept for the next one", async () => {
  const look = new Look(NEVER_MS);
  const repeat = new Repeat(look.look);
  repeat.start();
  await look.begins();
  repeat.soon();
  look.end();
  await look.begins();
  look.end();
  await repeat.stop();
  assert.equal(look.begun, 2);
});

test("a look may ask for the next one itself, at once or later", async () => {
  let looks = 0;
  let active = 0;
  const done = Promise.withResolvers<void>();
  const repeat = new Repeat(async () => {
    active += 1;
    assert.equal(active, 1, "two looks at once");
    looks += 1;
    if (looks === 3) done.resolve();
    else if (looks === 1) repeat.soon();
    await pause(5);
    if (looks === 2) repeat.soon();
    active -= 1;
    return NEVER_MS;
  });
  repeat.start();
  await done.promise;
  await repeat.stop();
  assert.equal(looks, 3);
});

test("stop waits for the look in progress, and the look can see it", async () => {
  const look = new Look(0);
  const repeat = new Repeat(look.look);
  repeat.start();
  await look.begins();
  assert.equal(repeat.isStopped, false);
  const stopped = repeat.stop().then(() => look.ended);
  assert.equal(repeat.isStopped, true);
  await pause(5);
  look.end();
  assert.equal(await stopped, 1);
});

test("a stop before the start wins, and one after the end does nothing", async () => {
  const look = new Look(0);
  const repeat = new Repeat(look.look);
  await repeat.stop();
  repeat.start();
  repeat.soon();
  await pause(5);
  await Promise.all([repeat.stop(), repeat.stop()]);
  assert.equal(look.begun, 0);
});

const NO_LOOK = { asksAgain: false, lastsMs: 0, nextMs: 0 };

type Command = "start" | "soon" | "stop" | "pass" | "longer";

test("whatever is called in whatever order, looks never overlap, and none begins or lasts after a stop", async () => {
  const command = fc.constantFrom<Command>("start", "soon", "soon", "stop", "pass", "pass", "longer");
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 12 }),
      fc.array(fc.record({ asksAgain: fc.boolean(), lastsMs: fc.nat(2), nextMs: fc.constantFrom(0, 1, 2, NEVER_MS) }), {
        minLength: 1,
      }),
      async (commands, looks) => {
        let begun = 0;
        let active = 0;
        const repeat = new Repeat(async () => {
          active += 1;
          assert.equal(active, 1, "two looks at once");
          const { asksAgain, lastsMs, nextMs } = looks[begun % looks.length] ?? NO_LOOK;
          begun += 1;
          if (asksAgain) repeat.soon();
          await pause(lastsMs);
          active -= 1;
          return nextMs;
        });
        let isStarted = false;
        let isStopped = false;
        for (const each of commands) {
          if (each === "start") {
            repeat.start();
            isStarted ||= !isStopped;
          } else if (each === "soon") {
            repeat.soon();
          } else if (each === "stop") {
            isStopped = true;
            await repeat.stop();
            assert.equal(active, 0);
          } else {
            await pause(each === "pass" ? 0 : 3);
          }
        }
        if (isStarted && !isStopped) {
          const before = begun;
          repeat.soon();
          while (begun === before) await pause(1);
        }
        await repeat.stop();
        const atStop = begun;
        assert.equal(active, 0);
        repeat.start();
        repeat.soon();
        await pause(2);
        assert.equal(begun, atStop);
        assert.ok(isStarted || begun === 0);
      },
    ),
    { numRuns: 100 },
  );
});
