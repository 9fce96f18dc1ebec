import { Socket } from "node:net";
import pg from "pg";
import { messageOf, PostriderError } from "../ground/errors.ts";

/**
 * The one place that makes connections to Postgres, and decides what an error of one means.
 *
 * node-postgres leaves every deadline and keepalive off. A link that is cut without a word then hangs for as long as
 * TCP retries, about a quarter of an hour; so each connection here has them all, and a connection that has shown any
 * sign of being in doubt is thrown away instead of handed back.
 */

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;
export type Client = pg.Client;
export type ConnectionConfig = pg.ClientConfig;

/** What a statement can be sent through. A pool gives each statement any of its connections. */
export type Session = pg.Pool | pg.ClientBase;

/** What a connection is for; it decides the deadlines, and stands behind the slash in application_name. */
export type Purpose = "claim" | "pipeline" | "wake" | "maintain" | "ingest" | "control" | "migrate";

interface SessionLimits {
  /** 0: none. The client gives up QUERY_GRACE_MS later: it waits for the server's own answer first. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

const SESSION_LIMITS: Readonly<Record<Purpose, SessionLimits>> = {
  // Every event waits behind a claim: one that takes so long, for a slow filter mostly, is to end before that is felt.
  claim: { statementTimeoutMs: 2_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 10_000 },
  // Claims and records take milliseconds; ten seconds means that something is wrong.
  pipeline: { statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 10_000 },
  // The locks that say who sleeps: tried, never waited for, and in doubt after a few seconds.
  wake: { statementTimeoutMs: 3_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 3_000 },
  // Retention deletes and truncates. Statements that lock a table the application writes to set a shorter lock_timeout.
  maintain: { statementTimeoutMs: 300_000, lockTimeoutMs: 1_000, idleInTransactionTimeoutMs: 30_000 },
  // A batch of log lines takes tens of milliseconds; one that takes longer than this is cut in two.
  ingest: { statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 10_000 },
  control: { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 30_000 },
  // A migration takes as long as it takes; what it may not do is wait for a lock while others queue up behind it.
  migrate: { statementTimeoutMs: 0, lockTimeoutMs: 5_000, idleInTransactionTimeoutMs: 60_000 },
};

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_INITIAL_DELAY_MS = 10_000;
/** Read by the client after the server's statement_timeout has passed: only a dead link is left then. */
const QUERY_GRACE_MS = 5_000;
const IDLE_TIMEOUT_MS = 300_000;
/** A pool notices a moved primary behind an unchanged name at the latest when its connections have aged out. */
const LIFETIME_MAX_SECONDS = 1_800;
const SERVER_VERSION_MIN = 150_000;

/** Connections whose pooler cannot keep prepared statements. */
const withoutPreparedStatements = new WeakSet<object>();

/**
 * The sockets of one daemon's connections, which can be cut all at once. node-postgres says goodbye to an idle
 * connection and then waits for the server's own end, without a deadline: on a link that has fallen silent, for ever.
 */
export class Lines {
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  /** The same configuration, with the sockets kept here. */
  through(config: ConnectionConfig): ConnectionConfig {
    return { ...config, stream: () => this.#open() };
  }

  /** Connections that are open or being made. */
  get openCount(): number {
    return this.#sockets.size;
  }

  /** Ends every connection without a word; from now on none comes about. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) {
      socket.destroy(new Error("Connection terminated: the daemon has stopped"));
    }
  }

  #open(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#isCut) {
      setImmediate(() => socket.destroy(new Error("Connection terminated: the daemon has stopped")));
    }
    return socket;
  }
}

export interface ConnectionOptions {
  /** `postgres://…`; null: the standard PG* variables alone. */
  readonly databaseUrl: string | null;
  /** Seen in pg_stat_activity, followed by a slash and the purpose. A name in the URL is stronger. */
  readonly applicationName: string;
}

/**
 * The configuration of a connection, without deadlines: those come with the purpose.
 * Throws PR0002 where the URL cannot be read, without repeating it: it holds a password.
 */
export function connectionConfig({ databaseUrl, applicationName }: ConnectionOptions): ConnectionConfig {
  const config: ConnectionConfig = {
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_INITIAL_DELAY_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(databaseUrl === null ? {} : { connectionString: databaseUrl }),
  };
  if (databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw unreadableUrl("it does not start with postgres:// or postgresql://");
  }
  try {
    targetOf(config);
  } catch (thrown) {
    throw unreadableUrl(messageOf(thrown));
  }
  return config;
}

function unreadableUrl(found: string): PostriderError {
  return new PostriderError(
    [
      {
        code: "PR0002",
        problem: "cannot read DATABASE_URL",
        found,
        remedy: "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in the password",
      },
    ],
    2,
  );
}

export interface SessionOptions {
  readonly config: ConnectionConfig;
  readonly purpose: Purpose;
  /** False where a pooler loses prepared statements: statements are then sent without a name. Default: true. */
  readonly preparedStatements?: boolean;
  /**
   * False behind a pooler that lends a server's session for one transaction: what a session sets there stays with
   * whoever gets it next. The server's deadlines then hold only inside withTransaction. Default: true.
   */
  readonly ownSession?: boolean;
}

export interface PoolOptions extends SessionOptions {
  readonly max: number;
  /** Hears of idle connections that were lost. The pool has dropped them and makes new ones. */
  readonly onLost?: (error: Error) => void;
}

interface SessionTraits {
  readonly begin: string;
  readonly isLent: boolean;
}

const traitsOfPool = new WeakMap<pg.Pool, SessionTraits>();

/**
 * A pool whose connections have every deadline, run in `read committed`, and lead to a PostgreSQL 15 or later that takes
 * writes; otherwise taking one rejects, with StandbyError or PR0007.
 */
export function createPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    ...clientConfig(options),
    max: options.max,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    maxLifetimeSeconds: LIFETIME_MAX_SECONDS,
    onConnect: (client) => prepareSession(client, options),
  });
  pool.on("error", (error) => options.onLost?.(error));
  if (options.preparedStatements === false) {
    withoutPreparedStatements.add(pool);
  }
  traitsOfPool.set(pool, { begin: beginText(options), isLent: options.ownSession === false });
  return pool;
}

