import { createHash } from "node:crypto";
import pg from "pg";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import type { Connection } from "./connect.ts";
import { classifyPostgresError } from "./pgErrors.ts";
import { migrationFiles, type SqlFile } from "./sqlFiles.ts";
import type { Queryable } from "./statements.ts";

/**
 * Installs and upgrades the schema: plain SQL files, numbered, applied forward only, each in one transaction with the
 * row in postrider.schema_migration that records it.
 *
 * A file opens with comment lines, among them its header, up to the first line that is empty or a bare `--`:
 *
 *     -- What the file does.
 *     -- locks: nothing that exists; it makes new tables only
 *     -- breaking: no
 *
 * `locks` is for the DBA who reads `migrate --print`. `breaking: yes` says that a daemon which does not know this
 * migration must not run on: a running one notices, an older one does not start. `no` promises that the release before
 * this one works unchanged on the new schema.
 *
 * The statements of this module stand here and not in sql/statements: they make and read the one table that exists
 * before any migration, and the same text goes into the printed script.
 */

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
  /** Of the text with LF line ends, in hexadecimal digits. */
  readonly sha256: string;
  readonly breaking: boolean;
  readonly locks: string;
}

export type SchemaState =
  | { readonly kind: "current"; readonly have: number }
  | { readonly kind: "missing"; readonly want: number }
  | { readonly kind: "behind"; readonly have: number; readonly want: number }
  /** `breaking`: one of the migrations that this program does not know says so. */
  | { readonly kind: "ahead"; readonly have: number; readonly want: number; readonly breaking: boolean }
  /** `found`: what the record says of a migration that this program knows otherwise. */
  | { readonly kind: "edited"; readonly version: number; readonly name: string; readonly found: string };

export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly durationMs: number;
}

export interface MigrateOptions {
  /** Default: the files of this program. */
  readonly files?: readonly SqlFile[];
  /** Called after each commit. */
  readonly onApplied?: (migration: AppliedMigration) => void;
}

export interface MigrateResult {
  readonly applied: readonly AppliedMigration[];
  /** The version that was found; 0 where there was no schema. */
  readonly alreadyAt: number;
}

/**
 * The key of the advisory lock under which one migration runs at a time: the bytes of "postride" as a bigint. Keys of
 * two integers, which claims use, are a space of their own.
 */
const MIGRATION_LOCK_KEY = "8101821198635721829";

/** How long a run waits for another run. Ten daemons that start together all wait for the one that migrates. */
const OTHER_RUN_WAIT_MS = 600_000;

/** How long a statement waits for a lock: while it waits, every later query on that table waits behind it. */
const LOCK_TIMEOUT_MS = 5_000;

/** With everything named in full, a file does the same whatever the role's search_path. */
const BEGIN = `begin isolation level read committed read write;
set local search_path = pg_catalog, pg_temp;
set local statement_timeout = 0;
set local lock_timeout = ${OTHER_RUN_WAIT_MS};`;

const LIMIT_LOCK_WAITS = `set local lock_timeout = ${LOCK_TIMEOUT_MS};`;

/** The schema is looked for first, because `create schema if not exists` asks for a privilege even where it exists. */
const BOOTSTRAP = `do $bootstrap$
begin
  if not exists (select from pg_namespace where nspname = 'postrider') then
    create schema postrider;
    comment on schema postrider is
      'Postrider, a transactional outbox: rows inserted into postrider.outbox become signed webhooks.';
  end if;
end
$bootstrap$;

create table if not exists postrider.schema_migration (
  version integer not null,
  name text not null,
  sha256 text not null,
  breaking boolean not null,
  applied_at timestamptz not null default now(),
  applied_by text not null default session_user,
  postrider_version text not null,
  duration_ms integer not null,
  constraint schema_migration_pkey primary key (version),
  constraint "version is above 0" check (version > 0),
  constraint "sha256 is 64 hexadecimal digits" check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint "duration_ms is not negative" check (duration_ms >= 0)
);

comment on table postrider.schema_migration is
  'The migrations that made this schema, one row each. Written by "postrider migrate", or by the script it prints.';
comment on column postrider.schema_migration.version is 'The number of the migration: 1, 2, 3 and so on, without gaps.';
comment on column postrider.schema_migration.name is 'The name of its file, without the ending.';
comment on column postrider.schema_migration.sha256 is
  'The SHA-256 of the file as it was applied, with LF line ends. A program that knows another text refuses to go on.';
comment on column postrider.schema_migration.breaking is
  'Whether a daemon that does not know this migration must stop.';
comment on column postrider.schema_migration.applied_at is 'When its transaction began.';
comment on column postrider.schema_migration.applied_by is 'The role that had logged in.';
comment on column postrider.schema_migration.postrider_version is 'The version of the program that applied or printed it.';
comment on column postrider.schema_migration.duration_ms is 'How long its statements took, in milliseconds.';`;

