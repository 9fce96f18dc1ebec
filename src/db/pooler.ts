import type pg from "pg";
import { announcedPid, type ConnectionConfig, openPlainly } from "./connect.ts";
import { isOneTooMany } from "./pgErrors.ts";

/** Asked in all where the server's process is the one that was announced, as it is without a pooler; and otherwise. */
const ASKS_WITHOUT_SIGN = 6;
const ASKS_MAX = 24;

/**
 * Whether connections lead through a pooler that lends sessions for one transaction. It shows as soon as two connections
 * have been in one session, or one connection in two. They take turns in a way that shows it whether the pooler lends
 * the session that came back last or the one that came back first. Nothing is changed in any session.
 *
 * Throws PR0003 if the server cannot be reached. False if only one connection is to be had.
 */
export async function hasLentSessions(config: ConnectionConfig): Promise<boolean> {
  const one = await openPlainly(config);
  try {
    const other = await openPlainly(config).catch((thrown: unknown) => {
      if (isOneTooMany(thrown)) {
        return null;
      }
      throw thrown;
    });
    if (other === null) {
      return false;
    }
    return await isLent(one, other).finally(() => other.end());
  } finally {
    await one.end();
  }
}

async function isLent(one: pg.Client, other: pg.Client): Promise<boolean> {
  const ownerOf = new Map<number, pg.Client>();
  const pidOf = new Map<pg.Client, number>();
  let asksMax = ASKS_WITHOUT_SIGN;
  for (let ask = 0; ask < asksMax; ask += 1) {
    // One, other, other, one, one, …
    const client = ask % 4 === 0 || ask % 4 === 3 ? one : other;
    const pid = await askPid(client);
    if ((ownerOf.get(pid) ?? client) !== client || (pidOf.get(client) ?? pid) !== pid) {
      return true;
    }
    ownerOf.set(pid, client);
    pidOf.set(client, pid);
    if (pid !== announcedPid(client)) {
      asksMax = ASKS_MAX;
    }
  }
  return false;
}

async function askPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_catalog.pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}
