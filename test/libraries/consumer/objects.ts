/** What the examples of the guide take for granted. Never run. */
import { drizzle as drizzleOf } from "drizzle-orm/node-postgres";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import type { Kysely } from "kysely";
import pg from "pg";
import postgres from "postgres";
import type { PrismaClient } from "./libraries.ts";

export { eq } from "drizzle-orm";

interface OrderUpdate {
  readonly where: { readonly id: number };
  readonly data: { readonly status: string };
}

export const client = new pg.Client();
export declare const kysely: Kysely<{ orders: { id: number; status: string } }>;
export const drizzle = drizzleOf(new pg.Pool());
export const orders = pgTable("orders", { id: integer().primaryKey(), status: text().notNull() });
export declare const prisma: PrismaClient<{ order: { update(change: OrderUpdate): Promise<unknown> } }>;
export const sql = postgres();

/** An application: what publishes in the caller's transaction, what commits by itself, and what gets events. */
export declare function payOrder(client: pg.Client, id: number): Promise<void>;
export declare function pay(id: number): Promise<void>;
export declare function receive(body: string): Promise<void>;
export const pool = new pg.Pool();
