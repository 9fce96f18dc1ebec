/** The receivers that each process has, each with a path of its name. */
export const RECEIVERS = ["each", "batch", "latest"] as const;
export type ReceiverName = (typeof RECEIVERS)[number];

export interface ReceiverProcessOptions {
  readonly databaseUrl: string;
  /** Of the endpoint of each. */
  readonly secrets: Readonly<Record<ReceiverName, string>>;
}

/** What the handlers write. No constraint keeps an event from having its effect twice. */
export const EFFECT_TABLES = `
  create table effect (id bigserial, receiver text not null, event_id text not null);
  create table balance (receiver text, shard integer, amount bigint not null default 0, primary key (receiver, shard));
  insert into balance (receiver, shard) select r, s from unnest(array['each', 'batch']) r, generate_series(0, 9) s;
  create table state (key text primary key, event_id text not null)`;