/**
 * One connection, for a command or a listener, made as a pool makes them. Whoever opens it ends it.
 * Throws PR0003 where the server cannot be reached, StandbyError or PR0007 where it is the wrong one.
 */
export async function openClient(options: SessionOptions): Promise<Client> {
  const client = new pg.Client(clientConfig(options));
  try {
    await client.connect();
    await prepareSession(client, options);
    return client;
  } catch (thrown) {
    await client.end();
    throw thrown instanceof PostriderError ? thrown : unreachable(thrown, options.config);
  }
}

function clientConfig({ config, purpose }: SessionOptions): ConnectionConfig {
  const { statementTimeoutMs } = SESSION_LIMITS[purpose];
  return {
    ...config,
    application_name: `${config.application_name ?? "postrider"}/${purpose}`,
    ...(statementTimeoutMs === 0 ? {} : { query_timeout: statementTimeoutMs + QUERY_GRACE_MS }),
  };
}

/**
 * Sets the session up and looks at the server, in one round trip. Set here and not when connecting: poolers refuse
 * startup parameters that they do not know. The search_path keeps operators and functions that somebody put into a
 * schema of the role's own path from being taken for Postgres's: our statements name everything else in full.
 */
async function prepareSession(client: pg.ClientBase, options: SessionOptions): Promise<void> {
  // While a connection is lent out nobody listens for its end, and an "error" that nobody hears ends the process. The
  // statement that is under way, or the next one, rejects all the same.
  client.on("error", () => {});
  if (options.preparedStatements === false) {
    withoutPreparedStatements.add(client);
  }
  const limits = SESSION_LIMITS[options.purpose];
  const { rows } = await client.query<{
    server_version: string;
    version_number: number;
    in_recovery: boolean;
    read_only: boolean;
  }>(
    `select
       pg_catalog.current_setting('server_version') as server_version,
       pg_catalog.current_setting('server_version_num')::integer as version_number,
       pg_catalog.pg_is_in_recovery() as in_recovery,
       pg_catalog.current_setting('default_transaction_read_only')::boolean as read_only,
       case when $1 then pg_catalog.set_config('default_transaction_isolation', 'read committed', false) end,
       case when $1 then pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false) end,
       case when $1 then pg_catalog.set_config('statement_timeout', $2, false) end,
       case when $1 then pg_catalog.set_config('lock_timeout', $3, false) end,
       case when $1 then pg_catalog.set_config('idle_in_transaction_session_timeout', $4, false) end`,
    [
      options.ownSession ?? true,
      String(limits.statementTimeoutMs),
      String(limits.lockTimeoutMs),
      String(limits.idleInTransactionTimeoutMs),
    ],
  );
  const server = rows[0];
  if (server === undefined) {
    throw new Error("the server answered a select without a row");
  }
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
  if (server.read_only && WRITERS.has(options.purpose)) {
    throw new StandbyError("it takes no writes: default_transaction_read_only is on");
  }
}

/**
 * What is of no use on a server that was made read only, as some fail-over tools do with the old primary. A connection
 * that stays there, with nothing to write, would never learn that the name leads elsewhere by now.
 */
const WRITERS: ReadonlySet<Purpose> = new Set(["pipeline", "wake", "maintain", "ingest"]);

