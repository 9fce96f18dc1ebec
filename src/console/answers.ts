import { createHash } from "node:crypto";
import type { Queryable } from "../db/statements.ts";
import { problem } from "../serve/problem.ts";
import type { Asked } from "./asked.ts";
import { JSON_TYPE } from "./http.ts";
import { answerRequest, type ComposeRequest } from "./requests.ts";
import { type AnyRoute, jsonStatementOf, type Searching, searchStatementOf, type Values } from "./route.ts";

interface Line {
  /** The row, as Postgres writes it. */
  readonly json: string;
  /** What a cursor behind it is. */
  readonly place: string | null;
  /** Its revision. */
  readonly tag: string | null;
}

type Bound = Extract<Asked, { readonly kind: "asked" }>;

/** Runs the route's statement, and puts its rows together. They are never parsed: numbers keep their digits. */
export async function answerTo(
  route: AnyRoute,
  asked: Bound,
  transaction: Queryable,
  compose: ComposeRequest,
): Promise<Response> {
  if (route.answer.kind === "request") {
    return answerRequest({ route, values: asked.values, transaction, compose });
  }
  const { rows, rowCount } = await transaction.query<Line>(jsonStatementOf(route), Object.values(asked.values));
  switch (route.answer.kind) {
    case "page":
      return jsonAnswer(await page(route, asked, rows, transaction));
    case "rows":
      return jsonAnswer(`{"data":[${rows.map(({ json }) => json).join(",")}]}`);
    case "row":
    case "created":
      return oneRow(route, rows);
    case "nothing":
      return rowCount === 0 ? missed(asked.values) : new Response(null, { status: 204 });
  }
}

/** Nothing was changed. With a revision it is more likely that somebody was quicker. */
function missed({ revision = null }: Values): Response {
  return revision === null
    ? problem(404, "there is none with this id")
    : problem(412, "it has changed since, or is gone", {}, { hint: "Read it again, and decide anew." });
}

function oneRow({ answer }: AnyRoute, [row]: readonly Line[]): Response {
  if (row === undefined) {
    return problem(404, "there is none with this id");
  }
  return answer.kind === "created"
    ? new Response(row.json, { status: 201, headers: JSON_TYPE })
    : jsonAnswer(row.json, row.tag);
}

async function page(
  route: AnyRoute,
  { values, limit }: Bound,
  rows: readonly Line[],
  transaction: Queryable,
): Promise<string> {
  const data = rows
    .slice(0, limit)
    .map(({ json }) => json)
    .join(",");
  const next = rows.length > limit ? (rows[limit - 1]?.place ?? null) : null;
  if (route.answer.kind !== "page" || route.answer.search === undefined) {
    return `{"data":[${data}],"next":${JSON.stringify(next)}}`;
  }
  const { search, cursor } = route.answer;
  const searching = { search, cursor, gives: route.gives };
  const end = next === null ? await endOf(searching, values, transaction) : { searchedTo: null, next };
  return `{"data":[${data}],"next":${JSON.stringify(end.next)},"searched_to":${end.searchedTo}}`;
}

/** Where a search ended that has nothing more to show. Its limit may have ended it before the time that was asked for. */
async function endOf(searching: Searching, values: Values, transaction: Queryable): Promise<SearchEnd> {
  const { takes, lookedAt } = searching.search;
  const given = [...takes.map((name) => values[name]), ...(lookedAt === undefined ? [] : [String(lookedAt)])];
  const { rows } = await transaction.query<SearchEnd>(searchStatementOf(searching), given);
  return rows[0] ?? { searchedTo: "null", next: null };
}

interface SearchEnd {
  /** As JSON. */
  readonly searchedTo: string | null;
  /** The cursor that goes on from there; null if everything was looked at. */
  readonly next: string | null;
}

/** With the revision of what is shown as its tag, or a hash of it. */
function jsonAnswer(body: string, revision: string | null = null): Response {
  const etag =
    revision === null ? `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` : `"${revision}"`;
  return new Response(body, { status: 200, headers: { ...JSON_TYPE, etag } });
}
