/** What each library calls a transaction is taken, and what it calls a database is a compile error. Never run. */
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOfPostgresJs } from "drizzle-orm/postgres-js";
import type { ControlledTransaction, Kysely, Transaction } from "kysely";
import pg from "pg";
import postgres from "postgres";
import { publish, publishMany } from "postrider/publish";

const event = { eventType: "order.paid", payload: { order_id: 42 } };
const optional = { transaction: "optional" } as const;

const pool = new pg.Pool();
await publish(new pg.Client(), event);
await publish(await pool.connect(), event);
await publishMany(await pool.connect(), [event, event]);
// @ts-expect-error a pool may send each query through another connection
await publish(pool, event);
// @ts-expect-error
await publishMany(pool, [event]);
await publish(pool, event, optional);

declare const kysely: Kysely<{ orders: { id: number } }>;
declare const kyselyTransaction: Transaction<{ orders: { id: number } }>;
declare const controlled: ControlledTransaction<{ orders: { id: number } }>;
await kysely.transaction().execute((trx) => publish(trx, event));
await publish(kyselyTransaction, event);
await publish(controlled, event);
// @ts-expect-error
await publish(kysely, event);
await publish(kysely, event, optional);

const onNodePostgres = drizzle(pool);
const onPostgresJs = drizzleOfPostgresJs(postgres());
await onNodePostgres.transaction(async (tx) => {
  await publish(tx, event);
  await tx.transaction((inner) => publish(inner, event));
});
await onPostgresJs.transaction((tx) => publishMany(tx, [event]));
// @ts-expect-error
await publish(onNodePostgres, event);
// @ts-expect-error
await publish(onPostgresJs, event);
await publish(onNodePostgres, event, optional);

const sql = postgres();
await sql.begin((tx) => publish(tx, event));
await sql.begin((tx) => tx.savepoint((inner) => publish(inner, event)));
// @ts-expect-error
await publish(sql, event);
await publish(sql, event, optional);

/** As Prisma 7 generates it, down to what is used here; and the models. */
export type PrismaClient<Models = object> = PrismaTransaction<Models> & {
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
};
type PrismaTransaction<Models> = Models & {
  // biome-ignore lint/suspicious/noExplicitAny: so it is generated
  $queryRawUnsafe<T = unknown>(query: string, ...values: any[]): Promise<T>;
  $transaction<R>(work: (tx: PrismaTransaction<Models>) => Promise<R>): Promise<R>;
};
declare const prisma: PrismaClient;
await prisma.$transaction((tx) => publish(tx, event));
await prisma.$transaction((tx) => tx.$transaction((inner) => publishMany(inner, [event])));
// @ts-expect-error
await publish(prisma, event);
await publish(prisma, event, optional);

/** As pg-promise declares them: the root has $pool, and what is inside a task or a transaction has not. */
interface PgPromiseTask {
  // biome-ignore lint/suspicious/noExplicitAny: so it is declared
  query<T = any>(text: string, values?: any): Promise<T>;
}
declare const pgPromise: PgPromiseTask & { readonly $pool: object };
declare const pgPromiseTask: PgPromiseTask;
await publish(pgPromiseTask, event);
// @ts-expect-error
await publish(pgPromise, event);
await publish(pgPromise, event, optional);

// @ts-expect-error
await publish({}, event);
// @ts-expect-error
await publish("postgres://localhost/", event);
// @ts-expect-error
await publish(pool, event, { transaction: "none" });
