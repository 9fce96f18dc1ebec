import { createHash } from "node:crypto";
import { type FunctionFile, type SchemaFiles, schemaFiles, type TableFile } from "./sqlFiles.ts";

/**
 * Reads the headers of the files that make the schema, and puts the files in the order in which they run.
 *
 * A table file opens with comment lines, among them its header, up to the first line that is empty or a bare `--`:
 *
 *     -- What the file does.
 *     -- locks: nothing that exists; it makes new tables only
 *     -- breaking: no
 *
 * `locks` is for the DBA who reads `migrate --print`. `breaking: yes` says that a daemon which does not know this file
 * must stop: a running one notices, an older one does not start. `no` promises that the release before this one works
 * unchanged on the new schema. `transaction: none` lets an upgrade run statement by statement, outside the transaction
 * of the migration; each of its statements must be repeatable.
 *
 * A function file may say what it grants, as in `-- grant: execute to reader, operator`.
 */

interface StepBase {
  readonly name: string;
  /** With LF line ends. */
  readonly text: string;
  /** Of the text, in hexadecimal digits. */
  readonly sha256: string;
}

export interface TableStep extends StepBase {
  readonly kind: "table";
  readonly version: number;
  readonly breaking: boolean;
  readonly locks: string;
  readonly isTransactional: boolean;
}

export interface FunctionStep extends StepBase {
  readonly kind: "function";
  readonly grants: string | null;
}

export type SchemaStep = TableStep | FunctionStep;

export interface SchemaPlan {
  readonly tables: readonly TableStep[];
  /** Each after those that it needs to exist. */
  readonly functions: readonly FunctionStep[];
  /** All of them in the order in which they run: a table file after the functions it needs, the other functions last. */
  readonly steps: readonly SchemaStep[];
  readonly finish: string;
}

let ofProgram: SchemaPlan | null = null;

/**
 * The plan of these files or, without any, of this program. That one is read once: it takes 14 ms of CPU, a daemon looks at it
 * every ten seconds, and files that are replaced under a running program are not what it was made for.
 */
export function readPlan(files?: SchemaFiles): SchemaPlan {
  if (files !== undefined) {
    return planOf(files);
  }
  ofProgram ??= planOf(schemaFiles());
  return ofProgram;
}

/**
 * Refuses what could not be applied: a gap in the numbers, a header that is missing, unknown or repeated, a file that
 * ends its own transaction, functions that need each other. Throws an Error, because the mistake is in this program.
 */
function planOf({ tables, functions, finish }: SchemaFiles): SchemaPlan {
  const tableSteps = tables.map((file, index) => {
    if (file.version !== index + 1) {
      throw new Error(`${file.name} stands where version ${index + 1} is due`);
    }
    return tableStep(file);
  });
  const functionSteps = functions.map(functionStep);
  const steps = inOrder(tableSteps, functionSteps);
  return { tables: tableSteps, functions: steps.filter((step) => step.kind === "function"), steps, finish };
}

export function latestOf(plan: SchemaPlan): number {
  return plan.tables.at(-1)?.version ?? 0;
}

export interface TransactionSegment {
  readonly kind: "transaction";
  readonly steps: readonly SchemaStep[];
  readonly isLast: boolean;
}

export type Segment = TransactionSegment | { readonly kind: "outside"; readonly step: TableStep };

/** One transaction, or several if files between them run outside a transaction. */
export function segmentsOf({ steps }: Pick<SchemaPlan, "steps">): readonly Segment[] {
  const outside = steps.findIndex((step) => step.kind === "table" && !step.isTransactional);
  const step = steps[outside];
  if (step?.kind !== "table") {
    return [{ kind: "transaction", steps, isLast: true }];
  }
  const rest = segmentsOf({ steps: steps.slice(outside + 1) });
  return [{ kind: "transaction", steps: steps.slice(0, outside), isLast: false }, { kind: "outside", step }, ...rest];
}

/**
 * The statements of a file that runs outside a transaction: each ends with ";" and an empty line, or with the file. A
 * body between dollar signs may hold empty lines.
 */
export function statementsOf(text: string): readonly string[] {
  const statement = /(?:\$([a-z_]*)\$[\s\S]*?\$\1\$|[\s\S])+?(?:;[ \t]*\n[ \t]*\n|$)/g;
  return (text.trimEnd().match(statement) ?? []).map((each) => each.trimEnd());
}

