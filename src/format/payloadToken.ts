import { createHash, type KeyObject, timingSafeEqual } from "node:crypto";
import { HmacKey } from "./hmacKey.ts";
import type { SigningKey } from "./sign.ts";

/**
 * A token lets its holder fetch the payload of one event that one endpoint was sent, until it expires. It is the base64url of
 *
 *     version (1 byte, 1), endpoint (16), event (16), Unix time at which it expires (4, big-endian), MAC (32)
 *
 * and the MAC is HMAC-SHA256, with the endpoint's secret, over `postrider:payload_token:v1:` and the bytes before it. No
 * signature of a request is over such a text, because those begin with an id. So a token ends with the secret, and whoever
 * has the secret, which is the receiver, can make one: it must be checked that the endpoint was sent that event.
 *
 * A cursor is a place in the payload, signed in the same way, so that reading begins only where an element does.
 */

const TOKEN_PREFIX = "postrider:payload_token:v1:";
const CURSOR_PREFIX = "postrider:payload_cursor:v1:";
const VERSION = 1;
const UUID_BYTES = 16;
const HEAD_BYTES = 1 + 2 * UUID_BYTES + 4;
const MAC_BYTES = 32;
const PLACE_BYTES = 4;
/** Of a cursor: it only says where an element begins, and is of no use without a token. */
const CURSOR_MAC_BYTES = 16;

/** What signs tokens of an endpoint: each of its secrets. */
export type TokenKey = HmacKey;

/** What a token is for. */
export interface Grant {
  readonly endpointId: string;
  readonly eventId: string;
  /** Unix time. */
  readonly expiresSeconds: number;
}

/** A grant as it was read, with what shows whether it is one. */
export interface SignedGrant extends Grant {
  readonly signed: Buffer;
  readonly mac: Buffer;
}

/** The keys of an endpoint's secrets, in their order. */
export function tokenKeysOf(hmac: readonly SigningKey[], ed25519: readonly KeyObject[]): readonly TokenKey[] {
  return [...hmac.map(({ hmacKey }) => hmacKey), ...ed25519.map(tokenKeyOfPrivate)];
}

function tokenKeyOfPrivate(key: KeyObject): TokenKey {
  const { d = "" } = key.export({ format: "jwk" });
  return new HmacKey(createHash("sha256").update(TOKEN_PREFIX).update(Buffer.from(d, "base64url")).digest());
}

export function makeToken(key: TokenKey, grant: Grant): string {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = VERSION;
  uuidBytes(grant.endpointId).copy(head, 1);
  uuidBytes(grant.eventId).copy(head, 1 + UUID_BYTES);
  head.writeUInt32BE(grant.expiresSeconds, 1 + 2 * UUID_BYTES);
  return Buffer.concat([head, macOf(key, TOKEN_PREFIX, head)]).toString("base64url");
}

/** What a token says, whoever made it; null if it is none. */
export function readToken(token: string): SignedGrant | null {
  const bytes = exactBytes(token, HEAD_BYTES + MAC_BYTES);
  if (bytes === null || bytes[0] !== VERSION) {
    return null;
  }
  return {
    endpointId: uuidText(bytes.subarray(1, 1 + UUID_BYTES)),
    eventId: uuidText(bytes.subarray(1 + UUID_BYTES, 1 + 2 * UUID_BYTES)),
    expiresSeconds: bytes.readUInt32BE(1 + 2 * UUID_BYTES),
    signed: bytes.subarray(0, HEAD_BYTES),
    mac: bytes.subarray(HEAD_BYTES),
  };
}

/** Whether one of the keys made it. Takes as long for every wrong one. */
export function isSignedBy(keys: readonly TokenKey[], { signed, mac }: SignedGrant): boolean {
  return isOneOf(keys, TOKEN_PREFIX, signed, mac);
}

/** A place in a payload, between two elements of an array or two members of an object. */
export interface Place {
  readonly isObject: boolean;
  /** The byte behind the comma. */
  readonly at: number;
}

/** Postgres has no value of half as many bytes. */
const OBJECT_FLAG = 2 ** 31;

/** A cursor for this payload. */
export function makeCursor(key: TokenKey, grant: Pick<Grant, "endpointId" | "eventId">, place: Place): string {
  const bytes = Buffer.alloc(PLACE_BYTES);
  bytes.writeUInt32BE(place.at + (place.isObject ? OBJECT_FLAG : 0));
  const mac = macOf(key, CURSOR_PREFIX, cursorMessage(grant, bytes)).subarray(0, CURSOR_MAC_BYTES);
  return Buffer.concat([bytes, mac]).toString("base64url");
}

/** The place; null if none of the keys has signed it for this payload. */
export function readCursor(
  keys: readonly TokenKey[],
  grant: Pick<Grant, "endpointId" | "eventId">,
  cursor: string,
): Place | null {
  const bytes = exactBytes(cursor, PLACE_BYTES + CURSOR_MAC_BYTES);
  if (bytes === null) {
    return null;
  }
  const place = bytes.subarray(0, PLACE_BYTES);
  if (!isOneOf(keys, CURSOR_PREFIX, cursorMessage(grant, place), bytes.subarray(PLACE_BYTES))) {
    return null;
  }
  const number = place.readUInt32BE();
  return { isObject: number >= OBJECT_FLAG, at: number % OBJECT_FLAG };
}

function isOneOf(keys: readonly TokenKey[], prefix: string, message: Buffer, mac: Buffer): boolean {
  let isOne = false;
  for (const key of keys) {
    isOne = timingSafeEqual(macOf(key, prefix, message).subarray(0, mac.length), mac) || isOne;
  }
  return isOne;
}

function macOf(key: TokenKey, prefix: string, message: Buffer): Buffer {
  return Buffer.from(key.digest(prefix, message), "base64");
}

function cursorMessage({ endpointId, eventId }: Pick<Grant, "endpointId" | "eventId">, place: Buffer): Buffer {
  return Buffer.concat([uuidBytes(endpointId), uuidBytes(eventId), place]);
}

/** Null if the text is not so many bytes in the one spelling that base64url has for them. */
function exactBytes(text: string, bytesCount: number): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === bytesCount && bytes.toString("base64url") === text ? bytes : null;
}

function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
