import pg from "pg";
import { messageOf, PostriderError } from "../ground/errors.ts";

/** The server takes no writes. That passes during a failover, so a daemon tries again instead of ending. */
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

/**
 * - connection: throw the connection away and try again on another
 * - transient: the same may succeed later
 * - lasting: the same will fail again, because of the data, the schema or a privilege
 * - bug: this program made a mistake
 */
export type PostgresErrorKind = "connection" | "transient" | "lasting" | "bug";

export interface PostgresErrorClass {
  readonly kind: PostgresErrorKind;
  readonly sqlstate: string | null;
}

/**
 * Judges anything that was thrown while a statement ran or a connection was made. A PostriderError with a cause is judged
 * by the cause.
 */
export function classifyPostgresError(thrown: unknown): PostgresErrorClass {
  if (thrown instanceof pg.DatabaseError && thrown.code !== undefined) {
    const kind = isPartitionMove(thrown) ? "transient" : kindOfSqlstate(thrown.code, thrown.severity, thrown.message);
    return { kind, sqlstate: thrown.code };
  }
  if (thrown instanceof StandbyError) {
    return { kind: "connection", sqlstate: null };
  }
  if (thrown instanceof PostriderError) {
    return thrown.cause === undefined ? { kind: "lasting", sqlstate: null } : classifyPostgresError(thrown.cause);
  }
  return { kind: isNetworkError(thrown) ? "connection" : "bug", sqlstate: null };
}

/** Whether Postgres is away or cannot work now. A daemon that runs waits this out, a wrong password included. */
export function isOutage(thrown: unknown): boolean {
  const { kind } = classifyPostgresError(thrown);
  return kind === "connection" || kind === "transient";
}

/** Whether Postgres works, and refused what this statement was to do: others may succeed. */
export function isRefusal(thrown: unknown): boolean {
  return !isOutage(thrown) && classifyPostgresError(thrown).sqlstate !== null;
}

/** Whether waiting may help a start. A wrong password or database name is then a mistake to report. */
export function isOutageAtStart(thrown: unknown): boolean {
  return isOutage(thrown) && !/^(28|3D)/.test(classifyPostgresError(thrown).sqlstate ?? "");
}

/**
 * Whether a connection was refused because there are too many: for the role, the database, the server or a pooler. Also
 * told by the message, because what listens for notifications passes on nothing else.
 */
export function isOneTooMany(thrown: unknown): boolean {
  return (
    classifyPostgresError(thrown).sqlstate === "53300" ||
    /too many (connections for (role|database) |clients already)|remaining connection slots are reserved|no more connections allowed/.test(
      messageOf(thrown),
    )
  );
}

/** The SQLSTATE by which the functions of the schema say that this database is a copy that no daemon may work in. */
const COPY_STATE = "PR014";

/** PR0014 if the connection leads to a database that was restored or copied and not adopted; null for any other error. */
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

/** The server's message with its detail, which may repeat data: for whoever sent the statement. */
export function detailed(thrown: unknown): string {
  const detail = thrown instanceof pg.DatabaseError ? thrown.detail : undefined;
  return detail === undefined ? messageOf(thrown) : `${messageOf(thrown)} (${withoutStop(detail)})`;
}

/** What the server said to a statement, in its own words. */
export interface ServerAnswer {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
}

/** For whoever sent the statement, because a detail may repeat data. Null if it was not the server that refused. */
export function serverAnswer(thrown: unknown): ServerAnswer | null {
  if (!(thrown instanceof pg.DatabaseError) || thrown.code === undefined) {
    return null;
  }
  const { code, message, detail = null, hint = null } = thrown;
  return { sqlstate: code, message, detail, hint };
}

/** What the server advises, as a clause; null if nothing. */
export function hintOf(thrown: unknown): string | null {
  const hint = thrown instanceof pg.DatabaseError ? thrown.hint : undefined;
  return hint === undefined ? null : withoutStop(hint).replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}

/** Whether a statement met its deadline: the server's, or the client's if the server did not answer at all. */
export function isTimeout(thrown: unknown): boolean {
  return (
    classifyPostgresError(thrown).sqlstate === "57014" ||
    (thrown instanceof Error && thrown.message.startsWith("Query read timeout"))
  );
}

/**
 * Whether a statement that reads many rows may have failed because of one of them: a value that is damaged, or has no form
 * in the client's encoding. The statement may succeed without the value, or with fewer rows.
 */