function tableStep({ version, name, text: raw }: TableFile): TableStep {
  const { text, sha256 } = checked(name, raw);
  const header = headerOf(name, text, ["locks", "breaking", "transaction"]);
  const breaking = header.get("breaking");
  const locks = header.get("locks");
  const transaction = header.get("transaction");
  if (breaking !== "yes" && breaking !== "no") {
    throw new Error(`${name} needs a line "-- breaking: yes" or "-- breaking: no" in its header`);
  }
  if (locks === undefined) {
    throw new Error(`${name} needs a line "-- locks: …" in its header`);
  }
  if (transaction !== undefined && transaction !== "none") {
    throw new Error(`${name} may say "-- transaction: none" in its header, and nothing else of a transaction`);
  }
  return {
    kind: "table",
    version,
    name,
    text,
    sha256,
    breaking: breaking === "yes",
    locks,
    isTransactional: transaction === undefined,
  };
}

function functionStep({ name, text: raw }: FunctionFile): FunctionStep {
  const { text, sha256 } = checked(name, raw);
  const grants = headerOf(name, text, ["grant"]).get("grant") ?? null;
  if (grants !== null && !/^\S.* to [a-z]+(, [a-z]+)*$/.test(grants)) {
    throw new Error(`${name} must say what it grants as in "-- grant: execute to reader, operator"`);
  }
  return { kind: "function", name, text, sha256, grants };
}

function checked(name: string, raw: string): { readonly text: string; readonly sha256: string } {
  const text = raw.replaceAll("\r\n", "\n");
  // A commit inside a body is allowed: a long fill commits every few thousand rows.
  if (/(^|;)[ \t]*(begin|commit|rollback|start[ \t]+transaction)[ \t]*;/im.test(text.replace(BODY, ""))) {
    throw new Error(`${name} begins or ends a transaction; the runner does that`);
  }
  return { text, sha256: createHash("sha256").update(text).digest("hex") };
}

function headerOf(name: string, text: string, keys: readonly string[]): ReadonlyMap<string, string> {
  const header = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (!line.startsWith("-- ")) {
      break;
    }
    const [, key, value] = /^-- ([a-z][a-z-]*): +(\S.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      continue;
    }
    if (!keys.includes(key)) {
      throw new Error(`${name} has an unknown header "${key}"; it may have ${keys.join(", ")}`);
    }
    if (header.has(key)) {
      throw new Error(`${name} says "${key}" twice`);
    }
    header.set(key, value.trim());
  }
  return header;
}

/**
 * A file needs what it names outside comments, literals and bodies of functions, because Postgres reads a body only when
 * it runs. So a table file comes after the functions of its defaults and checks, and a view after what it calls. A view may
 * have the name that a table had until an upgrade renamed it: table files that say the name mean the table.
 */
function inOrder(tables: readonly TableStep[], functions: readonly FunctionStep[]): readonly SchemaStep[] {
  const byName = new Map(functions.map((step) => [step.name, step]));
  const made = new Set(tables.flatMap(({ text }) => tablesIn(text)));
  const placed = new Set<SchemaStep>();
  const place = (step: SchemaStep, above: readonly string[]): void => {
    if (placed.has(step)) {
      return;
    }
    if (above.includes(step.name)) {
      throw new Error(`functions need each other: ${[...above, step.name].join(", ")}`);
    }
    for (const name of namesIn(step.text)) {
      const needed = byName.get(name);
      if (needed !== undefined && needed !== step && !(step.kind === "table" && made.has(name))) {
        place(needed, [...above, step.name]);
      }
    }
    placed.add(step);
  };
  for (const step of [...tables, ...functions]) {
    place(step, []);
  }
  return [...placed];
}

const BODY = /\$([a-z_]*)\$[\s\S]*?\$\1\$/g;

/** Comments, bodies, literals, and what an upgrade drops: none of these is needed. */
const OPAQUE = /--[^\n]*|\$([a-z_]*)\$[\s\S]*?\$\1\$|'(?:[^']|'')*'|^drop [^;]*;/gm;

function namesIn(text: string): readonly string[] {
  return [...text.replace(OPAQUE, "").matchAll(/\bpostrider(?:_internal)?\.([a-z0-9_]+)/g)].map(
    ([, name]) => name ?? "",
  );
}

function tablesIn(text: string): readonly string[] {
  return [...text.matchAll(/^create table postrider\.([a-z0-9_]+)/gm)].map(([, name]) => name ?? "");
}
