import { type Content, makeEvent } from "./content.ts";
import type { ReceivedEvent } from "./event.ts";
import { decodedHeader } from "./headers.ts";
import { jsonOf, textOf } from "./json.ts";
import { MalformedBody, membersOf, typeOf } from "./malformedBody.ts";
import { standardFields } from "./standardEvents.ts";

/** The event of a request in the format `raw`: the body is the payload alone, and a header has the type. */
export function rawEvents(content: Content): readonly ReceivedEvent[] {
  const text = textOf(content.body);
  const value = jsonOf(text);
  refuseEncrypted(content, value);
  if (isThin(content, value)) {
    return [
      makeEvent(
        standardFields(membersOf(value, "the envelope"), content.webhookId, () => ""),
        content,
      ),
    ];
  }
  const type = typeOf(decodedHeader(content.headers, "postrider-event-type"), "the request");
  const fields = { id: content.webhookId, type, sentTimestamp: undefined, data: value, readText: () => text };
  return [makeEvent({ ...fields, large: undefined, isTypeSigned: false }, content)];
}

/**
 * Whether a body is the envelope of a thin event and not a payload. Its own event's id stands in no payload, because the sender
 * makes it when the payload is written. The header that says so is not signed, so it can spoil an event but change none.
 */
function isThin({ headers, webhookId }: Content, value: unknown): boolean {
  const isEnvelope =
    typeof value === "object" && value !== null && "dataref" in value && "id" in value && value.id === webhookId;
  if (!isEnvelope && headers.get("postrider-thin") === "true") {
    throw new MalformedBody("it is no envelope, and its headers say that it is one");
  }
  return isEnvelope;
}

/**
 * Throws if a payload is a JWE, and the receiver decrypts such bodies. Their content-type says so, which no signature covers: what
 * was encrypted must not be taken for a payload because somebody on the way has changed that.
 */
export function refuseEncrypted({ isUnexpectedlyPlain }: Content, payload: unknown): void {
  const isJwe =
    typeof payload === "object" && payload !== null && JWE_MEMBERS.every((name) => Object.hasOwn(payload, name));
  if (isUnexpectedlyPlain && isJwe) {
    throw new MalformedBody("it is encrypted, and its content-type does not say so");
  }
}

const JWE_MEMBERS = ["protected", "encrypted_key", "iv", "ciphertext", "tag"];
