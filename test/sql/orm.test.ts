/**
 * Inserts into the outbox as object-relational mappers write them, run by a publisher: what works works as it stands in
 * the README, and what does not fails with the error that is explained there. The texts are what these programs send,
 * from their sources; a driver that binds by itself sends the values as literals.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { openSession, reset, rowsOf } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";

interface Insert {
  /** Who writes it so, and why. */
  readonly by: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  /** The columns that come back, or the error; by default the id of each event. */
  readonly returns?: readonly string[];
  readonly events?: number;
  readonly refused?: { readonly code: string; readonly message: RegExp };
  /** What the payload of each event is then, if not the text that was sent. */
  readonly payload?: string;
}

/** jsonb would shorten the number, put "a" before "z" and take out the blank. */
const PAYLOAD = '{"n": 12345678901234567890.10, "z":1, "a":2}';
const AS_JSONB = '{"a": 2, "n": 12345678901234567890.10, "z": 1}';
const DENIED = { code: "42501", message: /permission denied for table outbox/ };

const INSERTS: readonly Insert[] = [
  {
    by: "Prisma: create with select: { id: true }",
    text: `INSERT INTO "postrider"."outbox" ("event_type","payload","tenant") VALUES ($1,$2,$3) RETURNING "postrider"."outbox"."id"`,
    values: ["order.paid", PAYLOAD, ""],
  },
  {
    by: "Prisma: create without a select returns every field of the model",
    text: `INSERT INTO "postrider"."outbox" ("event_type","payload","tenant") VALUES ($1,$2,$3)
      RETURNING "postrider"."outbox"."id", "postrider"."outbox"."event_type", "postrider"."outbox"."payload", "postrider"."outbox"."tenant"`,
    values: ["order.paid", PAYLOAD, ""],
    refused: DENIED,
  },
  {
    by: "Prisma: an @id with @default(uuid()) is made by Prisma and inserted",
    text: `INSERT INTO "postrider"."outbox" ("id","event_type","payload") VALUES ($1,$2,$3) RETURNING "postrider"."outbox"."id"`,
    values: ["0198c5a0-0000-7000-8000-000000000000", "order.paid", PAYLOAD],
    refused: DENIED,
  },
  {
    by: "Prisma: createMany, with DEFAULT where a row leaves out what another has",
    text: `INSERT INTO "postrider"."outbox" ("event_type","payload","tenant","ordering_key") VALUES ($1,$2,$3,DEFAULT), ($4,$5,DEFAULT,$6)`,
    values: ["order.paid", PAYLOAD, "", "order.paid", PAYLOAD, "o-1"],
    returns: [],
    events: 2,
  },
  {
    by: "Prisma: $queryRaw of publish",
    text: "SELECT postrider.publish(event_type => $1, payload => $2::json, idempotency_key => $3) AS id",
    values: ["order.paid", PAYLOAD, "k"],
  },
  {
    by: "Drizzle: id mapped as generatedAlwaysAs, returning({ id })",
    text: `insert into "postrider"."outbox" ("event_type", "payload", "tenant", "ordering_key", "deliver_at", "idempotency_key", "attributes") values ($1, $2, default, default, default, default, $3) returning "id"`,
    values: ["order.paid", PAYLOAD, '{"subject":"o-1"}'],
  },
  {
    by: "Drizzle: several rows, no returning",
    text: `insert into "postrider"."outbox" ("event_type", "payload", "tenant") values ($1, $2, default), ($3, $4, $5)`,
    values: ["order.paid", PAYLOAD, "order.paid", PAYLOAD, "acme"],
    returns: [],
    events: 2,
  },
  {
    by: "Drizzle: id mapped as uuid().defaultRandom() or default(…) is inserted as default",
    text: `insert into "postrider"."outbox" ("id", "event_type", "payload", "tenant") values (default, $1, $2, default) returning "id"`,
    values: ["order.paid", PAYLOAD],
    refused: DENIED,
  },
  {
    by: "Drizzle: returning() of every mapped column",
    text: `insert into "postrider"."outbox" ("event_type", "payload") values ($1, $2) returning "id", "event_type", "payload"`,
    values: ["order.paid", PAYLOAD],
    refused: DENIED,
  },
  {
    by: "Drizzle: onConflictDoNothing",
    text: `insert into "postrider"."outbox" ("event_type", "payload", "idempotency_key") values ($1, $2, $3) on conflict do nothing returning "id"`,
    values: ["order.paid", PAYLOAD, "k"],
  },
  {
    by: "Django: a field that is filled in by the database as primary key; psycopg binds the values itself, text as text",
    text: `INSERT INTO "postrider"."outbox" ("event_type", "payload", "tenant", "ordering_key", "deliver_at", "idempotency_key") VALUES ('order.paid', '${PAYLOAD}', '', NULL, NULL, NULL) RETURNING "postrider"."outbox"."id"`,
  },
  {
    by: "Django: a JSONField with psycopg 3, which casts to jsonb",
    text: `INSERT INTO "postrider"."outbox" ("event_type", "payload", "tenant") VALUES ('order.paid', '${PAYLOAD}'::jsonb, '') RETURNING "postrider"."outbox"."id"`,
    payload: AS_JSONB,
  },
  {
    by: "Django: bulk_create",
    text: `INSERT INTO "postrider"."outbox" ("event_type", "payload", "tenant") VALUES ('order.paid', '${PAYLOAD}', ''), ('order.paid', '${PAYLOAD}', 'acme') RETURNING "postrider"."outbox"."id"`,
    events: 2,
  },
  {
    by: "Django: a primary key with db_default is inserted as DEFAULT",
    text: `INSERT INTO "postrider"."outbox" ("id", "event_type", "payload", "tenant") VALUES (DEFAULT, 'order.paid', '${PAYLOAD}', '') RETURNING "postrider"."outbox"."id"`,
    refused: DENIED,
  },
  {
    by: "Django: other fields with db_default are returned too",
    text: `INSERT INTO "postrider"."outbox" ("event_type", "payload", "created_at") VALUES ('order.paid', '${PAYLOAD}', DEFAULT) RETURNING "postrider"."outbox"."id", "postrider"."outbox"."created_at"`,
    refused: DENIED,
  },
  {
    by: "Django: server-side binding, with a typed parameter",
    text: `INSERT INTO "postrider"."outbox" ("event_type", "payload", "tenant") VALUES ($1, $2::jsonb, $3) RETURNING "postrider"."outbox"."id"`,
    values: ["order.paid", PAYLOAD, ""],
    payload: AS_JSONB,
  },
  {
    by: "Rails: ignored_columns xid, seq and created_at",
    text: `INSERT INTO "postrider"."outbox" ("deliver_at", "event_type", "tenant", "ordering_key", "idempotency_key", "attributes", "payload") VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING "id"`,
    values: [null, "order.paid", "", null, null, null, PAYLOAD],
  },
  {
    by: "Rails: partial_inserts",
    text: `INSERT INTO "postrider"."outbox" ("event_type", "payload") VALUES ($1, $2) RETURNING "id"`,
    values: ["order.paid", PAYLOAD],
  },
  {
    by: "Rails: nothing ignored returns what the database fills in, and writes created_at",
    text: `INSERT INTO "postrider"."outbox" ("created_at", "event_type", "tenant", "payload") VALUES ($1, $2, $3, $4) RETURNING "id", "xid", "seq", "created_at"`,
    values: ["2026-11-24 09:00:00", "order.paid", "", PAYLOAD],
    refused: DENIED,
  },
  {
    by: "Rails: insert_all, which may do nothing on a conflict",
    text: `INSERT INTO "postrider"."outbox" ("event_type","payload") VALUES ('order.paid', '${PAYLOAD}'), ('order.paid', '${PAYLOAD}') ON CONFLICT DO NOTHING RETURNING "id"`,
    events: 2,
  },
  {
    by: "anything that returns *",
    text: `insert into postrider.outbox (event_type, payload) values ($1, $2) returning *`,
    values: ["order.paid", PAYLOAD],
    refused: DENIED,
  },
  {
    by: "a driver that says text of its parameter",
    text: `insert into postrider.outbox (event_type, payload) values ($1, $2::text) returning id`,
    values: ["order.paid", PAYLOAD],
    refused: { code: "42804", message: /column "payload" is of type json but expression is of type text/ },
  },
  {
    by: "a driver that says varchar of its parameter, cast in the statement",
    text: `insert into postrider.outbox (event_type, payload) values ($1::varchar, $2::varchar::json) returning id`,
    values: ["order.paid", PAYLOAD],
  },
  {
    by: "publish with jsonb, which names no function of ours",
    text: `select postrider.publish(event_type => $1, payload => $2::jsonb) as id`,
    values: ["order.paid", PAYLOAD],
    refused: { code: "42883", message: /function postrider\.publish\(.*jsonb\) does not exist/ },
  },
];