export function isUnreadable(thrown: unknown): boolean {
  const { kind, sqlstate } = classifyPostgresError(thrown);
  return sqlstate !== null && (kind === "lasting" || kind === "bug") && !sqlstate.startsWith("42");
}

/** Why a value that was asked for alone cannot be read, however often it is asked for; null if the error does not say so. */
export function unreadableReason(thrown: unknown): string | null {
  const { sqlstate } = classifyPostgresError(thrown);
  return sqlstate !== null && /^(22|54|XX00[12])/.test(sqlstate) ? reasonOfUnreadable(sqlstate) : null;
}

/** Shows nothing of the value. */
export function reasonOfUnreadable(sqlstate: string): string {
  switch (sqlstate) {
    case UNTRANSLATABLE:
      return `a character has no form in UTF-8 (SQLSTATE ${sqlstate})`;
    case "22021":
      return `bytes that are not UTF-8 (SQLSTATE ${sqlstate})`;
    case "XX001":
    case "XX002":
      return `damaged on the server's disk (SQLSTATE ${sqlstate})`;
    default:
      return `Postgres refuses to give it (SQLSTATE ${sqlstate})`;
  }
}

const UNTRANSLATABLE = "22P05";

/** Whether Postgres refused a text because the database's encoding lacks one of its characters. */
export function isUntranslatable(thrown: unknown): boolean {
  return classifyPostgresError(thrown).sqlstate === UNTRANSLATABLE;
}

/**
 * An error for readers who may see neither payloads nor secrets. Postgres repeats data in its message only in class 22
 * ("invalid input syntax …"), so that message stays in the daemon's log.
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

/**
 * A row was routed to the default partition and waited there while its day got a partition. It then violates the
 * partition bound, a constraint without a name. The same insert finds the new partition.
 */
function isPartitionMove({ code, table, constraint }: pg.DatabaseError): boolean {
  return code === "23514" && table !== undefined && constraint === undefined;
}

function kindOfSqlstate(sqlstate: string, severity: string | undefined, message: string): PostgresErrorKind {
  if (CONNECTION_STATES.has(sqlstate) || CONNECTION_CLASSES.has(sqlstate.slice(0, 2))) {
    return "connection";
  }
  if (sqlstate === "0A000" && message.includes("cached plan")) {
    // A migration changed what a prepared statement returns; a new connection prepares it again.
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

/** 08 connection exception, 28 invalid authorisation (raised when connecting), 3D no such database. */
const CONNECTION_CLASSES: ReadonlySet<string> = new Set(["08", "28", "3D"]);

const CONNECTION_STATES: ReadonlySet<string> = new Set([
  "25006", // read only: a primary that was demoted answers reads and refuses every write from then on
  "25P03", // idle_in_transaction_session_timeout
  "25P04", // transaction_timeout
  "26000", // the prepared statement is gone: a pooler gave this connection another server session
  "42P05", // the prepared statement exists already, for the same reason
  "57P01", // admin_shutdown, and pg_terminate_backend
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "57P04", // database_dropped
  "57P05", // idle_session_timeout
]);

/** 40 serialisation failure, deadlock; 53 disk full, out of memory, too many connections; 58 the system below. */
const TRANSIENT_CLASSES: ReadonlySet<string> = new Set(["40", "53", "58"]);

const TRANSIENT_STATES: ReadonlySet<string> = new Set([
  "55000", // the object is in no state for it now
  "55006", // object in use
  "55P03", // lock_timeout, or nowait
  "57014", // statement_timeout, or a cancel
]);

/** 22 data, 23 constraints, 42 names and privileges, 54 beyond a limit of Postgres. */
const LASTING_CLASSES: ReadonlySet<string> = new Set(["22", "23", "42", "54"]);

/** Messages of node-postgres that have no code, and Node's codes for a peer that is absent or untrusted. */
function isNetworkError(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) {
    return false;
  }
  const code = "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
  return (
    /^(ECONN|EHOST|ENET|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_|ERR_TLS|ERR_SSL|ERR_STREAM|CERT_)/.test(code) ||
    /_CERT(IFICATE)?$|SIGNATURE$/.test(code) ||
    // A Unix socket that is missing or not accessible fails with the error codes of a file.
    ("syscall" in thrown && thrown.syscall === "connect") ||
    /^(Connection terminated|timeout expired|timeout exceeded|Query read timeout)|is not queryable$|SSL connection/.test(
      thrown.message,
    ) ||
    (thrown instanceof AggregateError && thrown.errors.some(isNetworkError))
  );
}
