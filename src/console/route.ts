import { consoleText } from "../db/sqlFiles.ts";
import type { Scope } from "../domain/scope.ts";

/** The types of Postgres that parameters and columns have. */
type SqlType =
  | "uuid"
  | "text"
  | "smallint"
  | "integer"
  | "bigint"
  | "double precision"
  | "numeric"
  | "boolean"
  | "timestamp with time zone"
  | "interval"
  | "xid8"
  | "json"
  | "jsonb"
  | "bytea"
  | "jsonpath";

/** `text?` may be null. */
export type ColumnType = `${SqlType}${"" | "[]"}${"" | "?"}`;

export interface Parameter {
  /**
   * Where a request has it. `content` is the whole body, as it was written: a payload must not be parsed. The parts of a
   * cursor are one parameter of the query, `after`. `members` is the whole body, too, an object of members that are known.
   */
  readonly from: "path" | "query" | "body" | "content" | "members" | "limit" | "cursor" | "ifMatch";
  readonly type: ColumnType;
  /** Postgres has a default for it, or it may be left out. */
  readonly isOptional: boolean;
  readonly sentence: string;
  /** Those that `members` may have. */
  readonly members?: Readonly<Record<string, ColumnType>>;
}

export type Answer =
  /** As many rows as were asked for, with what continues behind the last one, which these columns name. */
  | {
      readonly kind: "page";
      readonly cursor: readonly string[];
      /** It looks at so many rows and no more; the answer says how far back that was, and its cursor goes on from there. */
      readonly search?: Search;
    }
  /** All rows, whose number the statement limits. */
  | { readonly kind: "rows" }
  /** The one row; without it, there is no such thing. `revision` is its entity tag, if it has that column. */
  | { readonly kind: "row" | "created" }
  | { readonly kind: "nothing" }
  /** What a daemon makes of the rows. */
  | { readonly kind: "request" };

/** How far back a search looked that found fewer rows than were asked for. */
export interface Search {
  /** Its row has `searched_to`, and the columns of the cursor of what was looked at last; null if that was everything. */
  readonly name: string;
  /** Which values of the request it is given. */
  readonly takes: readonly string[];
  /** Its last parameter, if it does not know itself how many are looked at. */
  readonly lookedAt?: number;
}

export type Example = null | boolean | number | string | readonly Example[] | { readonly [name: string]: Example };

/** One operation of the API. The statement that it runs is all that it does. */
export interface Route<Needed extends string | null = Scope> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Behind /api/v1, with the names of parameters in braces. */
  readonly path: string;
  /** The statement's, and the operation's: sql/console/NAME.sql. */
  readonly name: string;
  readonly summary: string;
  /** What the key must have; of the portal, the capability of the token. Null: none. */
  readonly scope: Needed;
  /** A scope that it needs besides, because it shows what that one is for. */
  readonly alsoScope?: Scope;
  /** By name, in the order of $1, $2, … */
  readonly takes: Readonly<Record<string, Parameter>>;
  /** The columns of the answer, in their order. */
  readonly gives: Readonly<Record<string, ColumnType>>;
  readonly answer: Answer;
  /** A body that does something useful, for the OpenAPI document. */
  readonly example?: Example;
  /** Columns with what is shown once, such as a secret: a request that is repeated gets the answer without them. */
  readonly shownOnce?: readonly string[];
}

export type AnyRoute = Route<string | null>;

/** The values of parameters, by name. Postgres reads the texts. */
export type Values = Readonly<Record<string, string | readonly string[] | null>>;

export function inPath(sentence: string, type: ColumnType = "uuid"): Parameter {
  return { from: "path", type, isOptional: false, sentence };
}

export function inQuery(type: ColumnType, sentence: string): Parameter {
  return { from: "query", type, isOptional: true, sentence };
}

export function neededInQuery(type: ColumnType, sentence: string): Parameter {
  return { from: "query", type, isOptional: false, sentence };
}

export function inBody(type: ColumnType, sentence: string): Parameter {
  return { from: "body", type, isOptional: true, sentence };
}

export function neededInBody(type: ColumnType, sentence: string): Parameter {
  return { from: "body", type, isOptional: false, sentence };
}

export const asContent = (sentence: string): Parameter => ({
  from: "content",
  type: "json",
  isOptional: false,
  sentence,
});

export function asMembers(members: Readonly<Record<string, ColumnType>>, sentence: string): Parameter {
  return { from: "members", type: "jsonb", isOptional: false, sentence, members };
}

const REASON = "Why; the audit keeps it.";
export const reasonInQuery: Parameter = inQuery("text", REASON);
export const reasonInBody: Parameter = inBody("text", REASON);

export const ifMatch: Parameter = { from: "ifMatch", type: "bigint", isOptional: true, sentence: "" };

export const limit: Parameter = { from: "limit", type: "integer", isOptional: true, sentence: "" };

export const cursor = (type: ColumnType = "uuid"): Parameter => ({
  ...{ from: "cursor", type, isOptional: true },
  sentence: "",
});

/** The statement as a person would run it: without its header, and without the semicolon. */
export function statementOf({ name }: Pick<AnyRoute, "name">): string {
  return consoleText(name)
    .replace(/^(--.*\n)+/, "")
    .trim()
    .replace(/;$/, "");
}

/** The statement whose rows are JSON as Postgres writes it, so that numbers keep their digits and payloads their bytes. */
export function jsonStatementOf({ name, answer, gives }: AnyRoute): string {
  const text = statementOf({ name });
  if (answer.kind === "nothing" || answer.kind === "request") {
    return text;
  }
  const tag = "revision" in gives && answer.kind === "row" ? "answer.revision::text" : "null";
  const place = answer.kind === "page" ? placeIn(answer.cursor, gives) : "null";
  return `select row_to_json(answer)::text as json, ${place} as place, ${tag} as tag from (\n${text}\n) answer`;
}

/** The statement that says how far a search looked: as JSON, and as the cursor that goes on from there. */
export function searchStatementOf({ search, cursor, gives }: Searching): string {
  const place = placeIn(cursor, gives);
  return `select to_json(answer.searched_to)::text as "searchedTo", ${place} as next from (\n${statementOf(search)}\n) answer`;
}

export type Searching = Pick<AnyRoute, "gives"> & { readonly search: Search; readonly cursor: readonly string[] };

/** The cursor behind a row; null if its columns are. A time is written without what an address would have to escape. */
function placeIn(cursor: readonly string[], gives: AnyRoute["gives"]): string {
  const parts = cursor.map((column) =>
    gives[column]?.startsWith("timestamp")
      ? `to_char(answer.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
      : `answer.${column}`,
  );
  return `nullif(concat_ws('.', ${parts.join(", ")}), '')`;
}