/** The start is kept in a setting of the transaction, so that the printed script measures in the same way. */
const START_CLOCK = `do $clock$
begin
  perform set_config('postrider.migration_started', clock_timestamp()::text, true);
end
$clock$;`;

/**
 * Brings the schema up to date. Whoever else does so at the same time is waited for; what they applied is not applied
 * again. The connection must be outside a transaction and without a query_timeout (purpose "migrate"); a transaction
 * pooler does.
 * Throws PR0006 where an applied migration differs, PR0009 where one fails: that one has then left nothing behind.
 */
export async function migrate(client: Connection, options: MigrateOptions = {}): Promise<MigrateResult> {
  const migrations = readMigrations(options.files);
  const alreadyAt = versionOf(refuseEdited(await stateOf(client, migrations)));
  const applied: AppliedMigration[] = [];
  let have = alreadyAt;
  while (have < latestOf(migrations)) {
    const { version, done } = await applyNext(client, migrations);
    if (done !== null) {
      applied.push(done);
      options.onApplied?.(done);
    }
    have = version;
  }
  return { applied, alreadyAt };
}

/** Applies the first migration that is not recorded, if there is one still once the lock is held. */
async function applyNext(
  client: Connection,
  migrations: readonly Migration[],
): Promise<{ readonly version: number; readonly done: AppliedMigration | null }> {
  let step: Step = { kind: "waiting" };
  try {
    await client.query(BEGIN);
    await client.query("select pg_advisory_xact_lock($1::bigint)", [MIGRATION_LOCK_KEY]);
    await client.query(LIMIT_LOCK_WAITS);
    const have = versionOf(refuseEdited(await stateOf(client, migrations)));
    const next = migrations.find(({ version }) => version > have);
    if (next === undefined) {
      await client.query("rollback");
      return { version: have, done: null };
    }
    step = { kind: "preparing", migration: next };
    if (have === 0) {
      await client.query(BOOTSTRAP);
    }
    await client.query(START_CLOCK);
    step = { kind: "running", migration: next };
    await client.query(next.text);
    step = { kind: "recording", migration: next };
    const { rows } = await client.query<{ duration_ms: number }>(`${recordText(next)} returning duration_ms`);
    await client.query("commit");
    return {
      version: next.version,
      done: { version: next.version, name: next.name, durationMs: rows[0]?.duration_ms ?? 0 },
    };
  } catch (thrown) {
    await client.query("rollback").catch(() => {
      // A connection that cannot roll back is gone, and the server rolls back what it held; `thrown` says why.
    });
    throw thrown instanceof PostriderError ? thrown : failureOf(step, thrown);
  }
}

/** How far a transaction had come, for the error. */
type Step =
  | { readonly kind: "waiting" }
  | { readonly kind: "preparing" | "running" | "recording"; readonly migration: Migration };

function failureOf(step: Step, thrown: unknown): PostriderError {
  const { kind, sqlstate } = classifyPostgresError(thrown);
  const problem = step.kind === "waiting" ? "cannot begin to migrate" : `cannot apply migration ${step.migration.name}`;
  return new PostriderError(
    [{ code: "PR0009", problem, found: foundIn(step, thrown), remedy: remedyFor(step, kind, sqlstate) }],
    1,
    { cause: thrown },
  );
}

/** `ERROR 42P07 at line 12: relation "x" already exists (detail; where)`. */
function foundIn(step: Step, thrown: unknown): string {
  if (!(thrown instanceof pg.DatabaseError)) {
    return messageOf(thrown);
  }
  const position = step.kind === "running" && thrown.position !== undefined ? Number(thrown.position) : null;
  const line = step.kind === "running" && position !== null ? ` at line ${lineAt(step.migration.text, position)}` : "";
  const more = [thrown.detail, thrown.hint, thrown.where].filter((each) => each !== undefined);
  const aside = more.length === 0 ? "" : ` (${more.join("; ")})`;
  return `${thrown.severity ?? "ERROR"} ${thrown.code ?? ""}${line}: ${thrown.message}${aside}`;
}

