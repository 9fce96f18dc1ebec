import { kindOf, PublishError } from "./publishError.ts";
import type { Statement } from "./statement.ts";

/**
 * What a statement can be sent through. Nothing is imported from the libraries, and no type of theirs: each is known by
 * the part of its documented interface that is used here, and a type says what tells a transaction from a pool.
 *
 * A parameter of type never takes what the library's own method takes, whatever that is.
 */

/** A client of node-postgres that has begun a transaction, or what has its interface. */
export interface PgTransaction {
  query(text: string, values: (string | null)[]): Promise<{ readonly rows: readonly unknown[] }>;
  /** A pool has it: it may send each query through another connection. */
  readonly totalCount?: undefined;
  /** Roots have it that begin transactions, such as those of PGlite and TypeORM. */
  readonly transaction?: undefined;
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
  /** The root client has it. ($transaction will not do: since Prisma 7 a transaction has that, too.) */
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

/** Sends a statement and resolves with its rows. Rejects with what the library throws, untouched. */
export type Send = (statement: Statement) => PromiseLike<readonly unknown[]>;

/**
 * - required: what is no transaction is refused
 * - optional: the statement may be a transaction of its own
 */
export type TransactionNeed = "required" | "optional";

/** How to send through what the caller passed. Throws where that is nothing known, or no transaction and has to be one. */
export function sendThrough(given: unknown, need: TransactionNeed): Send {
  const members = membersOf(given);
  const library = members === null ? undefined : LIBRARIES.find(({ isOurs }) => isOurs(members));
  if (members === null || library === undefined) {
    throw new PublishError(
      "not_a_transaction",
      `cannot publish through this: it is ${kindOf(given)}; pass a transaction of pg, Kysely, Drizzle, Prisma or Postgres.js`,
    );
  }
  const found = need === "required" ? library.outside(members) : null;
  if (found !== null) {
    throw new PublishError(
      "no_transaction",
      `cannot publish outside a transaction: ${found}; ${library.remedy}, or pass { transaction: "optional" } where no change belongs to the event`,
    );
  }
  return (statement) => library.send(members, statement);
}

type Members = Readonly<Record<string, unknown>>;

interface Library {
  isOurs(given: Members): boolean;
  /** What shows that it is no transaction; null where it is one, or nobody can tell. */
  outside(given: Members): string | null;
  readonly remedy: string;
  send(given: Members, statement: Statement): Promise<readonly unknown[]>;
}

const kysely: Library = {
  isOurs: (given) => has(given, "executeQuery") && typeof given.isTransaction === "boolean",
  outside: (given) => (given.isTransaction === true ? null : "it is a Kysely instance"),
  remedy: "pass the trx of db.transaction().execute(async (trx) => …)",
  async send(given, { text, values }) {
    // A CompiledQuery: what CompiledQuery.raw makes. Plugins see the node and keep notes by the id.
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
  outside: (given) => (has(given, "rollback") ? null : "it is a Drizzle database"),
  remedy: "pass the tx of db.transaction(async (tx) => …)",
  async send(given, { text, values }) {
    // An SQLWrapper: what execute asks for the SQL, and the SQL for its text. Drizzle's own SQL has no way to give both.
    const query = { getSQL: () => query, toQuery: () => ({ sql: text, params: [...values] }) };
    return rowsOf(await call(given, "execute", [query]));
  },
};

const prisma: Library = {
  isOurs: (given) => has(given, "$queryRawUnsafe"),
  outside: (given) => (has(given, "$connect") ? "it is a Prisma client" : null),
  remedy: "pass the tx of prisma.$transaction(async (tx) => …)",
  send: async (given, { text, values }) => rowsOf(await call(given, "$queryRawUnsafe", [text, ...values])),
};

const postgresJs: Library = {
  isOurs: (given) => has(given, "unsafe"),
  outside: (given) => (has(given, "savepoint") ? null : "it is the sql of Postgres.js that belongs to no transaction"),
  remedy: "pass the sql of sql.begin(async (sql) => …)",
  send: async (given, { text, values }) => rowsOf(await call(given, "unsafe", [text, [...values]])),
};

const queryable: Library = {
  isOurs: (given) => has(given, "query"),
  outside(given) {
    if (typeof given.totalCount === "number") {
      return "it is a pool, which may send each query through another connection";
    }
    if (has(given, "transaction")) {
      return "it is a database that begins transactions";
    }
    // What the server said last: I is idle. Older releases of node-postgres do not keep it.
    const isIdle = has(given, "getTransactionStatus") && call(given, "getTransactionStatus", []) === "I";
    return isIdle ? "no transaction has begun on this client" : null;
  },
  remedy: 'pass a client, and await client.query("begin") before',
  send: async (given, { text, values }) => rowsOf(await call(given, "query", [text, [...values]])),
};

/** The first that recognises it; the last one knows nothing but `query`, so it comes last. */
const LIBRARIES: readonly Library[] = [kysely, drizzle, prisma, postgresJs, queryable];

/** Postgres.js gives functions, everybody else objects. */
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