/** The server takes no writes. During a failover that passes, so a daemon tries again instead of ending. */
export class StandbyError extends PostriderError {
  constructor(found: string) {
    super([
      {
        code: "PR0007",
        problem: "cannot work with this server",
        found,
        remedy: "let DATABASE_URL lead to the primary",
      },
    ]);
    this.name = "StandbyError";
  }
}

/** Whether statements may be sent under a name through this pool or connection. */
export function keepsPreparedStatements(session: Session): boolean {
  return !withoutPreparedStatements.has(session);
}

/**
 * Whether the sessions of this pool are lent by a transaction pooler, and left as they were: no deadline holds in them
 * but inside a transaction of withTransaction.
 */
export function lendsSessions(session: Session): session is Pool {
  return session instanceof pg.Pool && traitsOfPool.get(session)?.isLent === true;
}

/**
 * Runs `work` in one transaction, in `read committed` whatever a role's or database's default says, and commits it, or
 * rolls it back where it was only to look.
 * Rejects with what `work` throws after rolling back, or with what the commit met: the caller of a commit that met
 * an error of kind "connection" does not know whether it was done.
 */
export async function withTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
  ending: "commit" | "rollback" = "commit",
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query(traitsOfPool.get(pool)?.begin ?? BEGIN);
    const result = await work(client);
    const { command } = await client.query(ending);
    if (command !== ending.toUpperCase()) {
      // Postgres answers the commit of a transaction in which an error was swallowed with ROLLBACK, and no error.
      throw new Error(`the transaction was not committed: the server answered ${command}`);
    }
    client.release();
    return result;
  } catch (thrown) {
    client.release(await mustBeDiscarded(client, thrown));
    throw thrown;
  }
}

const BEGIN = "begin isolation level read committed read write";

function beginText({ purpose, ownSession }: SessionOptions): string {
  if (ownSession ?? true) {
    return BEGIN;
  }
  const limits = SESSION_LIMITS[purpose];
  return [
    BEGIN,
    "set local search_path = pg_catalog, pg_temp",
    `set local statement_timeout = ${limits.statementTimeoutMs}`,
    `set local lock_timeout = ${limits.lockTimeoutMs}`,
    `set local idle_in_transaction_session_timeout = ${limits.idleInTransactionTimeoutMs}`,
  ].join("; ");
}

async function mustBeDiscarded(client: PoolClient, thrown: unknown): Promise<boolean> {
  if (classifyPostgresError(thrown).kind === "connection") {
    return true;
  }
  try {
    await client.query("rollback");
    return false;
  } catch {
    // The first error is the one to tell; the connection goes.
    return true;
  }
}

/**
 * - connection: throw the connection away and try again on another
 * - transient: the same may succeed later
 * - lasting: the same will fail again: it is about the data, the schema or a privilege
 * - bug: this program did something that it should not
 */
export type PostgresErrorKind = "connection" | "transient" | "lasting" | "bug";

export interface PostgresErrorClass {
  readonly kind: PostgresErrorKind;
  readonly sqlstate: string | null;
}

/** Judges anything that was thrown while a statement ran or a connection was made. */
export function classifyPostgresError(thrown: unknown): PostgresErrorClass {
  if (thrown instanceof pg.DatabaseError && thrown.code !== undefined) {
    const kind = isPartitionMove(thrown) ? "transient" : kindOfSqlstate(thrown.code, thrown.severity, thrown.message);
    return { kind, sqlstate: thrown.code };
  }
  if (thrown instanceof StandbyError) {
    return { kind: "connection", sqlstate: null };
  }
  if (thrown instanceof PostriderError) {
    return { kind: "lasting", sqlstate: null };
  }
  return { kind: isNetworkError(thrown) ? "connection" : "bug", sqlstate: null };
}

/** How the functions of the schema say that this database is a copy which no daemon may work in. */
const COPY_STATE = "PR014";

/** PR0014 where that is what was met: the connection leads to a database that was restored or copied, and not adopted. */
export function copyFault(thrown: unknown): PostriderError | null {
  if (!(thrown instanceof pg.DatabaseError) || thrown.code !== COPY_STATE) {
    return null;
  }
  return new PostriderError(
    [{ code: "PR0014", problem: thrown.message, found: thrown.detail ?? "", remedy: thrown.hint ?? "" }],
    1,
    { cause: thrown },
  );
}

/**
 * What was met, for people who may see neither payloads nor secrets: Postgres repeats data only in the messages of class
 * 22 ("invalid input syntax …"), and the daemon's log has those.
 */
export function reasonOf(thrown: unknown): string {
  const { sqlstate } = classifyPostgresError(thrown);
  if (sqlstate === null) {
    return messageOf(thrown);
  }
  return sqlstate.startsWith("22")
    ? `SQLSTATE ${sqlstate}: Postgres refused the data; the daemon's log says more`
    : `SQLSTATE ${sqlstate}: ${messageOf(thrown)}`;
}

