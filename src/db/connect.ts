import { readFile } from "node:fs/promises";
import pg from "pg";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { type LibpqConfig, readConnectionUrl, UnreadableUrl } from "./libpq.ts";
import { classifyPostgresError, StandbyError } from "./pgErrors.ts";
import { type Queryable, queryable } from "./statements.ts";

/**
 * How a connection to Postgres is made.
 *
 * node-postgres leaves every deadline and keepalive off. A link that is cut silently then hangs for as long as TCP
 * retries, about a quarter of an hour. So each connection here has them all, and a connection that shows any sign of
 * trouble is thrown away instead of reused.
 */

export type ConnectionConfig = LibpqConfig;

/** What a connection is for. It decides the deadlines, and follows the slash in application_name. */
export type Purpose =
  | "claim"
  | "pipeline"
  | "wake"
  | "maintain"
  | "ingest"
  | "apply"
  | "listen"
  | "payload"
  | "console"
  | "control"
  | "migrate";

interface SessionLimits {
  /** 0: none. The client gives up QUERY_GRACE_MS later: it waits for the server's own answer first. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

const SESSION_LIMITS: Readonly<Record<Purpose, SessionLimits>> = {
  // Every event waits behind a claim. A slow claim, mostly due to a slow filter, must end before users notice.
  claim: { statementTimeoutMs: 2_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 10_000 },
  // Claims and records take milliseconds; ten seconds means that something is wrong.
  pipeline: { statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 10_000 },
  // The locks that say which daemons sleep. They are tried, never waited for; after a few seconds they are in doubt.
  wake: { statementTimeoutMs: 3_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 3_000 },
  // Retention deletes and truncates. Statements that lock a table the application writes to set a shorter lock_timeout.
  maintain: { statementTimeoutMs: 300_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 30_000 },
  // A batch of log lines takes tens of milliseconds; one that takes longer than this is cut in two.
  ingest: { statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 10_000 },
  // A file of ten thousand endpoints takes half a minute, and other changes of them wait for it.
  apply: { statementTimeoutMs: 300_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 30_000 },
  // Someone waits for the answer, and has given up after seconds.
  listen: { statementTimeoutMs: 5_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 5_000 },
  // A slice of a payload of a gigabyte takes Postgres several seconds, and more on a busy server.
  payload: { statementTimeoutMs: 60_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 5_000 },
  // A person looks at a screen, or a program asks the API: what takes longer should ask for less.
  console: { statementTimeoutMs: 5_000, lockTimeoutMs: 2_000, idleInTransactionTimeoutMs: 5_000 },
  control: { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 30_000 },
  // A migration may take as long as it needs, but must not wait for a lock while others queue up behind it.
  migrate: { statementTimeoutMs: 0, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 60_000 },
};

/**
 * These purposes are useless on a server that was made read-only, as some failover tools do with the old primary. A
 * connection that only reads would stay there, and never learn that the name now leads elsewhere.
 */
const WRITERS: ReadonlySet<Purpose> = new Set([
  "pipeline",
  "wake",
  "maintain",
  "ingest",
  "apply",
  "listen",
  "payload",
  "console",
]);

/** The client waits this long after the server's statement_timeout has passed: by then only a dead link is left. */
const QUERY_GRACE_MS = 5_000;
const SERVER_VERSION_MIN = 150_000;

export interface ConnectionOptions {
  /** `postgres://…`; null: what libpq takes where nothing is said. */
  readonly databaseUrl: string | null;
  /** Shown in pg_stat_activity, followed by a slash and the purpose. A name in the URL takes precedence. */
  readonly applicationName: string;
  /** The file that held the URL. Its password is read again for each connection, because it may have been replaced. */
  readonly urlFile?: string | null;
}

/**
 * The configuration of a connection, without deadlines: those come with the purpose.
 * Throws PR0002 if the URL cannot be read, without repeating it: it holds a password.
 */
export function connectionConfig({ databaseUrl, applicationName, urlFile }: ConnectionOptions): ConnectionConfig {
  try {
    const config = readConnectionUrl(databaseUrl ?? "postgres://");
    const named = { ...config, application_name: config.application_name ?? applicationName };
    const { password } = config;
    return urlFile == null || typeof password !== "string"
      ? named
      : { ...named, password: async () => (await passwordIn(urlFile)) ?? password };
  } catch (thrown) {
    throw thrown instanceof UnreadableUrl ? unreadableUrl(thrown) : thrown;
  }
}

/** Undefined if the file says nothing of it now: while it is being replaced, the last one is good enough. */
async function passwordIn(urlFile: string): Promise<string | undefined> {
  try {
    const { password } = readConnectionUrl((await readFile(urlFile, "utf8")).trimEnd());
    return typeof password === "string" ? password : undefined;
  } catch {
    return undefined;
  }
}

function unreadableUrl({ found, remedy }: UnreadableUrl): PostriderError {
  return new PostriderError([{ code: "PR0002", problem: "cannot read DATABASE_URL", found, remedy }], 2);
}

export interface SessionOptions {
  readonly config: ConnectionConfig;
  readonly purpose: Purpose;
  /** Whether statements are prepared under names. Default: if the session is this connection's own. */
  readonly preparedStatements?: boolean | undefined;
  /**
   * False for a pooler that lends a server session for one transaction, because settings of that session leak to its next
   * user. The server's deadlines then hold only inside Database.transaction. Default: whether the process that the
   * connection was told of is the session's; a pooler tells its clients of another one.
   */
  readonly ownSession?: boolean | undefined;
}

/** One connection, for a command or the wake locks. The caller ends it. */
export interface Connection extends Queryable {
  end(): Promise<void>;
  /** Calls back once when the connection has ended, however it ended. */
  onEnd(listener: () => void): void;
}

/**
 * Opens one connection, with the same setup as a database's.
 * Throws PR0003 if the server cannot be reached, StandbyError or PR0007 if it is the wrong one.
 */
export async function openConnection(options: SessionOptions): Promise<Connection> {
  const { client, isOwn } = await openSession(options).catch((thrown: unknown) => {
    throw thrown instanceof PostriderError ? thrown : unreachable(thrown, options.config);
  });
  return {
    ...queryable(client, { preparedStatements: options.preparedStatements ?? isOwn }),
    end: () => client.end(),
    onEnd: (listener) => client.once("end", listener),
  };
}

/** Opens a connection whose session stays as it is. Throws PR0003 if the server cannot be reached. */
export async function openPlainly(config: ConnectionConfig): Promise<pg.Client> {
  try {
    return await connected({ config, purpose: "control" });
  } catch (thrown) {
    throw unreachable(thrown, config);
  }
}

function connected(options: SessionOptions): Promise<pg.Client> {
  return options.config.tls.connect(async (ssl) => {
    const client = new pg.Client({ ...clientConfig(options), ssl });
    // While nothing is sent, nothing listens for its end, and an "error" without a listener ends the process. The
    // statement in progress, or the next one, rejects anyway.
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (thrown) {
      await client.end();
      throw thrown;
    }
  });
}

/** A connection that is set up for its purpose. */
export interface OpenSession {
  readonly client: pg.Client;
  /** False: a pooler lends the session for one transaction, and nothing of it was changed. */
  readonly isOwn: boolean;
}

/** Rejects with the error of the server or the link, with StandbyError, or with PR0007. */
export async function openSession(options: SessionOptions): Promise<OpenSession> {
  const client = await connected(options);
  try {
    return { client, isOwn: await prepareSession(client, options) };
  } catch (thrown) {
    await client.end();
    throw thrown;
  }
}

/** What node-postgres is given: the configuration with the deadline and the name of the purpose. */
function clientConfig({ config: { tls: _, ...config }, purpose }: SessionOptions): pg.ClientConfig {
  const queryTimeoutMs = queryTimeoutOf(purpose);
  return {
    ...config,
    application_name: applicationName(config, purpose),
    ...(queryTimeoutMs !== null && { query_timeout: queryTimeoutMs }),
  };
}

/** Postgres cuts what is longer. */
const NAME_BYTES_MAX = 63;

/** The name with what the connection is for. */
export function applicationName({ application_name = "postrider" }: pg.ClientConfig, purpose: string): string {
  return `${application_name.slice(0, NAME_BYTES_MAX - 1 - purpose.length)}/${purpose}`;
}

/** Sends a text, and waits for the answer as long as the purpose allows, whatever the connection was opened for. */
export function sendFor(
  purpose: Purpose,
  client: pg.ClientBase,
  text: string,
  values: readonly string[] = [],
): Promise<pg.QueryResult> {
  const queryTimeoutMs = queryTimeoutOf(purpose);
  const timeout = queryTimeoutMs === null ? {} : { query_timeout: queryTimeoutMs };
  return client.query({ text, values: [...values], ...timeout });
}

/** How long the client waits for an answer; null: for ever. */
export function queryTimeoutOf(purpose: Purpose): number | null {
  const { statementTimeoutMs } = SESSION_LIMITS[purpose];
  return statementTimeoutMs === 0 ? null : statementTimeoutMs + QUERY_GRACE_MS;
}

interface ServerFacts {
  readonly server_version: string;
  readonly version_number: number;
  readonly in_recovery: boolean;
  readonly read_only: boolean;
  readonly is_own: boolean;
}

/**
 * Sets the session up and looks at the server, in one round trip. Startup parameters will not do, because poolers refuse
 * those that they do not know. The search_path keeps operators and functions on the role's path from being mistaken for
 * Postgres's; our statements name everything else in full. The driver reads times in ISO style alone. Resolves with
 * whether the session is the connection's own.
 */
async function prepareSession(client: pg.Client, options: SessionOptions): Promise<boolean> {
  const { rows } = await client.query<ServerFacts>(
    `select
       pg_catalog.current_setting('server_version') as server_version,
       pg_catalog.current_setting('server_version_num')::integer as version_number,
       pg_catalog.pg_is_in_recovery() as in_recovery,
       pg_catalog.current_setting('default_transaction_read_only')::boolean as read_only,
       session.is_own,
       case when session.is_own then pg_catalog.set_config('default_transaction_isolation', 'read committed', false) end,
       case when session.is_own then pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false) end,
       case when session.is_own then pg_catalog.set_config('datestyle', 'ISO', false) end,
       case when session.is_own then pg_catalog.set_config('statement_timeout', $3, false) end,
       case when session.is_own then pg_catalog.set_config('lock_timeout', $4, false) end,
       case when session.is_own then pg_catalog.set_config('idle_in_transaction_session_timeout', $5, false) end
     from (select coalesce($1::boolean, pg_catalog.pg_backend_pid() = $2::integer, false) as is_own) as session`,
    [options.ownSession ?? null, announcedPid(client), ...limitTexts(options.purpose)],
  );
  if (rows[0] === undefined) {
    throw new Error("the server answered a select without a row");
  }
  refuseWrongServer(rows[0], options.purpose);
  return rows[0].is_own;
}

/** The process that the server, or a pooler before it, named when the connection was made; null if none was named. */
export function announcedPid(client: pg.Client): number | null {
  return "processID" in client && typeof client.processID === "number" ? client.processID : null;
}

/** Gives a session of ours to another purpose. */
export async function devoteSession(client: pg.Client, config: ConnectionConfig, purpose: Purpose): Promise<void> {
  await sendFor(
    purpose,
    client,
    `select pg_catalog.set_config('statement_timeout', $1, false),
            pg_catalog.set_config('lock_timeout', $2, false),
            pg_catalog.set_config('idle_in_transaction_session_timeout', $3, false),
            pg_catalog.set_config('application_name', $4, false)`,
    [...limitTexts(purpose), applicationName(config, purpose)],
  );
}

function limitTexts(purpose: Purpose): readonly string[] {
  const { statementTimeoutMs, lockTimeoutMs, idleInTransactionTimeoutMs } = SESSION_LIMITS[purpose];
  return [statementTimeoutMs, lockTimeoutMs, idleInTransactionTimeoutMs].map(String);
}

function refuseWrongServer(server: ServerFacts, purpose: Purpose): void {
  if (server.version_number < SERVER_VERSION_MIN) {
    throw new PostriderError([
      {
        code: "PR0007",
        problem: "cannot work with this server",
        found: `it is PostgreSQL ${server.server_version}`,
        remedy: "use PostgreSQL 15 or later",
      },
    ]);
  }
  if (server.in_recovery) {
    throw new StandbyError("it is a standby, which takes no writes");
  }
  if (server.read_only && WRITERS.has(purpose)) {
    throw new StandbyError("it takes no writes: default_transaction_read_only is on");
  }
}

/** Begins a transaction. In a session that a pooler lends it also sets the deadlines, which end with the transaction. */
export function beginText(purpose: Purpose, isOwn: boolean): string {
  const begin = "begin isolation level read committed read write";
  if (isOwn) {
    return begin;
  }
  const limits = SESSION_LIMITS[purpose];
  return [
    begin,
    "set local search_path = pg_catalog, pg_temp",
    "set local datestyle = 'ISO'",
    `set local statement_timeout = ${limits.statementTimeoutMs}`,
    `set local lock_timeout = ${limits.lockTimeoutMs}`,
    `set local idle_in_transaction_session_timeout = ${limits.idleInTransactionTimeoutMs}`,
  ].join("; ");
}

/** PR0003: where the connection leads, what happened there, and what to look at. Names no password. */
function unreachable(thrown: unknown, config: ConnectionConfig): PostriderError {
  const target = targetOf(config);
  const place = target.host.startsWith("/") ? target.host : `${target.host}:${target.port}`;
  return new PostriderError(
    [
      {
        code: "PR0003",
        problem: "cannot connect to Postgres",
        found: `${place}, database "${target.database}", user "${target.user}": ${messageOf(thrown)}`,
        remedy: remedyFor(thrown),
      },
    ],
    1,
    { cause: thrown },
  );
}

function remedyFor(thrown: unknown): string {
  const { sqlstate } = classifyPostgresError(thrown);
  switch (sqlstate) {
    case "28P01":
    case "28000":
      return "look at the user and password in DATABASE_URL, and at the server's pg_hba.conf";
    case "3D000":
      return "create the database, or name another one in DATABASE_URL";
    case "0A000":
      // "conversion between UTF8 and MULE_INTERNAL is not supported"
      return "Postgres cannot translate this database's encoding to UTF-8: use a database with the encoding UTF8";
    case "53300":
      return tooManyRemedy(messageOf(thrown));
    case null:
      return /SSL|certificate|altname/i.test(messageOf(thrown))
        ? "look at sslmode and sslrootcert in DATABASE_URL"
        : "look whether the server runs there, and at DATABASE_URL";
    default:
      return "mend what the server says, or set DATABASE_URL to another one";
  }
}

function tooManyRemedy(message: string): string {
  const limited = /for (role|database) "/.exec(message)?.[1];
  return limited === undefined
    ? "raise max_connections of the server, or close other connections"
    : `raise the limit with "alter ${limited} … connection limit", or close other connections`;
}

/** Where a session is, in the words of the server. */
export interface ServerName {
  readonly database: string;
  /** The role that logged in. */
  readonly role: string;
  readonly server_version: string;
}

export async function nameServer(client: Queryable): Promise<ServerName> {
  const { rows } = await client.query<ServerName>(
    `select pg_catalog.current_database()::text as database, session_user::text as role,
       pg_catalog.current_setting('server_version') as server_version`,
  );
  if (rows[0] === undefined) {
    throw new Error("the server answered a select without a row");
  }
  return rows[0];
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Where a connection would lead. */
export function targetOf({ host = "", port = 0, database = "", user = "" }: ConnectionConfig): Target {
  return { host, port, database, user };
}
