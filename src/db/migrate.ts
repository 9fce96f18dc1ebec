import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import type { Connection } from "./connect.ts";
import { classifyPostgresError } from "./pgErrors.ts";
import {
  type FunctionStep,
  readPlan,
  type SchemaPlan,
  type SchemaStep,
  segmentsOf,
  statementsOf,
  type TableStep,
  type TransactionSegment,
} from "./schemaPlan.ts";
import { refuseEdited, type SchemaState, stateOf, type UneditedState, versionOf } from "./schemaState.ts";
import { bootstrapText, type SchemaFiles } from "./sqlFiles.ts";
import type { Queryable } from "./statements.ts";

/**
 * Installs and upgrades the schema, in one transaction under one advisory lock: schema and upgrade files that have not
 * run yet, then each function file whose text has changed, then grants. sql/migrate/bootstrap.sql holds the records and
 * does the work on functions, so that the printed script does the same. An upgrade that declares itself outside the
 * transaction divides it: what comes before is committed first.
 */

export interface AppliedFile {
  readonly version: number;
  readonly name: string;
  readonly durationMs: number;
}

export interface MigrateOptions {
  /** Default: the files of this program. */
  readonly files?: SchemaFiles;
}

export interface MigrateResult {
  /** Schema and upgrade files, in order. */
  readonly applied: readonly AppliedFile[];
  /** Function files that were installed, and names of functions and views that are no longer part of the program. */
  readonly installed: readonly string[];
  readonly dropped: readonly string[];
  /** The version that was found; 0 if there was no schema. */
  readonly alreadyAt: number;
  /** The tables of records that had been emptied, and whose rows were written again. */
  readonly restored: readonly string[];
}

/**
 * The key of the advisory lock under which one migration runs at a time: the bytes of "postride" as a bigint. Keys of
 * two integers, which claims use, are a separate space.
 */
export const MIGRATION_LOCK_KEY = "8101821198635721829";

/** How long a run waits for another run. Ten daemons that start together all wait for the one that migrates. */
const OTHER_RUN_WAIT_MS = 600_000;

const LOCK_RETRY_MS = 100;

/** How long a statement waits for a lock: while it waits, every later query on that table waits behind it. */
const LOCK_TIMEOUT_MS = 5_000;

/** With these settings a file has the same effect, whatever the settings of the role and the database. */
export const BEGIN = `begin isolation level read committed read write;
set local search_path = pg_catalog, pg_temp;
set local standard_conforming_strings = on;
set local statement_timeout = 0;
set local lock_timeout = ${OTHER_RUN_WAIT_MS};`;

export const LIMIT_LOCK_WAITS = `set local lock_timeout = ${LOCK_TIMEOUT_MS};
set local client_min_messages = warning;`;

/**
 * The same around an upgrade outside the transaction. A concurrent index waits for every older transaction, and nothing
 * waits behind it meanwhile.
 */
export const SET_OUTSIDE = `set search_path = pg_catalog, pg_temp;
set standard_conforming_strings = on;
set statement_timeout = 0;
set lock_timeout = 0;`;

export const RESET_OUTSIDE = `reset search_path;
reset standard_conforming_strings;
reset statement_timeout;
reset lock_timeout;`;

/** Ends a transaction that is not the last: what its upgrades dropped or changed is installed again by the last one. */
export const FORGET_REPLACED =
  "delete from postrider.schema_object o where o.name in (select postrider_internal.replaced_files());";

/** The start is kept in a setting, so that the printed script measures in the same way. */
export const START_CLOCK = `do $clock$
begin
  perform set_config('postrider.migration_started', clock_timestamp()::text, false);
end
$clock$;`;

/**
 * Brings the schema up to date. If another run is doing that, this one waits and then applies what is left. The connection
 * must be outside a transaction and without a query_timeout (purpose "migrate"). A transaction pooler does, unless an
 * upgrade runs outside the transaction: its lock is the session's.
 * Throws PR0006 if an applied file differs or a function was replaced by hand, and PR0009 if a file fails; its
 * transaction is then rolled back.
 */
