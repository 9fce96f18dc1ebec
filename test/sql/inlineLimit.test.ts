/** When an endpoint may have an inline_limit, and what SQL says of payloads above it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, test } from "node:test";
import type pg from "pg";
import { makeKeyPair } from "../format/jweReader.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, reset, rowsOf } from "../support/engine.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

async function addDaemon(publicUrl: string | null): Promise<void> {
  await database.pool.query(
    `insert into postrider.daemon (id, host, pid, version, beat_at, lease_expires_at, public_url)
     values ($1, 'host', 1, '1', now(), now() + interval '1 minute', $2)`,
    [randomUUID(), publicUrl],
  );
}

const set = (inline_limit: unknown, others = {}) =>
  createEndpoint(database.pool, [], { options: { inline_limit, ...others } });

test("without a daemon that receivers can reach it is refused, and the error says what to set", async () => {
  for (const prepare of [async () => {}, () => addDaemon(null)]) {
    await prepare();
    await assert.rejects(set(1_000), (error: pg.DatabaseError) => {
      assert.equal(
        error.message,
        "inline_limit needs a listener that receivers can reach, and no daemon that runs has one",
      );
      assert.match(error.hint ?? "", /^Set POSTRIDER_PUBLIC_URL on the daemons/);
      return true;
    });
    const id = await createEndpoint(database.pool, []);
    await assert.rejects(
      database.pool.query("update postrider.endpoint set inline_limit = 5 where id = $1", [id]),
      /POSTRIDER_PUBLIC_URL|needs a listener/,
    );
  }
  await addDaemon("https://events.example.com");
  await set(1_000);
});

test("once it is set, it can be changed whatever runs, and a restored row is taken", async () => {
  await addDaemon("https://events.example.com");
  const id = await set(0);
  await database.pool.query("delete from postrider.daemon");
  await database.pool.query("update postrider.endpoint set inline_limit = 67108864, name = 'n' where id = $1", [id]);
  const [row] = await rowsOf(database.pool, "select created_at from postrider.endpoint");
  await database.pool.query(
    `insert into postrider.endpoint (url, inline_limit, created_at) values ('http://restored.test/', 5, $1)`,
    [row?.created_at],
  );
});

test("it goes neither with a transformation nor with encryption, whichever comes first", async () => {
  await addDaemon("https://events.example.com");
  for (const other of [{ payload: "$.a" }, { encryption_key: makeKeyPair("X25519").publicJwk }]) {
    const [name = ""] = Object.keys(other);
    await assert.rejects(set(1_000, other), new RegExp(`^error: inline_limit and ${name} exclude each other$`));
    const id = await set(1_000);
    const value = Object.values(other).map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
    await assert.rejects(
      database.pool.query(`update postrider.endpoint set ${name} = $2 where id = $1`, [id, ...value]),
      /exclude each other/,
    );
  }
});

for (const inline_limit of [-1, 67_108_865, "1 MB", 1.5]) {
  test(`${inline_limit} is refused`, async () => {
    await addDaemon("https://events.example.com");
    await assert.rejects(set(inline_limit), /the option inline_limit cannot be|inline_limit is between 0 and 67108864/);
  });
}

test("a payload is as large as its bytes, however Postgres stores it", async () => {
  const random = "(select string_agg(encode(sha256(n::text::bytea), 'hex'), '') from generate_series(1, 400) n)";
  for (const [payload, bytes] of [
    ["'1'", 1],
    [`to_json(repeat('x', 98))`, 100],
    [`to_json(repeat('é', 4000))`, 8_002],
    [`to_json(repeat('x', 9998))`, 10_000],
    [`to_json(${random})`, 25_602],
  ] as const) {
    await database.pool.query(`delete from postrider.outbox`);
    await database.pool.query(`insert into postrider.outbox (event_type, payload) values ('a', ${payload})`);
    for (const limit of [0, bytes - 1, bytes, bytes + 1, 67_108_864]) {
      const found = await askFor(
        database.pool,
        "select postrider_internal.is_thin(payload, $1::int) from postrider.outbox",
        [limit],
      );
      assert.equal(found, bytes > limit, `${payload} above ${limit}`);
    }
    const none = await askFor(database.pool, "select postrider_internal.is_thin(payload, null) from postrider.outbox");
    assert.equal(none, false);
  }
});