/** Whether a statement had no answer within its deadline: the server's, or the client's where the server did not stop. */
export function isTimeout(thrown: unknown): boolean {
  return (
    classifyPostgresError(thrown).sqlstate === "57014" ||
    (thrown instanceof Error && thrown.message.startsWith("Query read timeout"))
  );
}

/**
 * A row that had been routed to the default partition, and waited there while its day got a partition: the constraint that
 * it violates is the partition's, which has no name. The same insert finds its way now.
 */
function isPartitionMove({ code, table, constraint }: pg.DatabaseError): boolean {
  return code === "23514" && table !== undefined && constraint === undefined;
}

function kindOfSqlstate(sqlstate: string, severity: string | undefined, message: string): PostgresErrorKind {
  if (CONNECTION_STATES.has(sqlstate) || CONNECTION_CLASSES.has(sqlstate.slice(0, 2))) {
    return "connection";
  }
  if (sqlstate === "0A000" && message.includes("cached plan")) {
    // A prepared statement whose result a migration has changed; a new connection prepares it anew.
    return "connection";
  }
  if (TRANSIENT_STATES.has(sqlstate) || TRANSIENT_CLASSES.has(sqlstate.slice(0, 2))) {
    return "transient";
  }
  if (severity === "FATAL" || severity === "PANIC") {
    return "connection";
  }
  return sqlstate === "P0001" || sqlstate === COPY_STATE || LASTING_CLASSES.has(sqlstate.slice(0, 2))
    ? "lasting"
    : "bug";
}

/** 08 connection exception, 28 invalid authorisation (met when connecting), 3D no such database. */
const CONNECTION_CLASSES: ReadonlySet<string> = new Set(["08", "28", "3D"]);

const CONNECTION_STATES: ReadonlySet<string> = new Set([
  "25006", // read only: a primary that was demoted answers reads and refuses every write, for ever
  "25P03", // idle_in_transaction_session_timeout
  "25P04", // transaction_timeout
  "26000", // the prepared statement is gone: a pooler gave this connection another server session
  "42P05", // the prepared statement is there already, for the same reason
  "57P01", // admin_shutdown, and pg_terminate_backend
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "57P04", // database_dropped
  "57P05", // idle_session_timeout
]);

/** 40 serialisation failure, deadlock; 53 disk full, out of memory, too many connections; 58 the system below. */
const TRANSIENT_CLASSES: ReadonlySet<string> = new Set(["40", "53", "58"]);

const TRANSIENT_STATES: ReadonlySet<string> = new Set([
  "55000", // the object is not in a state for it now
  "55006", // object in use
  "55P03", // lock_timeout, or nowait
  "57014", // statement_timeout, or a cancel
]);

/** 22 data, 23 constraints, 42 names and privileges, 54 beyond a limit of Postgres. */
const LASTING_CLASSES: ReadonlySet<string> = new Set(["22", "23", "42", "54"]);

/** What node-postgres says in words alone, and Node's codes for a peer that is not there or not to be trusted. */
function isNetworkError(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) {
    return false;
  }
  const code = "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
  return (
    /^(ECONN|EHOST|ENET|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_|ERR_TLS|ERR_SSL|ERR_STREAM|CERT_)/.test(code) ||
    /_CERT(IFICATE)?$|SIGNATURE$/.test(code) ||
    // A Unix socket that is not there or not for us answers with a file's errors.
    ("syscall" in thrown && thrown.syscall === "connect") ||
    /^(Connection terminated|timeout expired|timeout exceeded|Query read timeout)|is not queryable$|SSL connection/.test(
      thrown.message,
    ) ||
    (thrown instanceof AggregateError && thrown.errors.some(isNetworkError))
  );
}

/** PR0003: where the connection was to lead, what was met there, and what to look at. Says no password. */
export function unreachable(thrown: unknown, config: ConnectionConfig): PostriderError {
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
    case "53300":
      return "raise max_connections of the server, or let other connections go";
    case null:
      return /SSL|certificate|altname/i.test(messageOf(thrown))
        ? "look at sslmode and sslrootcert in DATABASE_URL"
        : "look whether the server runs there, and at DATABASE_URL";
    default:
      return "mend what the server says, or set DATABASE_URL to another one";
  }
}

/**
 * Reads the URL and the PG* variables as a connection would, without making one: not with its socket either, which nobody
 * would ever close or listen to.
 */
function targetOf({ stream: _, ...config }: ConnectionConfig): {
  host: string;
  port: number;
  database: string;
  user: string;
} {
  const { host, port, database, user } = new pg.Client(config);
  return { host, port, database: database ?? "", user: user ?? "" };
}
