import { Kysely, PostgresDialect, type PostgresPool } from "kysely";

/**
 * The tables and views that composed queries read, with the types that the driver gives their columns: bigint and
 * numeric as text, timestamptz as Date. What no query reads is left out.
 */
export interface Schema {
  readonly "postrider.schema_migration": { readonly version: number };
  readonly "postrider.daemon_status": DaemonStatus;
  readonly "postrider.sending": SendingRow;
  readonly "postrider.backlog": BacklogRow;
  readonly "postrider.endpoint": EndpointRow;
  readonly "postrider.undelivered": UndeliveredRow;
  readonly "postrider.in_flight": InFlight;
  readonly "postrider.event_type": EventTypeRow;
  readonly "pg_catalog.pg_inherits": { readonly inhrelid: string; readonly inhparent: string };
  readonly "pg_catalog.pg_class": { readonly oid: string; readonly relname: string };
}

interface DaemonStatus {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: "live" | "late" | "lost";
  readonly condition: "well" | "not_recording" | "not_claiming" | "not_sending" | "blind";
  readonly condition_since: Date | null;
  readonly condition_reason: string | null;
  readonly started_at: Date;
  readonly beat_at: Date;
  readonly in_flight: number;
  readonly waiting: number;
}

interface SendingRow {
  readonly is_on: boolean;
  readonly reason: string | null;
  readonly changed_at: Date;
  readonly changed_by: string;
  readonly is_guarded: boolean;
}

/** Without an endpoint: the events that no daemon has claimed. */
export interface BacklogRow {
  readonly endpoint_id: string | null;
  readonly pending: string;
  readonly due: string;
  /** False if there are more than were counted. */
  readonly is_exact: boolean;
  /** Null if no event of it has an id that tells its time. */
  readonly oldest_at: Date | null;
}

/** Deliveries of an endpoint that ended without success. */
export interface UndeliveredRow {
  readonly endpoint_id: string;
  readonly exhausted: string;
  readonly discarded: string;
  /** False if there are more than were counted. */
  readonly is_exact: boolean;
}

export interface EndpointRow {
  readonly id: string;
  readonly tenant: string;
  /** Null for an endpoint whose receiver fetches its events. */
  readonly shown_url: string | null;
  readonly state: "active" | "paused" | "disabled";
  readonly state_reason: string | null;
  readonly circuit_opened_at: Date | null;
  readonly name: string | null;
  readonly handshake_state: "wanted" | "granted" | "refused" | null;
}

export interface EventTypeRow {
  readonly name: string;
  readonly description: string | null;
  /** Read by JSON.parse, so a number beyond a double changes. */
  readonly json_schema: unknown;
  readonly deprecated: boolean;
}

interface InFlight {
  readonly event_id: string;
  /** Null for a first attempt, which has no delivery row and so is in no backlog. */
  readonly lease_expires_at: Date | null;
}

/** Queries over the schema. They use the connections of a database, which its owner ends. */
export function queriesOf({ pool }: { readonly pool: PostgresPool }): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
}

export type Queries = Kysely<Schema>;