let database: TestDatabase;
let publisher: Login;

before(async () => {
  database = await createDatabase();
  publisher = await createLogin(database, ["postrider_publisher"]);
});

after(async () => {
  await publisher.drop();
  await database.drop();
});

beforeEach(() => reset(database.pool));

describe("an insert as it is written by", () => {
  for (const [index, insert] of INSERTS.entries()) {
    test(insert.by, async (t) => {
      const session = await openSession(t, publisher.url);
      if (insert.refused !== undefined) {
        await assert.rejects(send(session, insert, index), insert.refused);
        assert.deepEqual(await events(), []);
        return;
      }
      const { rows } = await send(session, insert, index);
      const found = await events();
      assert.equal(found.length, insert.events ?? 1);
      for (const event of found) {
        assert.deepEqual([event.event_type, event.payload], ["order.paid", insert.payload ?? PAYLOAD]);
      }
      const returned = insert.returns?.length === 0 ? [] : found.map(({ id }) => id);
      assert.deepEqual(rows.map(({ id }) => id).sort(), returned.sort());
      assert.deepEqual([...new Set(rows.flatMap(Object.keys))], [...(insert.returns ?? ["id"])]);

      // Once more: it is prepared now, and planned for the second time; what has a key adds nothing.
      await send(session, insert, index);
      const isKeyed = insert.values?.includes("k") ?? false;
      assert.equal((await events()).length, found.length * (isKeyed ? 1 : 2));
    });
  }
});