export async function migrate(client: Connection, options: MigrateOptions = {}): Promise<MigrateResult> {
  const plan = readPlan(options.files);
  let state = refuseEdited(await stateBefore(client, plan));
  const done = { applied: [], installed: [], dropped: [], restored: [] as string[] };
  if (state.kind === "emptied") {
    done.restored.push(...(await restoreRecords(client)));
    state = refuseEdited(await stateBefore(client, plan));
  }
  if (state.kind === "current") {
    await refuseReplaced(client);
  }
  if (!(await isDone(client, state))) {
    const run: Run = { client, plan, progress: { kind: "waiting" }, alreadyAt: undefined, ...done };
    await runSegments(run);
    return { ...done, alreadyAt: run.alreadyAt ?? versionOf(state) };
  }
  return { ...done, alreadyAt: versionOf(state) };
}

/** Also a schema that is current is finished again after an upgrade of the server, for what only the newer one has. */
export async function isDone(client: Queryable, state: UneditedState): Promise<boolean> {
  return state.kind === "ahead" || (state.kind === "current" && !(await hasNewServer(client)));
}

/** False for a role that does not own the schema, because it could not finish anything. */
async function hasNewServer(client: Queryable): Promise<boolean> {
  const { rows } = await client.query(
    `select from postrider.schema_object as object
     join pg_catalog.pg_namespace as namespace on namespace.nspname = 'postrider'
     where object.server_major <> current_setting('server_version_num')::integer / 10000
       and pg_catalog.pg_has_role(namespace.nspowner, 'usage')
     limit 1`,
  );
  return rows.length > 0;
}

/** Writes the records again, from the copy that the last migration has left. */
async function restoreRecords(client: Connection): Promise<readonly string[]> {
  try {
    await takeLock(client, "transaction");
    await client.query(LIMIT_LOCK_WAITS);
    const restored = await runBootstrap(client);
    await client.query("commit");
    return restored;
  } catch (thrown) {
    await client.query("rollback").catch(() => {
      // The connection is gone, and the server rolls back.
    });
    throw thrown instanceof PostriderError ? thrown : failureOf({ kind: "preparing" }, thrown);
  }
}

/** Returns the tables of records that bootstrap.sql found without a row, and filled again. */
async function runBootstrap(client: Queryable): Promise<readonly string[]> {
  const before = await emptyRecords(client);
  await client.query(bootstrapText());
  const after = await emptyRecords(client);
  return before.filter((name) => !after.includes(name));
}

async function emptyRecords(client: Queryable): Promise<readonly string[]> {
  const { rows: present } = await client.query<{ name: string }>(
    `select name from unnest(array['schema_migration', 'schema_object']) as name
     where pg_catalog.to_regclass('postrider.' || name) is not null`,
  );
  const empty: string[] = [];
  for (const { name } of present) {
    const { rows } = await client.query(`select from postrider.${name} limit 1`);
    if (rows.length === 0) {
      empty.push(name);
    }
  }
  return empty;
}

async function stateBefore(client: Connection, plan: SchemaPlan): Promise<SchemaState> {
  try {
    return await stateOf(client, plan);
  } catch (thrown) {
    throw failureOf({ kind: "waiting" }, thrown);
  }
}

/** PR0006 if a function or view is not as it was installed. */
export async function refuseReplaced(client: Queryable): Promise<void> {
  const { rows: found } = await client.query(
    "select from pg_catalog.pg_proc where proname = 'replaced_files' and pronamespace = pg_catalog.to_regnamespace('postrider_internal')",
  );
  if (found.length === 0) {
    return;
  }
  const { rows } = await client.query<{ name: string }>("select name from postrider_internal.replaced_files() as name");
  if (rows.length > 0) {
    const names = rows.map(({ name }) => name).join(", ");
    throw new PostriderError([
      {
        code: "PR0006",
        problem: "cannot trust the functions of this schema",
        found: `replaced or dropped by hand since they were installed: ${names}`,
        remedy:
          "save what you need of them; to have them installed again, delete their rows from postrider.schema_object " +
          'and run "postrider migrate"',
      },
    ]);
  }
}

/** How far a run had come, for the error. `text` is the text that the position in a Postgres error refers to. */
type Progress =
  | { readonly kind: "waiting" | "preparing" | "finishing" }
  | { readonly kind: "running"; readonly step: SchemaStep; readonly text: string }
  | { readonly kind: "recording"; readonly step: SchemaStep };

