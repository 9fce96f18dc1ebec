/** What metrics count of what waits. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import { createEndpoint, reset, rowsOf } from "../support/engine.ts";

const NOWHERE = "00000000-0000-0000-0000-000000000000";
const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Part {
  readonly endpoint_id: string | null;
  readonly event_id: string | null;
  readonly last_rows: number;
  readonly endpoints: number;
  readonly active: number;
  readonly paused: number;
  readonly due: number;
  readonly overdue: number;
  readonly overdue_seconds: number | null;
  readonly oldest_seconds: number | null;
}

async function measure(endpoint = NOWHERE, event = NOWHERE, rowsMax = 1_000): Promise<Part> {
  const [part] = await rowsOf<Part>(database.pool, statementText("measure_waiting"), [endpoint, event, rowsMax]);
  assert.ok(part !== undefined);
  return part;
}

async function addPending(endpoint: string, dueAgo: string, rest = ""): Promise<void> {
  await database.pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at${rest === "" ? "" : ", leased_by, lease_expires_at"})
     select postrider.uuid_v7(), $1, 'pending', now() - $2::interval${rest}`,
    [endpoint, dueAgo],
  );
}

test("overdue is what is due and nothing known holds back", async () => {
  const { pool } = database;
  const changes = {
    free: "name = name",
    paused: "state = 'paused'",
    failing: "circuit_opened_at = now()",
    limited: "max_in_flight = 1",
    batched: "batch_size = 10, batch_delay_ms = 600000",
  };
  const ids = new Map<string, string>();
  for (const [name, change] of Object.entries(changes)) {
    const id = await createEndpoint(pool, []);
    ids.set(name, id);
    await pool.query(`update postrider.endpoint set ${change} where id = $1`, [id]);
    await addPending(id, "5 min");
  }
  const free = ids.get("free") ?? "";
  const [pull] = await rowsOf<{ id: string }>(
    pool,
    'select endpoint_id as id from postrider.create_endpoint(null, options => \'{"kind": "pull"}\')',
  );
  await addPending(pull?.id ?? "", "5 min");
  await addPending(free, "-1 hour");
  await addPending(free, "1 hour", ", gen_random_uuid(), now() + interval '1 min'");
  const part = await measure();
  const { overdue_seconds, oldest_seconds, ...counts } = part;
  assert.deepEqual(counts, {
    ...{ endpoint_id: null, event_id: null, last_rows: part.last_rows },
    ...{ endpoints: 6, active: 7, paused: 1, due: 6, overdue: 1 },
  });
  assert.ok(Math.abs((overdue_seconds ?? 0) - 300) < 30, `${overdue_seconds} s`);
  assert.ok((oldest_seconds ?? -1) >= 0 && (oldest_seconds ?? 0) < 60, `${oldest_seconds} s`);
  await pool.query(
    "update postrider.delivery set lease_expires_at = now() - interval '1 s' where leased_by is not null",
  );
  assert.equal((await measure()).overdue, 2);
});

test("parts follow each other without a gap, and the rest of an endpoint can be passed over", async () => {
  const endpoints = [];
  for (let count = 0; count < 3; count++) {
    const endpoint = await createEndpoint(database.pool, []);
    endpoints.push(endpoint);
    for (let pending = 0; pending < 5; pending++) await addPending(endpoint, "1 min");
  }
  let [active, counted, last] = [0, 0, 0];
  let place: readonly [string, string] = [NOWHERE, NOWHERE];
  for (;;) {
    const part = await measure(...place, 4);
    active += part.active;
    counted += part.endpoints;
    last = part.last_rows;
    if (part.endpoint_id === null || part.event_id === null) break;
    place = [part.endpoint_id, part.event_id];
  }
  assert.deepEqual([active, counted, last], [15, 3, 3]);
  const [first = ""] = endpoints.toSorted();
  const rest = await measure(first, "ffffffff-ffff-ffff-ffff-ffffffffffff");
  assert.deepEqual([rest.active, rest.endpoints], [10, 2]);
  const nothing = await measure("ffffffff-ffff-ffff-ffff-ffffffffffff", NOWHERE);
  assert.deepEqual([nothing.active, nothing.endpoint_id, nothing.oldest_seconds], [0, null, null]);
});
