import { createHash } from "node:crypto";
import { parseJsonObject } from "../../ground/jsonObject.ts";
import type { TokenClient } from "../../http/oauth2.ts";

/** How requests say who sends. */
export interface Auth {
  /** Another one for another endpoint and another credential. */
  readonly id: string;
  /** In small letters. */
  readonly headerName: string;
  /** The value of that header; null if it is a token that `client` has to get. */
  readonly headerValue: string | null;
  readonly client: TokenClient | null;
  /** What must not be repeated from an answer. */
  readonly secrets: readonly string[];
}

/** Null if it is not what the database lets in. */
export function readAuth(endpointId: string, text: string): Auth | null {
  const id = createHash("sha256").update(`${endpointId} ${text}`).digest("base64url");
  const given = textMembers(text);
  const { type, username, password, token, name, value } = given;
  switch (type) {
    case "basic": {
      if (username === undefined || password === undefined) {
        return null;
      }
      const encoded = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
      return {
        id,
        ...authorization(`Basic ${encoded}`),
        client: null,
        secrets: secretsOf(encoded, username, password),
      };
    }
    case "bearer":
      return token === undefined
        ? null
        : { id, ...authorization(`Bearer ${token}`), client: null, secrets: secretsOf(token) };
    case "header":
      return name === undefined || value === undefined
        ? null
        : { id, headerName: name.toLowerCase(), headerValue: value, client: null, secrets: secretsOf(value) };
    case "oauth2": {
      const client = tokenClient(given);
      return client && { id, ...authorization(null), client, secrets: [] };
    }
    default:
      return null;
  }
}

function authorization(headerValue: string | null): Pick<Auth, "headerName" | "headerValue"> {
  return { headerName: "authorization", headerValue };
}

/** A word that short is found in any text. */
const SECRET_CHARS_MIN = 6;

function secretsOf(...texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text.length >= SECRET_CHARS_MIN);
}

function tokenClient(given: Readonly<Record<string, string | undefined>>): TokenClient | null {
  const { token_url: url, client_id: clientId, client_secret: clientSecret, scope, audience } = given;
  if (url === undefined || clientId === undefined || clientSecret === undefined) {
    return null;
  }
  const method =
    given.token_endpoint_auth_method === "client_secret_post" ? "client_secret_post" : "client_secret_basic";
  return { url, clientId, clientSecret, method, scope: scope ?? null, audience: audience ?? null };
}

function textMembers(text: string): Readonly<Record<string, string | undefined>> {
  const members = Object.entries(parseJsonObject(text) ?? {});
  return Object.fromEntries(members.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}
