/** A database with a role that may publish and a table of the application's, for all tests of a file. */
import { after, before, beforeEach } from "node:test";
import type pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { reset, rowsOf } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";

/** jsonb or JavaScript's numbers would shorten the number, and jsonb reorder the keys. */
export const JSON_TEXT = '{"n": 12345678901234567890.10, "z":1, "a":"\\u0000 \\" \\\\ {},NULL 😀"}';
export const CHANGE = "insert into public.change (note) values ('changed')";

export interface Publisher {
  /** As the login. */
  readonly url: string;
  /** As the owner. */
  readonly owner: { readonly url: string; readonly pool: pg.Pool };
  seen(): Promise<{ readonly events: readonly unknown[]; readonly changes: number }>;
  ids(): Promise<readonly string[]>;
  payloads(): Promise<readonly string[]>;
}

/** Emptied before each test. The login is a member of these roles. */
export function usePublisher(memberOf: readonly string[] = ["postrider_publisher"]): Publisher {
  let database: TestDatabase;
  let login: Login;

  before(async () => {
    database = await createDatabase();
    login = await createLogin(database, memberOf);
    await database.pool.query(`create table public.change (note text); grant insert on public.change to ${login.name}`);
  });

  after(async () => {
    await login.drop();
    await database.drop();
  });

  beforeEach(async () => {
    await reset(database.pool);
    await database.pool.query("truncate public.change");
  });

  return {
    get url() {
      return login.url;
    },
    get owner() {
      return database;
    },
    seen: () => seen(database.pool),
    ids: () => ids(database.pool),
    payloads: () => payloads(database.pool),
  };
}

async function seen(pool: pg.Pool): Promise<{ readonly events: readonly unknown[]; readonly changes: number }> {
  const events = await rowsOf<{ deliver_at: Date | null }>(
    pool,
    `select id, event_type, payload::text, tenant, ordering_key, idempotency_key, deliver_at, attributes
     from postrider.outbox order by seq`,
  );
  const changes = await rowsOf(pool, "select note from public.change");
  return {
    events: events.map((event) => ({ ...event, deliver_at: event.deliver_at?.toISOString() ?? null })),
    changes: changes.length,
  };
}

async function ids(pool: pg.Pool): Promise<readonly string[]> {
  const rows = await rowsOf<{ id: string }>(pool, "select id from postrider.outbox order by seq");
  return rows.map(({ id }) => id);
}

async function payloads(pool: pg.Pool): Promise<readonly string[]> {
  const rows = await rowsOf<{ text: string }>(pool, "select payload::text as text from postrider.outbox order by seq");
  return rows.map(({ text }) => text);
}