interface Run {
  readonly client: Connection;
  readonly plan: SchemaPlan;
  readonly applied: AppliedFile[];
  readonly installed: string[];
  readonly dropped: string[];
  readonly restored: string[];
  /** The version that was found under the lock: another run may have been quicker. */
  alreadyAt: number | undefined;
  progress: Progress;
}

async function runSegments(run: Run): Promise<void> {
  for (const segment of segmentsOf(run.plan)) {
    run.progress = { kind: "waiting" };
    try {
      await (segment.kind === "transaction" ? runTransaction(run, segment) : runOutside(run, segment.step));
    } catch (thrown) {
      await run.client.query("rollback").catch(() => {
        // A connection that cannot roll back is gone, and the server rolls back what it held; `thrown` says why.
      });
      throw thrown instanceof PostriderError ? thrown : failureOf(run.progress, thrown);
    }
  }
}

async function runTransaction(run: Run, { steps, isLast }: TransactionSegment): Promise<void> {
  const { client, plan } = run;
  await takeLock(client, "transaction");
  await client.query(LIMIT_LOCK_WAITS);
  const state = refuseEdited(await stateOf(client, plan));
  run.alreadyAt ??= versionOf(state);
  if (await isDone(client, state)) {
    await client.query("rollback");
    return;
  }
  await refuseReplaced(client);
  run.progress = { kind: "preparing" };
  const restored = await runBootstrap(client);
  const done = await runSteps(run, steps, versionOf(state));
  if (isLast) {
    run.progress = { kind: "finishing" };
    const names = plan.functions.map(({ name }) => name);
    const { rows } = await client.query<{ name: string }>(
      "select name from postrider_internal.keep_files($1, $2) as name",
      [names, VERSION],
    );
    run.dropped.push(...rows.map(({ name }) => name));
    await client.query(plan.finish);
  } else {
    await client.query(FORGET_REPLACED);
  }
  await client.query("commit");
  run.restored.push(...restored);
  run.applied.push(...done.applied);
  run.installed.push(...done.installed);
}

async function runSteps(run: Run, steps: readonly SchemaStep[], have: number) {
  const done = { applied: [] as AppliedFile[], installed: [] as string[] };
  for (const step of steps) {
    if (step.kind === "function") {
      done.installed.push(...(await installFunction(run, step)));
    } else if (step.version > have) {
      done.applied.push(await applyTable(run, step, [step.text]));
    }
  }
  return done;
}

async function installFunction(run: Run, step: FunctionStep): Promise<readonly string[]> {
  run.progress = { kind: "running", step, text: step.text };
  const { rows } = await run.client.query<{ installed: boolean }>(
    "select postrider_internal.install_file($1, $2, $3, $4, $5) as installed",
    [step.name, step.sha256, step.grants, VERSION, step.text],
  );
  return rows[0]?.installed === true ? [step.name] : [];
}

async function applyTable(run: Run, step: TableStep, statements: readonly string[]): Promise<AppliedFile> {
  await run.client.query(START_CLOCK);
  for (const text of statements) {
    run.progress = { kind: "running", step, text };
    await run.client.query(text);
  }
  run.progress = { kind: "recording", step };
  const { rows } = await run.client.query<{ duration_ms: number }>(`${recordText(step)} returning duration_ms`);
  return { version: step.version, name: step.name, durationMs: rows[0]?.duration_ms ?? 0 };
}

/**
 * Takes the lock, until the end of a transaction that it begins, or for the session. It is tried repeatedly instead of waited for,
 * each time in a new transaction. A concurrent index of the run that has the lock waits for the end of every transaction that it
 * finds with a snapshot, as it would find one that waits, or one that tries at this moment.
 */
async function takeLock(client: Connection, scope: "transaction" | "session"): Promise<void> {
  for (let waitedMs = 0; waitedMs < OTHER_RUN_WAIT_MS; waitedMs += LOCK_RETRY_MS) {
    if (await tryLock(client, scope)) {
      return;
    }
    await delay(LOCK_RETRY_MS);
  }
  throw new PostriderError([
    {
      code: "PR0009",
      problem: "cannot begin to migrate",
      found: `another run has held the migration lock for ${OTHER_RUN_WAIT_MS / 60_000} minutes`,
      remedy: `look for it in pg_locks (advisory, ${MIGRATION_LOCK_KEY}) and pg_stat_activity`,
    },
  ]);
}

