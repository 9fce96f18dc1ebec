import { type Content, type EventFields, makeEvent, textOrNone } from "./content.ts";
import type { LargePayload, ReceivedEvent } from "./event.ts";
import { decodedHeader, mediaType } from "./headers.ts";
import { jsonOf, memberText, memberTexts, textOf } from "./json.ts";
import { largePayloadOf } from "./largePayload.ts";
import { idOf, itemsOf, MalformedBody, membersOf, typeOf } from "./malformedBody.ts";
import { refuseEncrypted } from "./rawEvents.ts";

/** What is no attribute of the application: the attributes with a field of their own, and where the data is. */
const NOT_ATTRIBUTES = new Set(
  "specversion id source type time datacontenttype subject data data_base64 dataref datarefsize datarefexpires".split(
    " ",
  ),
);

/** The events of a body in the structured mode of CloudEvents in JSON, or in its batched mode. */
export function cloudEventsJson(content: Content): readonly ReceivedEvent[] {
  const text = textOf(content.body);
  const value = jsonOf(text);
  if (mediaType(content.contentType) !== "application/cloudevents-batch+json") {
    const members = membersOf(value, "the CloudEvent");
    return [
      makeEvent(
        cloudEventFields(members, () => memberText(text, 0, "data")),
        content,
      ),
    ];
  }
  return cloudEventItems(value, memberTexts(text, 0, "data")).map((fields) => makeEvent(fields, content));
}

/** What the CloudEvents say that are items of an array. `textAt` gives the text of an item's payload. */
export function cloudEventItems(items: unknown, textAt: (index: number) => string): readonly EventFields[] {
  return itemsOf(items).map((item, index) => cloudEventFields(membersOf(item, "an item"), () => textAt(index)));
}

/** The event of a request in the binary mode: headers have the attributes, and no signature covers them. */
export function cloudEventsBinary(content: Content): readonly ReceivedEvent[] {
  const attributes: Record<string, unknown> = { datacontenttype: content.contentType };
  for (const name of content.headers.keys()) {
    if (/^ce-[a-z0-9]+$/.test(name)) {
      attributes[name.slice(3)] = decodedHeader(content.headers, name);
    }
  }
  if (attributes.id !== content.webhookId) {
    throw new MalformedBody("ce-id is not its webhook-id");
  }
  const size = textOrNone(attributes.datarefsize);
  const isThin = attributes.dataref !== undefined;
  if (isThin && content.body.length > 0) {
    throw new MalformedBody("it has both a body and ce-dataref");
  }
  const text = isThin ? "" : textOf(content.body);
  const data = isThin ? undefined : jsonOf(text);
  refuseEncrypted(content, data);
  const members = {
    ...attributes,
    ...(size !== undefined && { datarefsize: /^\d{1,16}$/.test(size) ? Number(size) : null }),
    ...(!isThin && { data }),
  };
  return [makeEvent({ ...cloudEventFields(members, () => text), isTypeSigned: false }, content)];
}

/** What a CloudEvent says, of which these are the attributes, the data among them. */
export function cloudEventFields(members: Readonly<Record<string, unknown>>, readText: () => string): EventFields {
  const { specversion, source, time, datacontenttype, subject } = members;
  if (specversion !== "1.0") {
    throw new MalformedBody("a CloudEvent has no specversion 1.0");
  }
  if (typeof source !== "string") {
    throw new MalformedBody("a CloudEvent has no source");
  }
  if (datacontenttype !== undefined && !isJson(datacontenttype)) {
    throw new MalformedBody("the data of a CloudEvent is not JSON");
  }
  return {
    id: idOf(members.id, "a CloudEvent"),
    type: typeOf(members.type, "a CloudEvent"),
    sentTimestamp: time,
    data: members.data,
    readText,
    large: largeOf(members),
    isTypeSigned: true,
    ofCloudEvent: {
      source,
      subject: textOrNone(subject),
      attributes: Object.fromEntries(Object.entries(members).filter(([name]) => !NOT_ATTRIBUTES.has(name))),
    },
  };
}

function isJson(contentType: unknown): boolean {
  return typeof contentType === "string" && /^(?:application|text)\/(?:[\w.-]+\+)?json$/.test(mediaType(contentType));
}

function largeOf({
  data,
  dataref,
  datarefsize,
  datarefexpires,
}: Readonly<Record<string, unknown>>): LargePayload | undefined {
  const isThin = dataref !== undefined;
  if (isThin === (data !== undefined)) {
    throw new MalformedBody(`a CloudEvent has ${isThin ? "both data and a dataref" : "neither data nor a dataref"}`);
  }
  return isThin ? largePayloadOf(dataref, datarefsize, datarefexpires) : undefined;
}
