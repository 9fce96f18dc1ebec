/** Login roles for tests. Roles belong to the server, so each gets a unique name and is dropped with the test. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import type { Session } from "./engine.ts";

/** What the migrations make, without `postrider_`. */
export const ROLES = ["publisher", "reader", "operator", "daemon", "portal"] as const;
export type Role = (typeof ROLES)[number];

export interface Login {
  readonly name: string;
  /** Of the database that it was made for. */
  readonly url: string;
  /** Takes the role away, with all that it owns in that database. */
  drop(): Promise<void>;
}

/** A role that may log in, is not a superuser, cannot create roles, and is a member of these. */
export async function createLogin(
  database: { readonly pool: Session; readonly url: string },
  memberOf: readonly string[] = [],
): Promise<Login> {
  const name = `postrider_test_${process.pid}_${randomBytes(4).toString("hex")}`;
  const groups = memberOf.length === 0 ? "" : ` in role ${memberOf.map(pg.escapeIdentifier).join(", ")}`;
  await database.pool.query(`create role ${name} login password 'test'${groups}`);
  const url = new URL(database.url);
  url.username = name;
  url.password = "test";
  return {
    name,
    url: url.href,
    drop: async () => {
      await database.pool.query(`drop owned by ${name} cascade; drop role ${name}`);
    },
  };
}

/** Whether a statement run by that role is refused for lack of a privilege; any other error proves nothing. */
export async function isRefused(session: Session, role: string, statement: string): Promise<boolean> {
  await session.query(`begin; set local role ${pg.escapeIdentifier(role)}`);
  try {
    await session.query(statement);
    return false;
  } catch (thrown) {
    if (!(thrown instanceof pg.DatabaseError)) throw thrown;
    return thrown.code === "42501";
  } finally {
    await session.query("rollback");
  }
}

/**
 * The same of many statements, and none of them is left done. They are tried in the server, because thousands of round
 * trips would take longer than the statements.
 */
export async function whichAreRefused(
  session: Session,
  role: string,
  statements: readonly string[],
): Promise<readonly boolean[]> {
  await session.query(`
    begin;
    create function pg_temp.which_are_refused(statements text[]) returns boolean[] language plpgsql as $$
    declare
      statement text;
      refused boolean[] := '{}';
    begin
      foreach statement in array statements loop
        begin
          execute statement;
          raise exception 'it was not refused';
        exception
          when insufficient_privilege then refused := refused || true;
          when others then refused := refused || false;
        end;
      end loop;
      return refused;
    end $$;
    set local role ${pg.escapeIdentifier(role)}`);
  try {
    const { rows } = await session.query<{ refused: boolean[] }>("select pg_temp.which_are_refused($1) as refused", [
      statements,
    ]);
    return rows[0]?.refused ?? [];
  } finally {
    await session.query("rollback");
  }
}
