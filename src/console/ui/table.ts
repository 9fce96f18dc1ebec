/** The operations of the API as the page knows them. The bundler writes them in, out of the routes (uiBundle.ts). */
export interface Operation {
  readonly name: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Behind /api/v1, with the names of parameters in braces. */
  readonly path: string;
  readonly scope: string | null;
  /** Where a request has each parameter, in the order of $1, $2, … */
  readonly takes: Readonly<Record<string, string>>;
  /** What a person can give to one that changes something: types in Postgres, with `?` if it may be null. */
  readonly asks?: Readonly<Record<string, string>>;
}

/** What a key may be made for. */
export const SCOPES: readonly string[] = [];

export const OPERATIONS: Readonly<Record<string, Operation>> = {};
