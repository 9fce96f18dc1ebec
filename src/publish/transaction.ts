import { kindOf, PublishError } from "./publishError.ts";
import type { Statement } from "./statement.ts";

/**
 * What a statement can be sent through. This module imports neither code nor types of the libraries. It knows each one
 * by the part of its documented interface that it uses; the types say how a transaction differs from a pool.
 *
 * A parameter of type never takes what the library's own method takes, whatever that is.
 */

/** A client of node-postgres that has begun a transaction, or what has its interface. */
export interface PgTransaction {
  query(text: string, values: (string | null)[]): Promise<{ readonly rows: readonly unknown[] }>;
  /** Only a pool has it. A pool may send each query through another connection. */
  readonly totalCount?: undefined;
  /** Only root objects that begin transactions have it, such as those of PGlite and TypeORM. */
  readonly transaction?: undefined;
  /** Only the root of pg-promise has it. */
  readonly $pool?: undefined;
}

/** Of `db.transaction().execute(…)` or `db.startTransaction().execute()`. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: never): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Of `db.transaction(…)`, for Postgres. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
  transaction(work: never): Promise<unknown>;
  rollback(): never;
}

/** Of an interactive transaction: `prisma.$transaction(async (tx) => …)`. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: never[]): PromiseLike<unknown>;
  /** Only the root client has it. ($transaction proves nothing, because a transaction has it too since Prisma 7.) */
  readonly $connect?: undefined;
}

/** Of Postgres.js: `sql.begin(async (sql) => …)`. */
export interface PostgresJsTransaction {
  unsafe(text: string, values: never): PromiseLike<readonly unknown[]>;
  savepoint(work: never): Promise<unknown>;
}

/** The caller's transaction, in which the event is inserted: both are committed, or neither. */
export type Transaction =
  | PgTransaction
  | KyselyTransaction
  | DrizzleTransaction
  | PrismaTransaction
  | PostgresJsTransaction;

/** The same libraries outside a transaction: a pool, a client, a root instance. */
export type Database =
  | Pick<PgTransaction, "query">
  | Pick<KyselyTransaction, "executeQuery">
  | Pick<DrizzleTransaction, "execute" | "transaction">
  | Pick<PrismaTransaction, "$queryRawUnsafe">
  | Pick<PostgresJsTransaction, "unsafe">;

/** Sends a statement and resolves with its rows. Rejects with the library's error, unchanged. */
export type Send = (statement: Statement) => PromiseLike<readonly unknown[]>;

/**
 * - required: only an open transaction is accepted
 * - optional: the statement may run as its own transaction
 */
export type TransactionNeed = "required" | "optional";

/** What a caller wanted, for the errors: "cannot publish …", and what else could be passed than a transaction. */
export interface Purpose {
  readonly verb: string;
  readonly otherwise: string;
}

const PUBLISHING: Purpose = {
  verb: "publish",
  otherwise: 'pass { transaction: "optional" } if no change belongs to the event',
};

/** How to send through what the caller passed. Throws if that is unknown, or must be a transaction and is not. */
export function sendThrough(given: unknown, need: TransactionNeed, purpose: Purpose = PUBLISHING): Send {
  const members = membersOf(given);
  const library = members === null ? undefined : LIBRARIES.find(({ isOurs }) => isOurs(members));
  if (members === null || library === undefined) {
    throw new PublishError(
      "not_a_transaction",
      `cannot ${purpose.verb} through this: it is ${kindOf(given)}; pass a transaction of pg, Kysely, Drizzle, Prisma or Postgres.js`,
    );
  }
  const send: Send = (statement) => library.send(members, statement);
  if (need === "optional") {
    return send;
  }
  const place = library.placeOf(members);
  switch (place.kind) {
    case "inside":
      return send;
    case "outside":
      throw outsideTransaction(library, purpose, place.found);
    case "unknown":
      return (statement) => askServer(library, purpose, send).then(() => send(statement));
  }
}

type Members = Readonly<Record<string, unknown>>;

/** Where a statement would go, as far as what the caller passed shows. */
type Place =
  | { readonly kind: "inside" }
  | { readonly kind: "outside"; readonly found: string }
  | { readonly kind: "unknown" };

const INSIDE: Place = { kind: "inside" };
const UNKNOWN: Place = { kind: "unknown" };

interface Library {
  isOurs(given: Members): boolean;
  placeOf(given: Members): Place;
  readonly remedy: string;
  send(given: Members, statement: Statement): Promise<readonly unknown[]>;
}

const kysely: Library = {
  isOurs: (given) => has(given, "executeQuery") && typeof given.isTransaction === "boolean",
  placeOf: (given) => (given.isTransaction === true ? INSIDE : outside("it is a Kysely instance")),
  remedy: "pass the trx of db.transaction().execute(async (trx) => …)",
  async send(given, { text, values }) {
    // A CompiledQuery, as CompiledQuery.raw makes it. Plugins see the node, and keep state by the id.
    const query = {
      sql: text,
      parameters: values,
      query: { kind: "RawNode", sqlFragments: [text], parameters: [] },
      queryId: { queryId: "postrider" },
    };
    return rowsOf(await call(given, "executeQuery", [query]));
  },
};