test("a second insert with an idempotency key returns no row, and publish the id of the first event", async (t) => {
  const session = await openSession(t, publisher.url);
  const text = `INSERT INTO "postrider"."outbox" ("event_type","payload","idempotency_key") VALUES ($1,$2,$3) RETURNING "id"`;
  const first = await session.query(text, ["order.paid", PAYLOAD, "k"]);
  assert.equal((await session.query(text, ["order.paid", PAYLOAD, "k"])).rowCount, 0);
  const again = await session.query("select postrider.publish($1, $2, idempotency_key => $3) as id", [
    "order.paid",
    "1",
    "k",
  ]);
  assert.deepEqual(again.rows, first.rows);
});

test("a driver that asks for the types of its parameters is told built-in ones, because some know no others", async (t) => {
  const session = await openSession(t, publisher.url);
  await session.query(
    `prepare asked as insert into postrider.outbox (event_type, payload, tenant, ordering_key, idempotency_key, attributes, deliver_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
  );
  assert.deepEqual(await rowsOf(session, "select parameter_types::text[] as types from pg_prepared_statements"), [
    { types: ["text", "json", "text", "text", "text", "jsonb", "timestamp with time zone"] },
  ]);
});

test("COPY may write the same columns as an insert", async (t) => {
  const session = await openSession(t, publisher.url);
  // node-postgres has no stream for it, and the privileges are looked at before the first row.
  await assert.rejects(
    session.query("copy postrider.outbox (event_type, payload) from stdin"),
    /COPY from stdin failed/,
  );
  await assert.rejects(session.query("copy postrider.outbox (id, event_type, payload) from stdin"), DENIED);
});

/** Values travel as parameters of a named, prepared statement, as these programs send them. */
function send(session: pg.Client, { text, values }: Insert, index: number): Promise<pg.QueryResult<{ id: string }>> {
  return values === undefined
    ? session.query(text)
    : session.query({ name: `insert_${index}`, text, values: [...values] });
}

function events() {
  return rowsOf<{ id: string; event_type: string; payload: string }>(
    database.pool,
    "select id, event_type, payload::text from postrider.outbox order by seq",
  );
}
