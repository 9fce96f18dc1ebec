/** A database with an inbox and a table that handlers write to, for all tests of a file; emptied before each. */
import { beforeEach } from "node:test";
import type pg from "pg";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";

export interface Effects {
  readonly url: string;
  readonly pool: pg.Pool;
  /** What handlers have written, in its order. */
  notes(): Promise<readonly string[]>;
  /** Of the inbox: `ID outcome` without the receiver, by id. */
  remembered(): Promise<readonly string[]>;
}

export function useEffects(): Effects {
  const database = useDatabase({ template: "empty" });
  let isMade = false;
  beforeEach(async () => {
    if (!isMade) {
      await database.pool.query(inboxSql());
      await database.pool.query("create table effect (id bigserial, note text not null)");
      isMade = true;
    }
    await database.pool.query("truncate effect, postrider_inbox, postrider_inbox_key");
  });
  return {
    get url() {
      return database.url;
    },
    get pool() {
      return database.pool;
    },
    notes: async () =>
      (await rowsOf<{ note: string }>(database.pool, "select note from effect order by id")).map(({ note }) => note),
    remembered: async () =>
      (
        await rowsOf<{ line: string }>(
          database.pool,
          "select event_id || ' ' || outcome as line from postrider_inbox order by event_id",
        )
      ).map(({ line }) => line),
  };
}

/** For a handler to run. */
export function writing(note: string): string {
  return `insert into effect (note) values ('${note}')`;
}
