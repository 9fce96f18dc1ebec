import assert from "node:assert/strict";
import { test } from "node:test";
import { eventTime } from "../../../src/daemon/claim/claimed.ts";
import { useDatabase } from "../../support/database.ts";
import { askFor, openSession } from "../../support/engine.ts";

const database = useDatabase();

const TIMES = [
  "2026-01-01T00:00:00Z",
  "2026-01-01T00:00:00.5Z",
  "2026-01-01T00:00:00.000001Z",
  "2026-01-01T00:00:00.100000Z",
  "2026-12-31T23:59:59.999999Z",
  "2026-03-29T02:30:00.123456+02",
  "0001-01-01T00:00:00.12Z",
  "10000-01-01T00:00:00.12345Z",
  "294276-12-31T23:59:59.999999Z",
];

for (const settings of ["set timezone = 'UTC'", "set timezone = 'America/St_Johns'; set datestyle = 'German'"]) {
  test(`the time of an event has six digits and a Z, whatever the value, after ${settings}`, async (t) => {
    const session = await openSession(t, database.url);
    await session.query(settings);
    for (const time of TIMES) {
      const json = await askFor(session, "select postrider_internal.event_time($1::timestamptz)::text", [time]);
      const expected = await askFor(
        session,
        `select to_char($1::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
        [time],
      );
      assert.equal(eventTime(String(json)), expected, time);
    }
  });
}

test("a time that ISO 8601 cannot say is passed on as Postgres writes it", async () => {
  for (const [time, expected] of [
    ["infinity", "infinity"],
    ["-infinity", "-infinity"],
    ["0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00 BC"],
  ]) {
    const json = await askFor(database.pool, "select postrider_internal.event_time($1::timestamptz)::text", [time]);
    assert.equal(eventTime(String(json)), expected);
  }
});
