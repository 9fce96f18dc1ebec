import { PostriderError } from "../../ground/errors.ts";

export const OWN_SERVER_REMEDY = "set DATABASE_URL to use a PostgreSQL server of your own";

export function failure(problem: string, found: string, remedy: string, cause?: unknown): PostriderError {
  return new PostriderError([{ code: "PR0008", problem, found, remedy }], 1, { cause });
}

export function startFailure({ dataDir }: { readonly dataDir: string }, found: string, remedy: string): PostriderError {
  return failure(`cannot start the embedded PostgreSQL in ${dataDir}`, found, remedy);
}

export const TAIL_LINES_MAX = 20;

/** One line, for the middle of an error. */
export function lastLines(text: string): string {
  return text.trim().split("\n").slice(-TAIL_LINES_MAX).join(" | ");
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
