import type { Database } from "../../db/database.ts";
import { defineStatement, type Queryable } from "../../db/statements.ts";
import { hashOf } from "../caller.ts";
import type { PortalRoute } from "./route.ts";

const actForPortal = defineStatement("act_for_portal", {
  params: { tokenHash: "text", onlyReads: "boolean" },
  columns: { settings: "text" },
});

const presentPortalToken = defineStatement("present_portal_token", {
  params: {},
  columns: { tenant: "text", subject: "text?", capabilities: "text[]" },
});

export type Visit<Value> =
  | { readonly kind: "done"; readonly value: Value; readonly tenant: string }
  /** There is no such token, or it has expired. */
  | { readonly kind: "stranger" }
  /** The token lacks the capability. */
  | { readonly kind: "lacking" };

/** The hash of the token that a request shows; null if it shows nothing that could be one. There is no cookie. */
export function tokenHashOf(authorization: string | undefined): string | null {
  const [, token] = /^Bearer +(prp_[A-Za-z0-9_-]{43}) *$/i.exec(authorization ?? "") ?? [];
  return token === undefined ? null : hashOf(token);
}

/**
 * Does `work` in one transaction, as the role of the portal, and read only for what only reads. Which tenant's rows there
 * are is decided in Postgres, by the token: `work` cannot name one.
 */
export function visit<Value>(
  database: Database,
  tokenHash: string,
  { scope, method }: Pick<PortalRoute, "scope" | "method">,
  work: (transaction: Queryable) => Promise<Value>,
): Promise<Visit<Value>> {
  return database.transaction(async (transaction): Promise<Visit<Value>> => {
    await transaction.run(actForPortal, { tokenHash, onlyReads: method === "GET" });
    const { rows } = await transaction.run(presentPortalToken, {});
    const [token] = rows;
    if (token === undefined) {
      return { kind: "stranger" };
    }
    if (scope !== null && !token.capabilities.includes(scope)) {
      return { kind: "lacking" };
    }
    return { kind: "done", value: await work(transaction), tenant: token.tenant };
  });
}
