import { createHash } from "node:crypto";
import { defineStatement, type Queryable } from "../db/statements.ts";
import type { Scope } from "../domain/scope.ts";
import { type NamedUser, type TrustedUsers, userOf } from "../serve/trustedUsers.ts";

const useApiKey = defineStatement("use_api_key", {
  params: { tokenHash: "text" },
  columns: { key_id: "uuid", name: "text", scopes: "text[]" },
});

/** Who asks: the key, the key of the session, or the user whom a proxy names. */
export interface Caller {
  readonly kind: "key" | "user";
  /** Another one for everybody. */
  readonly id: string;
  readonly name: string;
  /** What the audit shows. */
  readonly onBehalfOf: string;
  readonly scopes: readonly string[];
}

/** What a request shows to say whose it is. */
export type Credential =
  | { readonly kind: "key" | "session"; readonly hash: string }
  | { readonly kind: "user"; readonly hash: string; readonly caller: Caller };

/** What tells of a request who asks. */
export interface Identification {
  readonly authorization: string | undefined;
  readonly cookies: string | undefined;
  /** As Node has them. */
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string | undefined;
}

export type Identified =
  | Credential
  | { readonly kind: "nobody" }
  | { readonly kind: "mistake"; readonly problem: string };

/** Scopes that include others. */
const INCLUDED: Readonly<Record<string, readonly Scope[]>> = {
  operate: ["read"],
  admin: ["read", "payload", "publish", "operate", "portal:mint"],
};

export function may({ scopes }: Caller, scope: Scope): boolean {
  return scopes.some((held) => held === scope || INCLUDED[held]?.includes(scope) === true);
}

/** The role as which Postgres does it. A daemon's login is never one of them. */
export const ROLES: Readonly<Record<Scope, string>> = {
  read: "postrider_reader",
  payload: "postrider_operator",
  publish: "postrider_publisher",
  operate: "postrider_operator",
  // A token may see payloads, so who makes one must be allowed to.
  "portal:mint": "postrider_operator",
  admin: "postrider_operator",
};

export const SESSION_COOKIE = "postrider_session";

const NOBODY: NamedUser = { kind: "nobody" };

/**
 * A key goes before everything, because whoever sends one means it. A user whom the proxy names goes before a cookie, which
 * may be that of whoever sat at the browser before.
 */
export function identify(
  { authorization, cookies, rawHeaders, remoteAddress }: Identification,
  users: TrustedUsers | null,
): Identified {
  const [, key] = /^Bearer +(prk_[A-Za-z0-9_-]{43}) *$/i.exec(authorization ?? "") ?? [];
  if (key !== undefined) {
    return { kind: "key", hash: hashOf(key) };
  }
  const named = users === null ? NOBODY : userOf(users, rawHeaders, remoteAddress);
  if (named.kind === "user") {
    const { name, scopes } = named;
    const onBehalfOf = `user:${name}`;
    return {
      kind: "user",
      hash: hashOf(onBehalfOf),
      caller: { kind: "user", id: onBehalfOf, name, onBehalfOf, scopes },
    };
  }
  const token = authorization === undefined ? sessionToken(cookies) : null;
  return named.kind === "mistake" || token === null ? named : { kind: "session", hash: hashOf(token) };
}

/** Whether a browser adds it to a request that another site makes it send. */
export function isAmbient({ kind }: Credential): boolean {
  return kind !== "key";
}

function sessionToken(cookies: string | undefined): string | null {
  return new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=(prs_[A-Za-z0-9_-]{43})(?:;|$)`).exec(cookies ?? "")?.[1] ?? null;
}

/** A fast hash may be stored, because nobody can try 2^256 keys. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Null: there is no such key or session, or it has expired. */
export async function findCaller(database: Queryable, credential: Credential): Promise<Caller | null> {
  if (credential.kind === "user") {
    return credential.caller;
  }
  const { rows } = await database.run(useApiKey, { tokenHash: credential.hash });
  const [found] = rows;
  return found === undefined
    ? null
    : { kind: "key", id: found.key_id, name: found.name, onBehalfOf: found.name, scopes: found.scopes };
}
