import { PostriderError } from "../ground/errors.ts";
import { VERSION } from "../ground/version.ts";
import { latestOf, readPlan, type SchemaPlan, type TableStep } from "./schemaPlan.ts";
import type { SchemaFiles } from "./sqlFiles.ts";
import type { Queryable } from "./statements.ts";

/** How a database stands to the schema of this program. */
export type SchemaState =
  | { readonly kind: "current"; readonly have: number }
  | { readonly kind: "missing"; readonly want: number }
  /** The tables are there, and the record of the files that made them was emptied. */
  | { readonly kind: "emptied"; readonly want: number }
  /** `functions`: how many of this program's function files are not installed as it has them, or no longer among them. */
  | { readonly kind: "behind"; readonly have: number; readonly want: number; readonly functions: number }
  /** `breaking`: one of the table files that this program does not know says so. */
  | { readonly kind: "ahead"; readonly have: number; readonly want: number; readonly breaking: boolean }
  /** `found`: what the record says about a table file that differs from this program's. */
  | { readonly kind: "edited"; readonly name: string; readonly found: string };

export type UneditedState = Exclude<SchemaState, { readonly kind: "edited" }>;

/** Compares the database with the files of this program. It asks for nothing but select on the two records. */
export async function checkSchema(client: Queryable, files?: SchemaFiles): Promise<SchemaState> {
  return stateOf(client, readPlan(files));
}

/**
 * For a daemon's start: PR0004 if the schema is missing or behind, PR0005 if it is ahead and breaking, PR0006 if an
 * applied table file differs. Ahead and not breaking is fine.
 */
export async function assertSchemaUsable(client: Queryable, files?: SchemaFiles): Promise<void> {
  const plan = readPlan(files);
  assertUsable(await stateOf(client, plan));
}

/**
 * The same for a running daemon, which looks from time to time. It does not stop if functions were replaced meanwhile,
 * because the next release keeps what this one calls.
 */
export async function assertTablesUsable(client: Queryable, files?: SchemaFiles): Promise<void> {
  assertUsable(await stateOfTables(client, readPlan(files)));
}

function assertUsable(state: SchemaState): void {
  const unedited = refuseEdited(state);
  switch (unedited.kind) {
    case "current":
      return;
    case "missing":
      throw unusable("PR0004", "there is no schema postrider in this database", 'run "postrider migrate"');
    case "emptied":
      throw unusable("PR0004", EMPTIED, 'run "postrider migrate", which writes its rows again');
    case "behind":
      throw unusable("PR0004", behindText(unedited), 'run "postrider migrate"');
    case "ahead":
      if (unedited.breaking) {
        throw unusable(
          "PR0005",
          `it is at version ${unedited.have}, which programs that know only version ${unedited.want} must not touch`,
          `upgrade this program (it is ${VERSION})`,
        );
      }
  }
}

/** Tests do it that empty every table; so does postrider.prepare_restore(). */
export const EMPTIED = "postrider.schema_migration has no row, and the tables are there: it was emptied";

function behindText({ have, want, functions }: Extract<SchemaState, { readonly kind: "behind" }>): string {
  return have < want
    ? `it is at version ${have}, and this program needs version ${want}`
    : `${functions} of its functions are not those of this program`;
}

function unusable(code: "PR0004" | "PR0005", found: string, remedy: string): PostriderError {
  return new PostriderError([{ code, problem: "cannot work with this schema", found, remedy }]);
}

export function refuseEdited(state: SchemaState): UneditedState {
  if (state.kind !== "edited") {
    return state;
  }
  throw new PostriderError([
    {
      code: "PR0006",
      problem: `cannot trust ${state.name}`,
      found: state.found,
      remedy:
        "use the program that made this database. Before 0.9.0 schema files changed in place: " +
        'for this program make a new database with "postrider migrate", and restore the data alone into it',
    },
  ]);
}

export function versionOf(state: UneditedState): number {
  return "have" in state ? state.have : 0;
}

export async function stateOf(client: Queryable, plan: SchemaPlan): Promise<SchemaState> {
  const tables = await stateOfTables(client, plan);
  if (tables.kind !== "current" && tables.kind !== "behind") {
    return tables;
  }
  const functions = await outdatedFunctions(client, plan);
  return tables.kind === "behind" || functions > 0
    ? { kind: "behind", have: tables.have, want: latestOf(plan), functions }
    : tables;
}

async function stateOfTables(client: Queryable, plan: SchemaPlan): Promise<SchemaState> {
  // Unlike to_regclass, the catalogue also answers a role without any privilege on the schema.
  const { rows: found } = await client.query<{ name: string }>(
    `select relation.relname as name from pg_catalog.pg_class as relation
     join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
     where namespace.nspname = 'postrider' and relation.relname in ('schema_migration', 'outbox')
     order by relation.relname desc`,
  );
  if (found[0]?.name !== "schema_migration") {
    return { kind: "missing", want: latestOf(plan) };
  }
  const { rows } = await client.query<RecordedTable>(
    "select version, name, sha256, breaking from postrider.schema_migration order by version",
  );
  return rows.length === 0 && found.length > 1 ? { kind: "emptied", want: latestOf(plan) } : compare(plan.tables, rows);
}

interface RecordedTable {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
  readonly breaking: boolean;
}

function compare(tables: readonly TableStep[], recorded: readonly RecordedTable[]): SchemaState {
  const have = recorded.at(-1)?.version ?? 0;
  const want = tables.at(-1)?.version ?? 0;
  for (const { version, name, sha256 } of tables.filter((table) => table.version <= have)) {
    const record = recorded.find((each) => each.version === version);
    if (record === undefined) {
      return { kind: "edited", name, found: `it is not recorded, and version ${have} is` };
    }
    if (record.sha256 !== sha256) {
      const found = `the text that was applied as ${record.name} has another checksum than this program's`;
      return { kind: "edited", name, found };
    }
  }
  if (have === 0) {
    return { kind: "missing", want };
  }
  if (have < want) {
    return { kind: "behind", have, want, functions: 0 };
  }
  if (have > want) {
    return { kind: "ahead", have, want, breaking: recorded.some((each) => each.version > want && each.breaking) };
  }
  return { kind: "current", have };
}

interface RecordedFunction {
  readonly name: string;
  readonly sha256: string;
  readonly is_newer: boolean;
}

/** 0 if a newer program has installed the functions, because it kept what this one calls. */
async function outdatedFunctions(client: Queryable, { functions }: SchemaPlan): Promise<number> {
  const { rows } = await client.query<RecordedFunction>(
    `select name, sha256, string_to_array(split_part(postrider_version, '-', 1), '.')::int[] > $1::int[] as is_newer
     from postrider.schema_object`,
    [numbersOf(VERSION)],
  );
  if (rows.some((row) => row.is_newer)) {
    return 0;
  }
  const recorded = new Map(rows.map(({ name, sha256 }) => [name, sha256]));
  const changed = functions.filter(({ name, sha256 }) => recorded.get(name) !== sha256);
  const known = new Set(functions.map(({ name }) => name));
  return changed.length + rows.filter(({ name }) => !known.has(name)).length;
}

/** [0, 1, 0] of 0.1.0-beta. */
export function numbersOf(version: string): readonly number[] {
  return (version.split("-")[0] ?? "").split(".").map(Number);
}
