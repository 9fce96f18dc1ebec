import type { Queryable } from "../db/statements.ts";
import { defineStatement, type RowOf } from "../db/statements.ts";
import { parsePrivateKey } from "../format/ed25519.ts";
import { type Grant, isSignedBy, readToken, type TokenKey, tokenKeysOf } from "../format/payloadToken.ts";
import { parseSecret } from "../format/sign.ts";
import { unixSeconds } from "../ground/clock.ts";
import { open, type SealingKey } from "../secrets/sealing.ts";

const findPayload = defineStatement("find_payload", {
  params: { endpointId: "uuid", eventId: "uuid" },
  columns: { is_disabled: "boolean", is_there: "boolean", secrets: "text[]", secret_kinds: "text[]" },
});

type Row = RowOf<typeof findPayload.shape>;

/** What a token lets its holder do. */
export type Verdict =
  /** `keys` sign cursors; there is one at least. */
  | { readonly kind: "granted"; readonly grant: Grant; readonly keys: readonly [TokenKey, ...TokenKey[]] }
  /** It was made by someone who has the endpoint's secret, and is of no use any more. A sentence says why. */
  | { readonly kind: "over"; readonly reason: string }
  /** It is no token, or one of nobody's. Nothing says which. */
  | { readonly kind: "unknown" };

const UNKNOWN: Verdict = { kind: "unknown" };

/** Judges a token by what Postgres says now of its endpoint and event. */
export async function judgeToken(
  database: Queryable,
  sealingKeys: readonly SealingKey[],
  token: string,
): Promise<Verdict> {
  const grant = readToken(token);
  if (grant === null) {
    return UNKNOWN;
  }
  const { endpointId, eventId, expiresSeconds } = grant;
  const { rows } = await database.run(findPayload, { endpointId, eventId });
  const [row] = rows;
  const [key, ...others] = row === undefined ? [] : keysOf(row, endpointId, sealingKeys);
  if (row === undefined || key === undefined || !isSignedBy([key, ...others], grant)) {
    return UNKNOWN;
  }
  if (expiresSeconds <= unixSeconds()) {
    return { kind: "over", reason: "The URL has expired. The sender can send the event again, with a new one." };
  }
  if (row.is_disabled) {
    return { kind: "over", reason: "The endpoint that the event was sent to is disabled." };
  }
  return row.is_there
    ? { kind: "granted", grant: { endpointId, eventId, expiresSeconds }, keys: [key, ...others] }
    : { kind: "over", reason: "The event is not kept any more." };
}

/** Of those secrets that can be opened and read. */
function keysOf(
  { secrets, secret_kinds }: Row,
  endpointId: string,
  sealingKeys: readonly SealingKey[],
): readonly TokenKey[] {
  return secrets.flatMap((stored, index) => {
    const kind = secret_kinds[index] ?? "";
    const opened = open(sealingKeys, { endpointId, kind }, stored);
    if (opened.kind === "problem") {
      return [];
    }
    if (kind === "hmac") {
      const parsed = parseSecret(opened.secret);
      return parsed.kind === "key" ? tokenKeysOf([parsed.key], []) : [];
    }
    const parsed = parsePrivateKey(opened.secret);
    return parsed.kind === "key" ? tokenKeysOf([], [parsed.key]) : [];
  });
}