const drizzle: Library = {
  isOurs: (given) => has(given, "execute") && has(given, "select") && has(given, "transaction"),
  placeOf: (given) => (has(given, "rollback") ? INSIDE : outside("it is a Drizzle database")),
  remedy: "pass the tx of db.transaction(async (tx) => …)",
  async send(given, { text, values }) {
    // An SQLWrapper: execute asks it for the SQL, and that SQL for its text. Drizzle's own SQL cannot give both.
    const query = { getSQL: () => query, toQuery: () => ({ sql: text, params: [...values] }) };
    return rowsOf(await call(given, "execute", [query]));
  },
};

const prisma: Library = {
  isOurs: (given) => has(given, "$queryRawUnsafe"),
  placeOf: (given) => (has(given, "$connect") ? outside("it is a Prisma client") : INSIDE),
  remedy: "pass the tx of prisma.$transaction(async (tx) => …)",
  send: async (given, { text, values }) => rowsOf(await call(given, "$queryRawUnsafe", [text, ...values])),
};

const postgresJs: Library = {
  isOurs: (given) => has(given, "unsafe"),
  placeOf: (given) =>
    has(given, "savepoint") ? INSIDE : outside("it is the sql of Postgres.js that belongs to no transaction"),
  remedy: "pass the sql of sql.begin(async (sql) => …)",
  send: async (given, { text, values }) => rowsOf(await call(given, "unsafe", [text, [...values]])),
};

const queryable: Library = {
  isOurs: (given) => has(given, "query"),
  placeOf(given) {
    if (typeof given.totalCount === "number") {
      return outside("it is a pool, which may send each query through another connection");
    }
    if (given.$pool !== undefined) {
      return outside("it is the root of pg-promise, which may send each query through another connection");
    }
    if (has(given, "transaction")) {
      return outside("it is a database that begins transactions");
    }
    switch (statusOf(given)) {
      case "T":
      case "E":
        return INSIDE;
      case "I":
        return outside(NOT_BEGUN);
      default:
        return UNKNOWN;
    }
  },
  remedy: 'pass a client, and await client.query("begin") before',
  send: async (given, { text, values }) => rowsOf(await call(given, "query", [text, [...values]])),
};

/** The server's last transaction status, which node-postgres keeps since 8.21 (I: idle). Undefined if the client keeps none. */
function statusOf(given: Members): unknown {
  return has(given, "getTransactionStatus") ? call(given, "getTransactionStatus", []) : undefined;
}

const NOT_BEGUN = "no transaction has begun on this client";

/**
 * A statement that fails outside a transaction, has no parameters, works in either protocol, and leaves nothing behind
 * inside one. A savepoint would need a second statement to release it. A query would take a snapshot, which a stricter
 * isolation level keeps. Every role may read this table, and only a VACUUM FULL of it has to wait. No expression can
 * tell, because now() and statement_timestamp() also differ outside a transaction if a statement has parameters.
 */
const ONLY_IN_TRANSACTION: Statement = {
  text: "lock table pg_catalog.pg_ts_template in access share mode",
  values: [],
};
const NO_ACTIVE_SQL_TRANSACTION = "25P01";

/** Costs one more round trip, for clients that have `query` but do not keep the server's transaction status. */
async function askServer(library: Library, purpose: Purpose, send: Send): Promise<void> {
  try {
    await send(ONLY_IN_TRANSACTION);
  } catch (thrown) {
    throw hasSqlState(thrown, NO_ACTIVE_SQL_TRANSACTION)
      ? outsideTransaction(library, purpose, NOT_BEGUN, thrown)
      : thrown;
  }
}

/** Looks at the error, and at the driver's error that a library may have wrapped. */
export function hasSqlState(thrown: unknown, state: string): boolean {
  const error = thrown as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } } | null | undefined;
  return error?.code === state || error?.cause?.code === state;
}

function outside(found: string): Place {
  return { kind: "outside", found };
}

function outsideTransaction(library: Library, purpose: Purpose, found: string, cause?: unknown): PublishError {
  return new PublishError(
    "no_transaction",
    `cannot ${purpose.verb} outside a transaction: ${found}; ${library.remedy}, or ${purpose.otherwise}`,
    cause === undefined ? undefined : { cause },
  );
}

/** The first one that recognises the value is used. The most general one, which needs only `query`, comes last. */
const LIBRARIES: readonly Library[] = [kysely, drizzle, prisma, postgresJs, queryable];

/** Postgres.js passes functions, all others pass objects. */
function membersOf(given: unknown): Members | null {
  return (typeof given === "object" && given !== null) || typeof given === "function" ? (given as Members) : null;
}

function has(given: Members, name: string): boolean {
  return typeof given[name] === "function";
}

function call(given: Members, name: string, values: readonly unknown[]): unknown {
  return (given[name] as (...values: readonly unknown[]) => unknown).call(given, ...values);
}

/** The rows themselves, or a result that has them. */
function rowsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) {
    return result;
  }
  const rows = (result as { readonly rows?: unknown } | null | undefined)?.rows;
  return Array.isArray(rows) ? rows : [];
}
