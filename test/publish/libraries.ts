/**
 * One way into each library that events are published through: a transaction, a savepoint in it, and what stands
 * outside. test/libraries adds those that are not installed with the project.
 *
 * Prisma alone is a stand-in: 300 MB of packages generate a client, and download a program when they are installed.
 * The stand-in has what publish uses, as Prisma 7 has it: $queryRawUnsafe takes the values one by one and returns only
 * rows, a transaction has $transaction too, only the root has $connect, and Postgres's error comes as the cause of one
 * of Prisma's own.
 */
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import { openPool } from "../support/database.ts";

export interface Library {
  /** What is refused, unless a transaction is optional. */
  readonly root: unknown;
  /** Runs the work in a transaction, with a client for other statements in the same; rolls back where it rejects. */
  transaction(work: (tx: never, sql: (text: string) => Promise<unknown>) => Promise<void>): Promise<void>;
  /** The same inside a transaction of it. */
  savepoint(tx: never, work: (tx: never) => Promise<void>): Promise<void>;
  end(): Promise<void>;
}

export const LIBRARIES: Readonly<Record<string, (url: string) => Library>> = {
  "node-postgres": nodePostgres,
  Kysely: kysely,
  "Kysely with a controlled transaction": kyselyControlled,
  "Prisma (a stand-in)": prisma,
};

type Work = Parameters<Library["transaction"]>[0];

function nodePostgres(url: string): Library {
  const pool = openPool({ connectionString: url, max: 2 });
  return {
    root: pool,
    transaction: (work) => inTransaction(pool, (client) => work(client as never, (text) => client.query(text))),
    savepoint: (tx, work) => inSavepoint(tx as pg.PoolClient, () => work(tx)),
    end: () => pool.end(),
  };
}

function kysely(url: string): Library {
  const db = new Kysely<object>({
    dialect: new PostgresDialect({ pool: openPool({ connectionString: url, max: 2 }) }),
    plugins: [new CamelCasePlugin()],
  });
  return {
    root: db,
    transaction: (work) => db.transaction().execute((trx) => work(trx as never, sqlOf(trx))),
    // Kysely has savepoints on controlled transactions only; this one is written as SQL.
    savepoint: (tx, work) => inSavepoint({ query: sqlOf(tx as Kysely<object>) }, () => work(tx)),
    end: () => db.destroy(),
  };
}

function kyselyControlled(url: string): Library {
  const db = new Kysely<object>({
    dialect: new PostgresDialect({ pool: openPool({ connectionString: url, max: 2 }) }),
  });
  return {
    root: db,
    async transaction(work) {
      const trx = await db.startTransaction().execute();
      try {
        await work(trx as never, sqlOf(trx));
        await trx.commit().execute();
      } catch (thrown) {
        await trx.rollback().execute();
        throw thrown;
      }
    },
    savepoint: (tx, work) => inSavepoint({ query: sqlOf(tx as Kysely<object>) }, () => work(tx)),
    end: () => db.destroy(),
  };
}

function sqlOf(db: Kysely<object>): (text: string) => Promise<unknown> {
  return (text) => db.executeQuery(CompiledQuery.raw(text));
}

function prisma(url: string): Library {
  const pool = openPool({ connectionString: url, max: 2 });
  return {
    root: new PrismaStandIn(pool),
    transaction: (work) =>
      inTransaction(pool, (client) =>
        work(new PrismaTransactionStandIn(client) as never, (text) => client.query(text)),
      ),
    savepoint: (tx, work) => (tx as PrismaTransactionStandIn).$transaction((inner) => work(inner as never)),
    end: () => pool.end(),
  };
}

class PrismaTransactionStandIn {
  readonly #session: pg.Pool | pg.PoolClient;

  constructor(session: pg.Pool | pg.PoolClient) {
    this.#session = session;
  }

  async $queryRawUnsafe(text: string, ...values: unknown[]): Promise<unknown[]> {
    try {
      return (await this.#session.query(text, values)).rows;
    } catch (thrown) {
      throw Object.assign(new Error("Raw query failed", { cause: thrown }), { code: "P2010" });
    }
  }

  $transaction(work: (tx: this) => Promise<void>): Promise<void> {
    return inSavepoint(this.#session, () => work(this));
  }
}

class PrismaStandIn extends PrismaTransactionStandIn {
  async $connect(): Promise<void> {}
}

async function inTransaction(pool: pg.Pool, work: (client: pg.PoolClient) => ReturnType<Work>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await work(client);
    await client.query("commit");
  } catch (thrown) {
    await client.query("rollback");
    throw thrown;
  } finally {
    client.release();
  }
}

async function inSavepoint(
  session: { query(text: string): Promise<unknown> },
  work: () => Promise<void>,
): Promise<void> {
  await session.query("savepoint inner_part");
  try {
    await work();
    await session.query("release savepoint inner_part");
  } catch (thrown) {
    await session.query("rollback to savepoint inner_part");
    throw thrown;
  }
}
