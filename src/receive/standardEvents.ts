import { type Content, type EventFields, makeEvent } from "./content.ts";
import type { LargePayload, ReceivedEvent } from "./event.ts";
import { jsonOf, memberText, memberTexts, textOf } from "./json.ts";
import { largePayloadOf } from "./largePayload.ts";
import { idOf, itemsOf, MalformedBody, membersOf, typeOf } from "./malformedBody.ts";

/** The events of a body in the format `standard`: one envelope, or an array of them, which is a batch. */
export function standardEvents(content: Content): readonly ReceivedEvent[] {
  const text = textOf(content.body);
  const value = jsonOf(text);
  if (!Array.isArray(value)) {
    const envelope = membersOf(value, "the envelope");
    return [
      makeEvent(
        standardFields(envelope, content.webhookId, () => memberText(text, 0, "data")),
        content,
      ),
    ];
  }
  return standardItems(value, memberTexts(text, 0, "data")).map((fields) => makeEvent(fields, content));
}

/** What the envelopes say that are items of an array. `textAt` gives the text of an item's payload. */
export function standardItems(items: unknown, textAt: (index: number) => string): readonly EventFields[] {
  return itemsOf(items).map((item, index) => {
    const envelope = membersOf(item, "an item");
    return standardFields(envelope, idOf(envelope.id, "an item"), () => textAt(index));
  });
}

/** The fields of one envelope. One that comes alone has an id only if its payload is to be fetched. */
export function standardFields(
  envelope: Readonly<Record<string, unknown>>,
  id: string,
  readText: () => string,
): EventFields {
  const large = largeOf(envelope);
  if (large !== undefined && envelope.id !== id) {
    throw new MalformedBody("its id is not its webhook-id");
  }
  if (typeof envelope.timestamp !== "string") {
    throw new MalformedBody("an envelope has no timestamp");
  }
  return {
    id,
    type: typeOf(envelope.type, "an envelope"),
    sentTimestamp: envelope.timestamp,
    data: envelope.data,
    readText,
    large,
    isTypeSigned: true,
  };
}

const NEITHER = "neither data nor a dataref; bodies in the format raw are read if the option formats names it";

function largeOf(envelope: Readonly<Record<string, unknown>>): LargePayload | undefined {
  const isThin = envelope.dataref !== undefined;
  if (isThin === (envelope.data !== undefined)) {
    throw new MalformedBody(`an envelope has ${isThin ? "both data and a dataref" : NEITHER}`);
  }
  if (!isThin) {
    return undefined;
  }
  const { url, size, expires } = membersOf(envelope.dataref, "the dataref");
  return largePayloadOf(url, size, expires);
}
