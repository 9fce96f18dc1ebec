import { type Content, makeEvent } from "./content.ts";
import type { ReceivedEvent } from "./event.ts";
import { decodedHeader } from "./headers.ts";
import { jsonOf, textOf } from "./json.ts";
import { membersOf, typeOf } from "./malformedBody.ts";
import { standardFields } from "./standardEvents.ts";

/** The event of a request in the format `raw`: the body is the payload alone, and a header has the type. */
export function rawEvents(content: Content): readonly ReceivedEvent[] {
  const text = textOf(content.body);
  const value = jsonOf(text);
  if (content.headers.get("postrider-thin") === "true") {
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