async function tryLock(client: Connection, scope: "transaction" | "session"): Promise<boolean> {
  if (scope === "transaction") {
    await client.query(BEGIN);
  }
  const attempt = scope === "transaction" ? "pg_try_advisory_xact_lock" : "pg_try_advisory_lock";
  const { rows } = await client.query<{ taken: boolean }>(`select ${attempt}(${MIGRATION_LOCK_KEY}) as taken`);
  const isTaken = rows[0]?.taken === true;
  if (scope === "transaction" && !isTaken) {
    await client.query("rollback");
  }
  return isTaken;
}

/** The session holds the lock, because each statement is a separate transaction. */
async function runOutside(run: Run, step: TableStep): Promise<void> {
  const { client, plan } = run;
  await takeLock(client, "session");
  try {
    await client.query(SET_OUTSIDE);
    if (versionOf(refuseEdited(await stateOf(client, plan))) < step.version) {
      run.applied.push(await applyTable(run, step, statementsOf(step.text)));
    }
  } finally {
    await client.query("select pg_advisory_unlock($1::bigint)", [MIGRATION_LOCK_KEY]);
    await client.query(RESET_OUTSIDE);
  }
}

function failureOf(progress: Progress, thrown: unknown): PostriderError {
  const { kind, sqlstate } = classifyPostgresError(thrown);
  const problem =
    progress.kind === "waiting"
      ? "cannot begin to migrate"
      : `cannot ${"step" in progress ? `apply ${progress.step.name}` : "migrate"}`;
  return new PostriderError(
    [{ code: "PR0009", problem, found: foundIn(progress, thrown), remedy: remedyFor(progress, kind, sqlstate) }],
    1,
    { cause: thrown },
  );
}

/** `ERROR 42P07 at line 12: relation "x" already exists (detail; where)`. */
function foundIn(progress: Progress, thrown: unknown): string {
  if (!(thrown instanceof pg.DatabaseError)) {
    return messageOf(thrown);
  }
  const line = lineIn(progress, thrown);
  // Our functions run a function file, so the place inside them says nothing.
  const where = "step" in progress && progress.step.kind === "function" ? undefined : thrown.where;
  const more = [thrown.detail, thrown.hint, where].filter((each) => each !== undefined);
  const aside = more.length === 0 ? "" : ` (${more.join("; ")})`;
  return `${thrown.severity ?? "ERROR"} ${thrown.code ?? ""}${line}: ${thrown.message}${aside}`;
}

/** A function file is run by a function, so the position in it is an internal one. */
function lineIn(progress: Progress, thrown: pg.DatabaseError): string {
  if (progress.kind !== "running") {
    return "";
  }
  const position = progress.step.kind === "table" ? thrown.position : thrown.internalPosition;
  return position === undefined ? "" : ` at line ${lineAt(progress.text, Number(position))}`;
}

/** Postgres counts characters from 1, where JavaScript counts UTF-16 units. */
function lineAt(text: string, position: number): number {
  return (
    Array.from(text)
      .slice(0, position - 1)
      .filter((character) => character === "\n").length + 1
  );
}

function remedyFor(progress: Progress, kind: string, sqlstate: string | null): string {
  if ("step" in progress && progress.step.kind === "table" && !progress.step.isTransactional) {
    return "its statements may be repeated: mend the cause and run it again";
  }
  if (sqlstate === "55P03") {
    return "nothing of it was kept; end the transaction that holds the lock (pg_locks, pg_blocking_pids), or run it again at a quieter time";
  }
  if (sqlstate === "42501") {
    return 'nothing of it was kept; run it as the owner of the database, or hand a DBA the output of "postrider migrate --print"';
  }
  if (kind === "connection") {
    return 'run it again: "postrider migrate --check" says whether it was kept';
  }
  return "nothing of it was kept; mend the cause and run it again";
}

/** The statement that records a schema or upgrade file. */
export function recordText({ version, name, sha256, breaking }: TableStep): string {
  const values = [
    String(version),
    pg.escapeLiteral(name),
    pg.escapeLiteral(sha256),
    String(breaking),
    pg.escapeLiteral(VERSION),
    "(extract(epoch from clock_timestamp() - current_setting('postrider.migration_started')::timestamptz) * 1000)::integer",
  ];
  return `insert into postrider.schema_migration (version, name, sha256, breaking, postrider_version, duration_ms)
values (${values.join(", ")})`;
}
