/**
 * The operations of the API as the page knows them. The bundler writes them in, out of the routes and their statements
 * (uiBundle.ts), so that the SQL which the page shows is the very text that the API of the same build runs.
 */
export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Behind /api/v1, with the names of parameters in braces. */
  readonly path: string;
  readonly scope: string;
  /** Where a request has each parameter, in the order of $1, $2, … */
  readonly takes: Readonly<Record<string, string>>;
  readonly sql: string;
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {};
