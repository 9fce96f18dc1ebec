import assert from "node:assert/strict";
import { test } from "node:test";
import { Agenda, REVIEW_INTERVAL_MS } from "../../src/daemon/agenda.ts";
import type { Delivery } from "../../src/domain/delivery.ts";
import { deliveryOf } from "../support/delivery.ts";

/** What is due at the start is looked for first. */
function calmAgenda(): Agenda {
  const agenda = new Agenda();
  for (const look of ["events", "queue", "claims"] as const) {
    assert.equal(agenda.take(look), true, `${look} is due from the start`);
  }
  return agenda;
}

/** Resolves with whether the agenda still rests after everything that is due now has run. */
async function rests(rest: Promise<void>): Promise<boolean> {
  let isOver = false;
  void rest.then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return !isOver;
}

/** A timer of Node.js may end a moment early. The loop rests again then. */
async function untilDue(agenda: Agenda): Promise<void> {
  while (!agenda.isDue("queue")) await agenda.rest(["queue"]);
}

test("a look is taken off before it begins, so what arrives during it is kept", async () => {
  const agenda = calmAgenda();
  agenda.lookAgain();
  assert.equal(agenda.take("events"), true);
  assert.equal(agenda.isDue("events"), false);
  agenda.lookAgain();
  assert.equal(agenda.isDue("events"), true);
  assert.equal(await rests(agenda.rest(["events"])), false);
});

test("the earliest time counts", () => {
  const agenda = calmAgenda();
  const nowMs = performance.now();
  agenda.by("queue", nowMs - 1);
  agenda.by("queue", nowMs + 60_000);
  assert.equal(agenda.take("queue"), true);
  assert.equal(agenda.take("queue"), false);
});

test("a rest ends when one of its looks comes earlier, and not for another", async () => {
  const agenda = calmAgenda();
  const rest = agenda.rest(["events", "queue"]);
  agenda.room();
  assert.equal(await rests(rest), true);
  agenda.queued();
  assert.equal(await rests(rest), false);
});

test("a sign ends the rests that wait for it, and is not kept", async () => {
  const agenda = calmAgenda();
  const [events, queue] = [agenda.rest(["events", "room"]), agenda.rest(["queue"])];
  agenda.room();
  assert.equal(await rests(events), false);
  assert.equal(await rests(queue), true);
  assert.equal(await rests(agenda.rest(["room"])), true);
  const failing = agenda.rest(["again"], 3_600_000);
  agenda.by("events", Number.NEGATIVE_INFINITY);
  assert.equal(await rests(failing), true);
  agenda.lookAgain();
  assert.equal(await rests(failing), false);
  assert.equal(await rests(queue), false);
  agenda.close();
});

test("a rest ends after its longest time, and when the agenda is closed", async () => {
  const agenda = calmAgenda();
  await agenda.rest([], 5);
  const rest = agenda.rest(["events"], 3_600_000);
  assert.equal(await rests(rest), true);
  agenda.close();
  await rest;
  await agenda.rest(["events"]);
});

test("a look that is put off is not due before then, whatever is written down meanwhile", async () => {
  const agenda = calmAgenda();
  agenda.queued();
  const untilMs = performance.now() + 60;
  agenda.putOff("queue", untilMs);
  agenda.queued();
  agenda.lookAgain();
  assert.deepEqual([agenda.isDue("queue"), agenda.isDue("events")], [false, true]);
  await untilDue(agenda);
  assert.ok(performance.now() >= untilMs);
  assert.equal(agenda.take("queue"), true);
  agenda.queued();
  assert.equal(agenda.isDue("queue"), true);
});

test("a rest without a time lasts", async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  t.after(() => process.off("warning", onWarning));
  const agenda = calmAgenda();
  // The sum of a time and the longest timer is rounded up now and then.
  for (let round = 0; round < 50; round++) {
    const rest = agenda.rest(["review"]);
    await new Promise((resolve) => setTimeout(resolve, 0.1 * round));
    assert.equal(await rests(rest), true);
    agenda.by("review", Number.NEGATIVE_INFINITY);
    await rest;
    assert.equal(agenda.take("review"), true);
  }
  assert.deepEqual(warnings, []);
});

test("what waits in memory is reviewed within a quarter of a second, however often more comes", async () => {
  const agenda = calmAgenda();
  const startedMs = performance.now();
  agenda.review();
  const later = setInterval(() => agenda.review(), 20);
  await agenda.rest(["review"]);
  clearInterval(later);
  assert.ok(performance.now() - startedMs < 2 * REVIEW_INTERVAL_MS);
});

test("a retry that was recorded brings the queue back when it is due, and there is room", async () => {
  const agenda = calmAgenda();
  const delivery = deliveryOf({});
  const room = agenda.rest(["room"]);
  const startedMs = performance.now();
  agenda.recorded([
    { delivery, attempt: null, endpointRevision: null, bodyBytes: 0, decision: { state: "succeeded" } },
    { delivery, attempt: null, endpointRevision: null, bodyBytes: 0, decision: { state: "pending", waitMs: 400 } },
  ]);
  assert.equal(agenda.isDue("queue"), false);
  assert.equal(await rests(room), false);
  await untilDue(agenda);
  assert.ok(performance.now() - startedMs >= 400);
});

test("a success brings the queue back soon, unless another one of its run follows it", async () => {
  const agenda = calmAgenda();
  const tenure = { kind: "leased" as const, untilMs: 0, isCounted: false, content: null };
  const [first, last] = [deliveryOf({ tenure }), deliveryOf({ tenure })];
  first.next = last;
  const recorded = (delivery: Delivery) =>
    agenda.recorded([
      { delivery, attempt: null, endpointRevision: null, bodyBytes: 0, decision: { state: "succeeded" } },
    ]);
  recorded(first);
  assert.equal(await rests(agenda.rest(["queue"])), true);
  recorded(last);
  await untilDue(agenda);
});
