import type { Database } from "../db/database.ts";
import { classifyPostgresError, isTimeout, isUntranslatable } from "../db/pgErrors.ts";
import { defineStatement, type Queryable } from "../db/statements.ts";
import { type ErrorCode, type Fault, messageOf, PostriderError } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";
import { type Declaration, placeIn, readDeclaration, subjectOf } from "./declaration.ts";
import type { Change } from "./difference.ts";
import { type Complaint, type Located, readYaml } from "./yaml.ts";

const listEndpointOptions = defineStatement("list_endpoint_options", { params: {}, columns: { name: "text" } });

const applyFileStatement = defineStatement("apply_file", {
  params: { declared: "jsonb" },
  columns: {
    place: "text[]",
    part: "text?",
    before: "text?",
    after: "text?",
    note: "text?",
    problem: "text?",
    advice: "text?",
  },
});

const countDeclared = defineStatement("count_declared", {
  params: {},
  columns: { endpoints: "bigint", event_types: "bigint" },
});

export interface FileToApply {
  /** What it is called in errors. */
  readonly name: string;
  readonly text: string;
  /** The value of a variable that the file refers to; null if it is not set. */
  readonly variable: (name: string) => string | null;
}

export interface Application {
  readonly changes: readonly Change[];
  /** What the file does not mention. */
  readonly others: { readonly endpoints: number; readonly eventTypes: number };
}

/**
 * Makes endpoints, subscriptions and event types what the file says, in one transaction. `show` is told of the changes
 * before they are committed or, if `isDry`, rolled back.
 *
 * Rejects with PR0024 if the file has faults, with all of them, and with PR0016 if another session is changing the same.
 */
export async function applyFile(
  database: Database,
  file: FileToApply,
  { isDry, show }: { readonly isDry: boolean; readonly show: (application: Application) => void },
): Promise<Application> {
  const reading = readYaml(file.text);
  if (reading.kind === "refused") {
    throw refused(file.name, reading.complaints);
  }
  try {
    return await database.transaction(
      async (transaction) => {
        const application = await applied(transaction, file, reading.root);
        show(application);
        return application;
      },
      isDry ? "rollback" : "commit",
    );
  } catch (thrown) {
    throw faultOf(thrown, file.name) ?? thrown;
  }
}

async function applied(transaction: Queryable, file: FileToApply, root: Located): Promise<Application> {
  const { rows: options } = await transaction.run(listEndpointOptions, {});
  const declaration = readDeclaration(root, { options: options.map(({ name }) => name), variable: file.variable });
  const { rows } = await transaction.run(applyFileStatement, { declared: declaration.json });
  const faults = rows.flatMap(({ place, problem, advice }) =>
    problem === null
      ? []
      : [{ place: placeIn(root, [...place, ...placeInSchema(problem)]), found: problem, remedy: remedyOf(advice) }],
  );
  const complaints = [...declaration.complaints, ...faults].toSorted(byPlace);
  if (complaints.length > 0) {
    throw refused(file.name, complaints);
  }
  const changes = rows.map(({ place, part, before, after, note }) => ({
    entry: place.slice(0, 2).join("/"),
    subject: subjectOf(root, place),
    part,
    ...(before !== null && { before: JSON.parse(before) as unknown }),
    ...(after !== null && { after: JSON.parse(after) as unknown }),
    note,
  }));
  return { changes, others: await othersThan(transaction, declaration) };
}

async function othersThan(transaction: Queryable, declaration: Declaration): Promise<Application["others"]> {
  const { rows } = await transaction.run(countDeclared, {});
  const { endpoints = 0, event_types: eventTypes = 0 } = rows[0] ?? {};
  return {
    endpoints: Math.max(0, Number(endpoints) - declaration.endpoints),
    eventTypes: Math.max(0, Number(eventTypes) - declaration.eventTypes),
  };
}

/** What is wrong with a schema is told by a JSON pointer. */
function placeInSchema(problem: string): readonly string[] {
  const [, pointer] = /its JSON Schema, at "((?:\/[^"/]*)+)"/.exec(problem) ?? [];
  const steps = pointer?.split("/").slice(1) ?? [];
  return pointer === undefined
    ? []
    : ["json_schema", ...steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))];
}

function remedyOf(advice: string | null): string {
  const clause = (advice ?? "").replace(/\.$/, "").replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
  return clause === "" ? "correct it" : clause;
}

function byPlace(one: Complaint, other: Complaint): number {
  return one.place.line - other.place.line || one.place.column - other.place.column;
}

function refused(file: string, complaints: readonly Complaint[]): PostriderError {
  return new PostriderError(
    complaints.map(
      ({ place, found, remedy }): Fault => ({
        code: "PR0024",
        problem: `cannot apply ${file}`,
        found: `line ${place.line}, column ${place.column}: ${printable(found)}`,
        remedy: printable(remedy),
      }),
    ),
  );
}

const BUSY_STATES: ReadonlySet<string | null> = new Set(["55P03", "40P01"]);

/** What Postgres says of the file as a whole; null for any other error. */
function faultOf(thrown: unknown, file: string): PostriderError | null {
  const { sqlstate } = classifyPostgresError(thrown);
  const fault = (code: ErrorCode, found: string, remedy: string) =>
    new PostriderError(
      [{ code, problem: `cannot apply ${file}`, found: `${found}: ${messageOf(thrown)}`, remedy }],
      1,
      {
        cause: thrown,
      },
    );
  if (BUSY_STATES.has(sqlstate)) {
    const found = "another session applies a file, or changes an endpoint or event type of this one";
    return fault("PR0016", found, "run it again when that session has committed; nothing was changed");
  }
  if (isTimeout(thrown)) {
    return fault("PR0024", "it took too long", "apply it in parts: each leaves alone what it does not mention");
  }
  return isUntranslatable(thrown)
    ? fault("PR0024", "the database's encoding lacks one of its characters", "replace the character")
    : null;
}
