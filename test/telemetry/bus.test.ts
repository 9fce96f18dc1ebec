import assert from "node:assert/strict";
import { test } from "node:test";
import { makeEvents } from "../../src/telemetry/bus.ts";
import type { Emitted } from "../../src/telemetry/events.ts";

test("each subscriber gets each event until it unsubscribes", () => {
  const events = makeEvents();
  const [first, second]: [Emitted[], Emitted[]] = [[], []];
  const unsubscribe = events.subscribe((event) => first.push(event));
  events.subscribe((event) => second.push(event));
  events.emit("settings.warned", { warning: "one" });
  unsubscribe();
  events.emit("settings.warned", { warning: "two" });
  assert.deepEqual(first, [{ name: "settings.warned", fields: { warning: "one" } }]);
  assert.equal(second.length, 2);
});

test("a subscriber that unsubscribes while it is called takes nothing from the others", () => {
  const events = makeEvents();
  const names: string[] = [];
  const unsubscribe = events.subscribe(() => unsubscribe());
  events.subscribe(({ name }) => names.push(name));
  events.emit("listener.connected", {});
  events.emit("listener.connected", {});
  assert.equal(names.length, 2);
});

test("a subscriber that throws breaks neither the emitter nor the others, and is reported once", () => {
  const events = makeEvents();
  const emitted: Emitted[] = [];
  events.subscribe(() => {
    throw new Error("no disk");
  });
  events.subscribe((event) => emitted.push(event));
  events.emit("listener.connected", {});
  events.emit("listener.connected", {});
  assert.deepEqual(
    emitted.map(({ name }) => name),
    ["subscriber.failed", "listener.connected", "listener.connected"],
  );
  assert.deepEqual(emitted[0]?.fields, { of: "listener.connected", error: "no disk" });
});
