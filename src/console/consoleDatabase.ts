import { connectionConfig } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { SessionPool } from "../db/sessionPool.ts";
import { Sockets } from "../db/sockets.ts";
import { defineStatement, type Queryable } from "../db/statements.ts";
import type { Scope } from "../domain/scope.ts";
import { endsWithin } from "../ground/endsWithin.ts";
import { type Caller, type Credential, findCaller, may, ROLES } from "./caller.ts";
import type { Route } from "./route.ts";

/** One browser asks for a few things at once. None is opened before a request needs it. */
export const CONNECTIONS_MAX = 4;
/** A statement in progress may end within this time; then its connection is cut. */
const STOP_MS = 1_000;

const actForCaller = defineStatement("act_for_caller", {
  params: { role: "text", onlyReads: "boolean", onBehalfOf: "text" },
  columns: { settings: "text" },
});

export interface ConsoleDatabaseOptions {
  readonly apiDatabaseUrl: string | null;
  readonly apiDatabaseUrlFile: string | null;
}

export type Done<Value> =
  | { readonly kind: "done"; readonly value: Value; readonly caller: Caller }
  | { readonly kind: "stranger" }
  | { readonly kind: "lacking"; readonly scope: Scope; readonly caller: Caller };

/** Postgres for the API, by a login that is not the daemon's. It shares no connection with deliveries. */
export class ConsoleDatabase extends Database {
  readonly #sockets: Sockets;

  constructor({ apiDatabaseUrl, apiDatabaseUrlFile }: ConsoleDatabaseOptions) {
    const sockets = new Sockets();
    const named = { databaseUrl: apiDatabaseUrl, urlFile: apiDatabaseUrlFile, applicationName: "postrider" };
    const config = sockets.through(connectionConfig(named));
    super({ sessions: new SessionPool({ config, max: CONNECTIONS_MAX }), purpose: "console" });
    this.#sockets = sockets;
  }

  /**
   * Does `work` in one transaction, with the rights that the route needs and no others: as the role of its scope, and read
   * only for what only reads, which is what a GET does unless it `isNoted` in the audit. Nothing is done for a stranger, or
   * without the scope.
   */
  act<Value>(
    credential: Credential,
    { scope, alsoScope = scope, method }: Pick<Route, "scope" | "alsoScope" | "method">,
    work: (transaction: Queryable, caller: Caller) => Promise<Value>,
    isNoted = false,
  ): Promise<Done<Value>> {
    return this.transaction(async (transaction): Promise<Done<Value>> => {
      const caller = await findCaller(transaction, credential);
      if (caller === null) {
        return { kind: "stranger" };
      }
      const lacked = [scope, alsoScope].find((needed) => !may(caller, needed));
      if (lacked !== undefined) {
        return { kind: "lacking", scope: lacked, caller };
      }
      const onlyReads = method === "GET" && !isNoted;
      await transaction.run(actForCaller, { role: ROLES[scope], onlyReads, onBehalfOf: caller.onBehalfOf });
      return { kind: "done", value: await work(transaction, caller), caller };
    });
  }

  /** Closes every connection, soon. */
  async stop(): Promise<void> {
    await endsWithin(this.end(), STOP_MS);
    this.#sockets.cut();
  }
}