/** Postgres counts characters from 1, where JavaScript counts UTF-16 units. */
function lineAt(text: string, position: number): number {
  return (
    Array.from(text)
      .slice(0, position - 1)
      .filter((character) => character === "\n").length + 1
  );
}

function remedyFor(step: Step, kind: string, sqlstate: string | null): string {
  if (step.kind === "waiting" && sqlstate === "55P03") {
    return "another run has held the migration lock for ten minutes: look for it in pg_stat_activity";
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

function recordText(migration: Migration): string {
  const values = [
    String(migration.version),
    pg.escapeLiteral(migration.name),
    pg.escapeLiteral(migration.sha256),
    String(migration.breaking),
    pg.escapeLiteral(VERSION),
    "(extract(epoch from clock_timestamp() - current_setting('postrider.migration_started')::timestamptz) * 1000)::integer",
  ];
  return `insert into postrider.schema_migration (version, name, sha256, breaking, postrider_version, duration_ms)
values (${values.join(", ")})`;
}

export interface PrintOptions {
  /** The version the database is at: the script begins with the next one. 0: it has no schema. */
  readonly from: number;
  /** Default: the files of this program. */
  readonly files?: readonly SqlFile[];
}

/**
 * A psql script that does what migrate would, its records included. It refuses, changing nothing, a database that is
 * not at the version it begins with, so that to run it twice is harmless.
 */
export function printMigrations({ from, files }: PrintOptions): string {
  const migrations = readMigrations(files);
  const latest = latestOf(migrations);
  const pending = migrations.filter(({ version }) => version > from);
  if (pending.length === 0) {
    return `-- Postrider ${VERSION}: the schema is at version ${from}, and version ${latest} is the last one. There is nothing to do.\n`;
  }
  const head = `-- Postrider ${VERSION}: the schema from version ${from} to version ${latest}.
-- Run it with psql (psql -X -f FILE) as the role that shall own the schema.
\\set ON_ERROR_STOP on
\\encoding UTF8
`;
  return [head, ...pending.map(printOne)].join("\n");
}

/** The script for this database: from its version on. Throws PR0006 where an applied migration differs. */
export async function printMigrationsFor(client: Queryable, files?: readonly SqlFile[]): Promise<string> {
  const state = refuseEdited(await stateOf(client, readMigrations(files)));
  return printMigrations({ from: versionOf(state), ...(files === undefined ? {} : { files }) });
}

function printOne(migration: Migration): string {
  return [
    `-- Migration ${migration.name}`,
    `-- It locks: ${migration.locks}`,
    ...(migration.breaking ? ["-- It is breaking: stop older daemons first."] : []),
    BEGIN,
    guardText(migration.version - 1),
    LIMIT_LOCK_WAITS,
    ...(migration.version === 1 ? [BOOTSTRAP] : []),
    START_CLOCK,
    "",
    migration.text.trimEnd(),
    "",
    `${recordText(migration)};`,
    "commit;",
    "",
  ].join("\n");
}

function guardText(from: number): string {
  return `do $guard$
declare
  have integer := 0;
begin
  perform pg_advisory_xact_lock(${MIGRATION_LOCK_KEY});
  if to_regclass('postrider.schema_migration') is not null then
    select coalesce(max(version), 0) into have from postrider.schema_migration;
  end if;
  if have <> ${from} then
    raise exception 'this part of the script begins with version ${from} of the schema, and the schema is at version %', have
      using hint = 'Nothing was changed by this part. Print a script for this database: postrider migrate --print';
  end if;
end
$guard$;`;
}

/** Compares the database with the migrations of this program. It asks for nothing but select on the record. */
export async function checkSchema(client: Queryable, files?: readonly SqlFile[]): Promise<SchemaState> {
  return stateOf(client, readMigrations(files));
}

/**
 * For a daemon's start, and for a running one from time to time: PR0004 where the schema is missing or behind, PR0005
 * where it is ahead and breaking, PR0006 where an applied migration differs. Ahead and not breaking is fine.
 */
export async function assertSchemaUsable(client: Queryable, files?: readonly SqlFile[]): Promise<void> {
  const state = refuseEdited(await checkSchema(client, files));
  switch (state.kind) {
    case "current":
      return;
    case "missing":
      throw unusable("PR0004", "there is no schema postrider in this database", 'run "postrider migrate"');
    case "behind":
      throw unusable(
        "PR0004",
        `it is at version ${state.have}, and this program needs version ${state.want}`,
        'run "postrider migrate"',
      );
    case "ahead":
      if (state.breaking) {
        throw unusable(
          "PR0005",
          `it is at version ${state.have}, which programs that know only version ${state.want} must not touch`,
          `upgrade this program (it is ${VERSION})`,
        );
      }
  }
}

function unusable(code: "PR0004" | "PR0005", found: string, remedy: string): PostriderError {
  return new PostriderError([{ code, problem: "cannot work with this schema", found, remedy }]);
}

type UneditedState = Exclude<SchemaState, { readonly kind: "edited" }>;

function refuseEdited(state: SchemaState): UneditedState {
  if (state.kind !== "edited") {
    return state;
  }
  throw new PostriderError([
    {
      code: "PR0006",
      problem: `cannot trust migration ${state.name}`,
      found: state.found,
      remedy: "use the program that applied it; an applied migration is never edited, a new one is added",
    },
  ]);
}

function versionOf(state: UneditedState): number {
  return state.kind === "missing" ? 0 : state.have;
}

interface RecordedMigration {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
  readonly breaking: boolean;
}

async function stateOf(client: Queryable, migrations: readonly Migration[]): Promise<SchemaState> {
  // The catalogue answers a role without any privilege on the schema as well, to_regclass does not.
  const { rows: tables } = await client.query(
    `select from pg_catalog.pg_class as relation
     join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
     where namespace.nspname = 'postrider' and relation.relname = 'schema_migration'`,
  );
  if (tables.length === 0) {
    return { kind: "missing", want: latestOf(migrations) };
  }
  const { rows } = await client.query<RecordedMigration>(
    "select version, name, sha256, breaking from postrider.schema_migration order by version",
  );
  return compare(migrations, rows);
}

function compare(migrations: readonly Migration[], recorded: readonly RecordedMigration[]): SchemaState {
  const have = recorded.at(-1)?.version ?? 0;
  const want = latestOf(migrations);
  for (const { version, name, sha256 } of migrations.filter((migration) => migration.version <= have)) {
    const record = recorded.find((each) => each.version === version);
    if (record === undefined) {
      return { kind: "edited", version, name, found: `it is not recorded, and version ${have} is` };
    }
    if (record.sha256 !== sha256) {
      const found = `the text that was applied as ${record.name} has another checksum than this program's`;
      return { kind: "edited", version, name, found };
    }
  }
  if (have === 0) {
    return { kind: "missing", want };
  }
  if (have < want) {
    return { kind: "behind", have, want };
  }
  if (have > want) {
    return { kind: "ahead", have, want, breaking: recorded.some((each) => each.version > want && each.breaking) };
  }
  return { kind: "current", have };
}

function latestOf(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

/**
 * Reads the headers, and refuses what could not be applied: a gap in the numbers, a header that is missing, unknown or
 * said twice, a file that ends its own transaction. Throws an Error: the mistake is in this program's own files.
 */
export function readMigrations(files: readonly SqlFile[] = migrationFiles()): readonly Migration[] {
  return files.map((file, index) => {
    if (file.version !== index + 1) {
      throw new Error(`migration ${file.name} stands where version ${index + 1} is due`);
    }
    return readMigration(file);
  });
}

function readMigration({ version, name, text: raw }: SqlFile): Migration {
  const text = raw.replaceAll("\r\n", "\n");
  if (/(^|;)[ \t]*(begin|commit|rollback|start[ \t]+transaction)[ \t]*;/im.test(text)) {
    throw new Error(`migration ${name} begins or ends a transaction; the runner does that`);
  }
  const header = headerOf(name, text);
  const breaking = header.get("breaking");
  const locks = header.get("locks");
  if (breaking !== "yes" && breaking !== "no") {
    throw new Error(`migration ${name} needs a line "-- breaking: yes" or "-- breaking: no" in its header`);
  }
  if (locks === undefined) {
    throw new Error(`migration ${name} needs a line "-- locks: …" in its header`);
  }
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { version, name, text, sha256, breaking: breaking === "yes", locks };
}

function headerOf(name: string, text: string): ReadonlyMap<string, string> {
  const header = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (!line.startsWith("-- ")) {
      break;
    }
    const [, key, value] = /^-- ([a-z][a-z-]*): +(\S.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      continue;
    }
    if (key !== "breaking" && key !== "locks") {
      throw new Error(`migration ${name} has an unknown header "${key}"; it may have "breaking" and "locks"`);
    }
    if (header.has(key)) {
      throw new Error(`migration ${name} says "${key}" twice`);
    }
    header.set(key, value.trim());
  }
  return header;
}
