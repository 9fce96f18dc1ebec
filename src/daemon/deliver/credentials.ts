import { parseJsonObject } from "../../ground/jsonObject.ts";
import { type ClientCertificate, readClientCertificate } from "../../http/egress/clientCertificate.ts";
import { open, type SealingKey } from "../../secrets/sealing.ts";
import { type Auth, readAuth } from "./auth.ts";

/** What an endpoint's row says about who sends. */
export interface CredentialColumns {
  readonly id: string;
  /** Null if requests are not authenticated. */
  readonly auth_type: string | null;
  readonly has_client_certificate: boolean;
  /** Perhaps sealed. */
  readonly secrets: readonly string[];
  readonly secret_kinds: readonly string[];
}

/** How an endpoint's requests say who sends. */
export interface Credentials {
  readonly auth: Auth | null;
  readonly clientCertificate: ClientCertificate | null;
  /** Why nothing may be sent; null if everything is there. */
  readonly problem: string | null;
  /** The problem is one that pauses the endpoint. Otherwise its attempts fail until an operator mends it. */
  readonly isUnreadable: boolean;
}

type Read<Value> =
  | { readonly kind: "value"; readonly value: Value | null }
  | { readonly kind: "problem"; readonly problem: string; readonly isUnreadable: boolean };

/** Fails closed: without what the endpoint asks for, nothing is sent. */
export function decodeCredentials(row: CredentialColumns, sealingKeys: readonly SealingKey[]): Credentials {
  const auth = read(row, "auth", row.auth_type !== null, sealingKeys, (text) => readAuth(row.id, text));
  const certificate = read(row, "client_certificate", row.has_client_certificate, sealingKeys, readCertificate);
  const failed = [auth, certificate].filter((found) => found.kind === "problem");
  const problem = failed.find(({ isUnreadable }) => isUnreadable) ?? failed[0];
  return {
    auth: auth.kind === "value" ? auth.value : null,
    clientCertificate: certificate.kind === "value" ? certificate.value : null,
    problem: problem?.problem ?? null,
    isUnreadable: problem?.isUnreadable ?? false,
  };
}

function read<Value>(
  { id, secrets, secret_kinds }: CredentialColumns,
  kind: "auth" | "client_certificate",
  isWanted: boolean,
  sealingKeys: readonly SealingKey[],
  decode: (text: string) => Value | null,
): Read<Value> {
  if (!isWanted) {
    return { kind: "value", value: null };
  }
  const stored = secrets[secret_kinds.indexOf(kind)];
  if (stored === undefined) {
    return {
      kind: "problem",
      problem: `the endpoint's ${kind} has lost its secret; write it anew`,
      isUnreadable: false,
    };
  }
  const opened = open(sealingKeys, { endpointId: id, kind }, stored);
  if (opened.kind === "problem") {
    return { kind: "problem", problem: `the secret of ${kind} ${opened.problem}`, isUnreadable: true };
  }
  const value = decode(opened.secret);
  return value === null
    ? { kind: "problem", problem: `this version does not know the endpoint's ${kind}`, isUnreadable: false }
    : { kind: "value", value };
}

/** Null if it is not what the database lets in. */
function readCertificate(text: string): ClientCertificate | null {
  const { certificate, key } = parseJsonObject(text) ?? {};
  return typeof certificate === "string" && typeof key === "string" ? readClientCertificate(certificate, key) : null;
}
