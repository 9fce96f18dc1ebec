import type { ContentfulStatusCode } from "hono/utils/http-status";
import { isOutage, isTimeout, type ServerAnswer, serverAnswer } from "../db/pgErrors.ts";
import { problem } from "../serve/problem.ts";

/** When to ask again what Postgres cannot answer now. */
const OUTAGE_RETRY_S = 5;

/**
 * The answer to what Postgres refused or could not do, in its words; null if it was not Postgres. `isOfUse`: whether the
 * client can follow a hint.
 */
export function postgresProblem(thrown: unknown, isOfUse: (hint: string) => boolean = () => true): Response | null {
  if (isTimeout(thrown)) {
    const hint = "Ask for a shorter stretch of time, or for fewer rows.";
    return problem(504, "Postgres did not answer within the time that a request has", {}, { hint, code: "57014" });
  }
  const answer = serverAnswer(thrown);
  if (isOutage(thrown) && (answer === null || !REFUSALS.has(answer.sqlstate))) {
    return problem(503, "Postgres is away, or cannot do it now", { "retry-after": String(OUTAGE_RETRY_S) });
  }
  const status = answer === null ? null : statusOf(answer);
  if (answer === null || status === null) {
    return null;
  }
  const { message, detail, hint, sqlstate: code } = answer;
  const members = { ...(detail !== null && { found: detail }), ...(hint !== null && isOfUse(hint) && { hint }), code };
  return problem(status, message, {}, members);
}

/** Of a kind that would pass elsewhere, but here the server says what must be done first. */
const REFUSALS: ReadonlySet<string> = new Set(["55000", "55P03"]);

const STATUSES: Readonly<Record<string, ContentfulStatusCode>> = {
  P0002: 404, // no_data_found
  "02000": 404,
  "42501": 403, // insufficient_privilege: of the login of the API, for the scopes were looked at
  "42601": 422, // a jsonpath that is none
  "23505": 409,
  "23503": 409,
  "55000": 409, // object_not_in_prerequisite_state
  "55P03": 409, // somebody else is changing it
  PR014: 409, // a copy that was not adopted
  P0001: 422,
};

/** Data that Postgres does not take, a check that is violated, and what the schema says it does not do. */
const UNPROCESSABLE = /^(22|23|0A)/;

/** Null: it is a mistake of this program, or the schema is not the one that it knows. */
function statusOf({ sqlstate }: ServerAnswer): ContentfulStatusCode | null {
  return STATUSES[sqlstate] ?? (UNPROCESSABLE.test(sqlstate) ? 422 : null);
}
