import {
  type Attribute,
  cloudEventsAttributes,
  isTimestamp,
  leftOutOf,
  thinAttributes,
} from "./cloudEventsAttributes.ts";
import type { DataRef, Format, FormattedEvent } from "./format.ts";

/**
 * CloudEvents 1.0.2 in the structured mode of HTTP, in JSON: the whole event is in the body, and so it is signed.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function cloudEvents(source: string): Format {
  const head = `{"specversion":"1.0","source":${JSON.stringify(source)},"id":`;
  const item = (event: FormattedEvent, payload: string) =>
    `${head}${rest(event, cloudEventsAttributes(event))},"data":${payload}}`;
  const thinItem = (event: FormattedEvent, ref: DataRef) => `${head}${rest(event, thinAttributes(event, ref))}}`;
  return {
    name: "cloudevents",
    contentType: "application/cloudevents+json",
    growthMax: 1,
    body: (event, payload) => Buffer.from(item(event, payload)),
    thinBody: (event, ref) => Buffer.from(thinItem(event, ref)),
    headerLines: null,
    batch: { contentType: "application/cloudevents-batch+json", item, thinItem },
    leftOut: leftOutOf,
  };
}

/** From the id's value on, up to the data. */
function rest({ id, eventType, createdAt }: FormattedEvent, attributes: readonly Attribute[]): string {
  let text = `${JSON.stringify(id)},"type":${JSON.stringify(eventType)}`;
  if (isTimestamp(createdAt)) {
    text += `,"time":${JSON.stringify(createdAt)}`;
  }
  text += ',"datacontenttype":"application/json"';
  for (const attribute of attributes) {
    text += `,${JSON.stringify(attribute.name)}:${jsonOf(attribute)}`;
  }
  return text;
}

function jsonOf({ type, text }: Attribute): string {
  return type === "integer" || type === "boolean" ? text : JSON.stringify(text);
}
