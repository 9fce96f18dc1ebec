import assert from "node:assert/strict";
import { test } from "node:test";
import { type Events, makeEvents } from "../../src/telemetry/bus.ts";
import { type LogOptions, levelOf, makeLog } from "../../src/telemetry/log.ts";
import { attempt } from "./attempt.ts";

const OPTIONS: LogOptions = { level: "info", daemonId: "0198", version: "0.1.0", to: "stdout" };
const REFUSAL = { line_number: 1, byte_offset: 0, reason: "it is no JSON", excerpt: "password=x" } as const;

/** What the log writes of what `emitAll` emits, one parsed object for each line. */
function linesOf(
  emitAll: (events: Events) => void,
  options: Partial<LogOptions> = {},
): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const events = makeEvents();
  events.subscribe(makeLog({ ...OPTIONS, ...options }, { write: (text) => lines.push(JSON.parse(text)) }));
  emitAll(events);
  return lines;
}

test("a line is one JSON object with level, time, daemon, version, event and fields", () => {
  const [line] = linesOf((events) => events.emit("daemon.stopping", { id: "0198", grace_ms: 5 }));
  assert.match(String(line?.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    { ...line, time: "" },
    {
      ...{ level: "info", time: "", daemon_id: "0198", version: "0.1.0", event: "daemon.stopping" },
      ...{ id: "0198", grace_ms: 5 },
    },
  );
});

test("lines below the level are not written, and silent writes none", () => {
  const emitAll = (events: Events): void => {
    events.emit("listener.connected", {});
    events.emit("ingest.started", { name: "app" });
    events.emit("settings.warned", { warning: "unused" });
    events.emit("schema.unusable", { error: "too new" });
  };
  const levels = linesOf(emitAll, { level: "warn" }).map(({ level }) => level);
  assert.deepEqual(levels, ["warn", "error"]);
  assert.equal(linesOf(emitAll, { level: "trace" }).length, 4);
  assert.equal(linesOf(emitAll, { level: "silent" }).length, 0);
});

test("attempts that failed show by default, those that succeeded do not", () => {
  assert.equal(levelOf({ name: "delivery.attempted", fields: attempt() }), "debug");
  assert.equal(levelOf({ name: "delivery.attempted", fields: attempt({ failure_kind: "timeout" }) }), "info");
});

test("what a refused line says is in a log for debugging only", () => {
  const emitAll = (events: Events): void => events.emit("line.refused", REFUSAL);
  assert.equal(linesOf(emitAll, { level: "debug" })[0]?.excerpt, "password=x");
  assert.doesNotMatch(JSON.stringify(linesOf(emitAll)), /password|excerpt/);
});

test("an attempt that the log does not want costs less than a microsecond", () => {
  const events = makeEvents();
  events.subscribe(makeLog(OPTIONS, { write: () => assert.fail("it is written") }));
  const emitMany = (count: number): void => {
    for (let n = 0; n < count; n++) {
      events.emit("delivery.attempted", attempt({ attempt_number: n }));
    }
  };
  emitMany(50_000);
  const before = process.cpuUsage();
  emitMany(200_000);
  const { user, system } = process.cpuUsage(before);
  assert.ok((user + system) / 200_000 < 1, `${(user + system) / 200_000} us`);
});
