import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { eventOf, eventTime } from "../../src/db/eventColumns.ts";
import type { ClaimedEvent } from "../../src/domain/event.ts";
import { ATTRIBUTES_BYTES_MAX } from "../../src/format/cloudEventsAttributes.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, openSession, rowsOf } from "../support/engine.ts";

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

const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** The ordering key and the traceparent of an event with this key and these attributes. */
async function contextOf(orderingKey: string | null, attributes: string | null): Promise<(string | null)[]> {
  const event = await eventWith(orderingKey, attributes);
  return [event.orderingKey, event.traceparent];
}

async function attributesOf(attributes: string | null): Promise<readonly [string | null, boolean]> {
  const event = await eventWith(null, attributes);
  return [event.attributes, event.hasLargeAttributes];
}

async function eventWith(orderingKey: string | null, attributes: string | null): Promise<ClaimedEvent> {
  const context = await rowsOf<{ context: unknown }>(
    database.pool,
    "select postrider_internal.event_context($1, $2) as context",
    [orderingKey, attributes],
  );
  const row = { event_id: null, event_type: "order.paid", created_at: null, payload: "{}", ...context[0] };
  return eventOf({ context: null, ...row }, "");
}

test("an event has the ordering key and the traceparent that the application gave it", async () => {
  const traced = JSON.stringify({ subject: "x", traceparent: TRACEPARENT });
  assert.deepEqual(await contextOf(null, null), [null, null]);
  assert.deepEqual(await contextOf(null, "{}"), [null, null]);
  assert.deepEqual(await contextOf("order-42", null), ["order-42", null]);
  assert.deepEqual(await contextOf(null, traced), [null, TRACEPARENT]);
  assert.deepEqual(await contextOf("Zoë\n", traced), ["Zoë\n", TRACEPARENT]);
});

test("what is no traceparent is left out", async () => {
  for (const traceparent of [
    "",
    "x",
    7,
    null,
    [TRACEPARENT],
    { a: TRACEPARENT },
    ` ${TRACEPARENT}`,
    `${TRACEPARENT}\n`,
    `${TRACEPARENT}\r\nx-injected: y`,
    `${TRACEPARENT}-00`,
    TRACEPARENT.toUpperCase(),
    TRACEPARENT.replace(/^00/, "ff"),
    TRACEPARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32)),
    TRACEPARENT.replace("00f067aa0ba902b7", "0".repeat(16)),
  ]) {
    assert.deepEqual(await contextOf("k", JSON.stringify({ traceparent })), ["k", null], String(traceparent));
  }
});

test("attributes that fill pages are not read by a claim", async () => {
  const noise = Array.from({ length: 1_000 }, () => randomUUID()).join("");
  const attributes = JSON.stringify({ traceparent: TRACEPARENT, noise });
  assert.deepEqual(await contextOf("k", attributes), ["k", null]);
  assert.deepEqual(await attributesOf(attributes), [null, true]);
});

test("attributes that are long only as a text have a traceparent, and are not brought", async () => {
  const attributes = JSON.stringify({ a: "x".repeat(9_999), traceparent: TRACEPARENT });
  // Postgres compresses what it stores.
  const id = await askFor(database.pool, "select postrider.publish('a.b', '1', attributes => $1)", [attributes]);
  const [row] = await rowsOf<{ context: unknown }>(
    database.pool,
    "select postrider_internal.event_context(null, attributes) as context from postrider.outbox where id = $1",
    [id],
  );
  const columns = { event_id: null, event_type: "a.b", created_at: null, payload: "1", context: row?.context };
  const event = eventOf(columns, "");
  assert.deepEqual([event.traceparent, event.attributes, event.hasLargeAttributes], [TRACEPARENT, null, true]);
});

test("an event has the text of its attributes, up to 4096 bytes of it", async () => {
  const long = JSON.stringify({ a: "x".repeat(ATTRIBUTES_BYTES_MAX - 100) });
  for (const [attributes, expected] of [
    [null, [null, false]],
    ['{"n": 12345678901234567890.10, "a": "Zoë"}', ['{"a": "Zoë", "n": 12345678901234567890.10}', false]],
    [long, [long.replace(":", ": "), false]],
    // Fewer characters than that, and more bytes.
    [JSON.stringify({ a: "é".repeat(2_100) }), [null, true]],
  ] as const) {
    assert.deepEqual(await attributesOf(attributes), expected);
  }
});
