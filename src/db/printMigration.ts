import pg from "pg";
import { PostriderError } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import {
  BEGIN,
  FORGET_REPLACED,
  isDone,
  LIMIT_LOCK_WAITS,
  MIGRATION_LOCK_KEY,
  RESET_OUTSIDE,
  recordText,
  refuseReplaced,
  SET_OUTSIDE,
  START_CLOCK,
} from "./migrate.ts";
import {
  type FunctionStep,
  latestOf,
  readPlan,
  type SchemaPlan,
  type SchemaStep,
  type Segment,
  segmentsOf,
  statementsOf,
  type TableStep,
} from "./schemaPlan.ts";
import { EMPTIED, numbersOf, refuseEdited, stateOf, versionOf } from "./schemaState.ts";
import { bootstrapText, type SchemaFiles } from "./sqlFiles.ts";
import type { Queryable } from "./statements.ts";

/**
 * `postrider migrate --print`: a psql script that does what migrate would, records included. It refuses a database that
 * is not at the version it begins with, and changes nothing there. Function files are installed only if their text has
 * changed, so running the script twice is harmless.
 */

/** The whole schema, for a database without one. */
export function printMigration(files?: SchemaFiles): string {
  return printFrom(readPlan(files), 0);
}

/** The script for this database, from its version on. Throws PR0006 if an applied file differs. */
export async function printMigrationFor(client: Queryable, files?: SchemaFiles): Promise<string> {
  const plan = readPlan(files);
  const state = refuseEdited(await stateOf(client, plan));
  if (state.kind === "emptied") {
    throw new PostriderError([
      {
        code: "PR0004",
        problem: "cannot print a script for this schema",
        found: EMPTIED,
        remedy: "run, as the owner of the schema: select postrider_internal.restore_records()",
      },
    ]);
  }
  if (await isDone(client, state)) {
    return `-- Postrider ${VERSION}: the schema is at version ${versionOf(state)}, and its functions are those of this program or of a newer one. There is nothing to do.\n`;
  }
  await refuseReplaced(client);
  return printFrom(plan, versionOf(state));
}

function printFrom(plan: SchemaPlan, from: number): string {
  const pending = plan.steps.filter((step) => step.kind === "function" || step.version > from);
  const head = `-- Postrider ${VERSION}: the schema from version ${from} to version ${latestOf(plan)}, and its functions.
-- Run it with psql (psql -X -f FILE) as the role that shall own the schema.
\\set ON_ERROR_STOP on
\\encoding UTF8
`;
  let at = from;
  const parts: string[] = [];
  for (const segment of segmentsOf({ steps: pending })) {
    parts.push(segment.kind === "outside" ? printOutside(segment.step) : printTransaction(segment, plan, at));
    at = lastVersion(segment) ?? at;
  }
  return [head, ...parts].join("\n");
}

function lastVersion(segment: Segment): number | undefined {
  const steps: readonly SchemaStep[] = segment.kind === "outside" ? [segment.step] : segment.steps;
  return steps.findLast((step) => step.kind === "table")?.version;
}

function printTransaction(
  { steps, isLast }: Extract<Segment, { readonly kind: "transaction" }>,
  { functions, finish }: SchemaPlan,
  from: number,
): string {
  const names = functions.map(({ name }) => pg.escapeLiteral(name)).join(", ");
  return [
    BEGIN,
    guardText(from),
    LIMIT_LOCK_WAITS,
    bootstrapText(),
    ...steps.map((step) => (step.kind === "table" ? printTable(step) : printFunction(step))),
    ...(isLast
      ? [
          `do $keep$\nbegin\n  perform postrider_internal.keep_files(array[${names}]::text[], ${pg.escapeLiteral(VERSION)});\nend\n$keep$;`,
          finish,
        ]
      : [FORGET_REPLACED]),
    "commit;",
    "",
  ].join("\n");
}

function printTable(step: TableStep): string {
  return [...headOf(step), START_CLOCK, "", step.text.trimEnd(), "", `${recordText(step)};`, ""].join("\n");
}

function headOf({ name, locks, breaking }: TableStep): readonly string[] {
  return [`-- ${name}`, `-- It locks: ${locks}`, ...(breaking ? ["-- It is breaking: stop older daemons first."] : [])];
}

function printFunction({ name, text, sha256, grants }: FunctionStep): string {
  const values = [name, sha256, grants, VERSION].map((value) => (value === null ? "null" : pg.escapeLiteral(value)));
  return `do $install$
begin
  perform postrider_internal.install_file(${values.join(", ")}, $postrider_file$
${text}$postrider_file$);
end
$install$;
`;
}

/** Each statement is a separate transaction, so the session holds the lock. */
function printOutside(step: TableStep): string {
  return [
    ...headOf(step),
    "-- It runs outside a transaction. Its statements may be repeated.",
    SET_OUTSIDE,
    `select pg_advisory_lock(${MIGRATION_LOCK_KEY});`,
    guardText(step.version - 1),
    START_CLOCK,
    "",
    statementsOf(step.text).join("\n\n"),
    "",
    `${recordText(step)};`,
    `select pg_advisory_unlock(${MIGRATION_LOCK_KEY});`,
    RESET_OUTSIDE,
    "",
  ].join("\n");
}

function guardText(from: number): string {
  return `do $guard$
declare
  have integer := 0;
  replaced text;
begin
  perform pg_advisory_xact_lock(${MIGRATION_LOCK_KEY});
  if to_regclass('postrider.schema_migration') is not null then
    select coalesce(max(version), 0) into have from postrider.schema_migration;
  end if;
  if have <> ${from} then
    raise exception 'this part of the script begins with version ${from} of the schema, and the schema is at version %', have
      using hint = 'Nothing was changed by this part. Print a script for this database: postrider migrate --print';
  end if;
  if to_regclass('postrider.schema_object') is null then
    return;
  end if;
  if exists (
    select from postrider.schema_object o
    where string_to_array(split_part(o.postrider_version, '-', 1), '.')::integer[] > '{${numbersOf(VERSION).join(",")}}')
  then
    raise exception 'the functions of this schema are those of a newer Postrider than ${VERSION}, which printed this script'
      using hint = 'Nothing was changed by this part.';
  end if;
  select string_agg(f, ', ') into replaced from postrider_internal.replaced_files() f;
  if replaced is not null then
    raise exception 'these functions were replaced or dropped by hand since they were installed: %', replaced
      using hint = 'Save what you need of them, and delete their rows from postrider.schema_object to have them installed again.';
  end if;
end
$guard$;`;
}
