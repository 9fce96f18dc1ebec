import assert from "node:assert/strict";
import { test } from "node:test";
import { makeEvents } from "../../src/telemetry/bus.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import type { Emitted } from "../../src/telemetry/events.ts";

const FAILURE = { error: "the disk is full", sqlstate: "53100" } as const;

function arrange(now?: () => number): { conditions: Conditions; emitted: Emitted[]; changes: () => number } {
  const events = makeEvents();
  const emitted: Emitted[] = [];
  events.subscribe((event) => emitted.push(event));
  const conditions = new Conditions(events, now);
  let changes = 0;
  conditions.watch(() => {
    changes += 1;
  });
  return { conditions, emitted, changes: () => changes };
}

test("a lasting condition is told once at its start and once at its end, with a count and how long", () => {
  const { conditions, emitted } = arrange();
  for (let n = 0; n < 5; n++) {
    conditions.begin("not_claiming", n === 0 ? "postgres.lost" : "claim.failed", FAILURE, `reason ${n}`);
  }
  assert.deepEqual(emitted, [{ name: "postgres.lost", fields: FAILURE }]);
  conditions.end("not_claiming", {});
  conditions.end("not_claiming", {});
  const [, ended, ...rest] = emitted;
  assert.equal(ended?.name, "postgres.restored");
  assert.ok(ended.fields.lasted_ms >= 0 && Number.isInteger(ended.fields.lasted_ms));
  assert.deepEqual([ended.fields.repeats, rest], [4, []]);
});

test("a condition that lasts is told again, more and more seldom, with what it is now", () => {
  let nowMs = 0;
  const { conditions, emitted } = arrange(() => nowMs);
  const toldAt: number[] = [];
  for (; nowMs <= 4 * 3_600_000; nowMs += 500) {
    const before = emitted.length;
    conditions.begin("not_claiming", "claim.failed", { ...FAILURE, error: `at ${nowMs}` });
    if (emitted.length > before) {
      toldAt.push(nowMs / 60_000);
    }
  }
  assert.deepEqual(toldAt, [0, 10, 30, 70, 130, 190]);
  assert.deepEqual(emitted.at(-1), { name: "claim.failed", fields: { ...FAILURE, error: "at 11400000" } });
});

test("a condition that comes and goes is told a few times a minute, each start with its end", () => {
  let nowMs = 0;
  const { conditions, emitted } = arrange(() => nowMs);
  for (; nowMs < 60_000; nowMs += 500) {
    conditions.begin("not_claiming", "claim.failed", FAILURE);
    conditions.end("not_claiming", {});
  }
  assert.equal(emitted.length, 10);
  assert.equal(emitted.filter(({ name }) => name === "postgres.restored").length, 5);
  // What lasts after all is told.
  conditions.begin("not_claiming", "claim.failed", FAILURE);
  nowMs += 3_000;
  conditions.begin("not_claiming", "claim.failed", FAILURE);
  conditions.end("not_claiming", {});
  assert.equal(emitted.length, 12);
});

test("the end has the fields that it is given", () => {
  const { conditions, emitted } = arrange();
  conditions.begin("not_sending", "sending.stopped", { reason: null, changed_by: "ada" });
  conditions.end("not_sending", { changed_by: "bob" });
  assert.deepEqual(emitted[1], {
    name: "sending.started",
    fields: { changed_by: "bob", lasted_ms: 0, repeats: 0 },
  });
});

test("the worst condition is shown, since its start and with its latest reason, on one line", () => {
  const { conditions } = arrange();
  assert.deepEqual(conditions.worst, { name: "well" });
  conditions.begin("blind", "gate.lost", { error: "x" }, "the gate");
  conditions.begin("not_recording", "record.failed", { ...FAILURE, results: 1 }, "first");
  const first = conditions.worst;
  conditions.begin("not_recording", "record.failed", { ...FAILURE, results: 1 }, `second\n${"x".repeat(300)}`);
  assert.ok(first.name === "not_recording" && conditions.worst.name === "not_recording");
  assert.equal(conditions.worst.sinceMs, first.sinceMs);
  assert.equal(conditions.worst.reason, `second\\n${"x".repeat(192)}`);
  conditions.end("not_recording", {});
  assert.equal(conditions.worst.name, "blind");
});

test("what only the log tells is not shown", () => {
  const { conditions, changes } = arrange();
  conditions.begin("not_beating", "daemon.beat_failed", { error: "x" });
  conditions.begin("lease_lost", "daemon.lease_lost", { lost_daemon_id: "0198", error: null });
  assert.deepEqual(conditions.worst, { name: "well" });
  assert.equal(changes(), 0);
});

test("a watcher hears of starts, ends and an edited reason of not_sending, and not of other reasons", () => {
  const { conditions, changes } = arrange();
  conditions.begin("not_recording", "record.failed", { ...FAILURE, results: 1 }, "one");
  conditions.begin("not_recording", "record.failed", { ...FAILURE, results: 1 }, "two");
  assert.equal(changes(), 1);
  conditions.end("not_recording", {});
  assert.equal(changes(), 2);
  for (const reason of ["a migration", "a migration", "a long migration"]) {
    conditions.begin("not_sending", "sending.stopped", { reason, changed_by: "ada" }, reason);
  }
  assert.equal(changes(), 4);
});
