import { createHash } from "node:crypto";
import { defineStatement, type Queryable } from "../db/statements.ts";
import type { Scope } from "./route.ts";

const useApiKey = defineStatement("use_api_key", {
  params: { tokenHash: "text" },
  columns: { key_id: "uuid", name: "text", scopes: "text[]" },
});

/** Who asks: the key, or the key of the session. */
export interface Caller {
  readonly keyId: string;
  readonly name: string;
  readonly scopes: readonly string[];
}

/** What a request shows to say whose it is. */
export interface Credential {
  readonly kind: "key" | "session";
  /** SHA-256, in hex. */
  readonly hash: string;
}

/** Scopes that include others. */
const INCLUDED: Readonly<Record<string, readonly Scope[]>> = {
  operate: ["read"],
  admin: ["read", "payload", "publish", "operate"],
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
  admin: "postrider_operator",
};

export const SESSION_COOKIE = "postrider_session";

/** Of a request's headers; null if they show nothing that could be ours. A key goes before a cookie. */
export function credentialOf(authorization: string | undefined, cookies: string | undefined): Credential | null {
  if (authorization !== undefined) {
    const [, key] = /^Bearer +(prk_[A-Za-z0-9_-]{43}) *$/i.exec(authorization) ?? [];
    return key === undefined ? null : { kind: "key", hash: hashOf(key) };
  }
  const token = sessionToken(cookies);
  return token === null ? null : { kind: "session", hash: hashOf(token) };
}

function sessionToken(cookies: string | undefined): string | null {
  return new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=(prs_[A-Za-z0-9_-]{43})(?:;|$)`).exec(cookies ?? "")?.[1] ?? null;
}

/** A fast hash may be stored, because nobody can try 2^256 keys. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Null: there is no such key or session, or it has expired. */
export async function findCaller(database: Queryable, { hash }: Credential): Promise<Caller | null> {
  const { rows } = await database.run(useApiKey, { tokenHash: hash });
  const [found] = rows;
  return found === undefined ? null : { keyId: found.key_id, name: found.name, scopes: found.scopes };
}
