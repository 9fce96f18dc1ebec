import assert from "node:assert/strict";
import { test } from "node:test";
import { EVENTS } from "../../src/telemetry/events.ts";
import { attemptLevel, type Log, type LogOptions, makeLog, urlForLog } from "../../src/telemetry/log.ts";

const OPTIONS: LogOptions = { level: "info", daemonId: "0198", version: "0.1.0", to: "stdout" };

/** What `write` logs, one parsed object per line. */
function linesOf(write: (log: Log) => void, options: Partial<LogOptions> = {}): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  write(makeLog({ ...OPTIONS, ...options }, { write: (text) => lines.push(JSON.parse(text)) }));
  return lines;
}

test("a line is one JSON object with level, time, daemon, version, event and fields", () => {
  const [line] = linesOf((log) => log.info({ event: "daemon.started", max_in_flight: 256 }));
  assert.match(String(line?.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    { ...line, time: "" },
    { level: "info", time: "", daemon_id: "0198", version: "0.1.0", event: "daemon.started", max_in_flight: 256 },
  );
});

test("lines below the level are not written, and silent writes none", () => {
  const writeAll = (log: Log) => {
    for (const level of ["trace", "debug", "info", "warn", "error", "fatal"] as const) {
      log[level]({ event: "postgres.lost" });
    }
  };
  const levels = linesOf(writeAll, { level: "warn" }).map(({ level }) => level);
  assert.deepEqual(levels, ["warn", "error", "fatal"]);
  assert.equal(linesOf(writeAll, { level: "trace" }).length, 6);
  assert.equal(linesOf(writeAll, { level: "silent" }).length, 0);
});

test("whether a level is written can be asked", () => {
  linesOf((log) => {
    assert.ok(log.isLevelEnabled("info"));
    assert.ok(!log.isLevelEnabled("debug"));
  });
});

test("a secret that is passed by mistake is blanked", () => {
  const lines = linesOf((log) => {
    log.info({
      event: "delivery.attempted",
      secret: "whsec_x",
      authorization: "Basic x",
      database_url: "postgres://x",
    });
    log.info({ event: "delivery.attempted", headers: { authorization: "Bearer x", "webhook-signature": "v1,x" } });
    log.info({ event: "delivery.attempted", request: { headers: { cookie: "x", "proxy-authorization": "x" } } });
    log.info({ event: "daemon.started", config: { databaseUrl: "postgres://x", listenUrl: null } });
    log.info({ event: "delivery.attempted", endpoints: [{ id: 1, secrets: ["whsec_x"] }] });
    log.info({ event: "delivery.attempted", "webhook-signature": "v1,x", "x-api-key": "x" });
  });
  const text = JSON.stringify(lines);
  assert.doesNotMatch(text, /whsec_x|Basic x|Bearer x|postgres:|v1,x|"x"/);
  assert.equal(text.match(/\[redacted\]/g)?.length, 11);
});

test("a field without a secret is left as it is, and so is the caller's object", () => {
  const fields = { event: "delivery.attempted", headers: { authorization: "Bearer x", accept: "*/*" } } as const;
  const [line] = linesOf((log) => log.info(fields));
  assert.deepEqual(line?.headers, { authorization: "[redacted]", accept: "*/*" });
  assert.equal(fields.headers.authorization, "Bearer x");
});

test("what is nested too deeply to be looked through is left out", () => {
  const [line] = linesOf((log) => log.info({ event: "record.failed", a: { b: { c: { d: { e: { secret: "x" } } } } } }));
  assert.deepEqual(line?.a, { b: { c: { d: { e: "[too deep]" } } } });
});

test("a URL is logged as its origin: what follows may be a secret", () => {
  assert.equal(urlForLog("https://user:pw@example.com:8443/hooks/a?token=x#y"), "https://example.com:8443");
  assert.equal(urlForLog("https://example.com"), "https://example.com");
  for (const text of ["user:pw@nowhere/x", "pw@nowhere", "postgres://user:pw@db/app", ""]) {
    assert.equal(urlForLog(text), "(not an http URL)");
  }
});

test("attempts that failed show by default, those that succeeded do not", () => {
  assert.equal(attemptLevel(null), "debug");
  assert.equal(attemptLevel("timeout"), "info");
});

test("every event has a name of two parts, and says what it means", () => {
  for (const [name, sentence] of Object.entries(EVENTS)) {
    assert.match(name, /^[a-z]+\.[a-z]+(_[a-z]+)?$/);
    assert.ok(sentence.length > 20);
  }
});
