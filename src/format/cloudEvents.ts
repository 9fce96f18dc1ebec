import { type Attribute, cloudEventsAttributes, isTimestamp, leftOutOf } from "./cloudEventsAttributes.ts";
import type { Format, FormattedEvent } from "./format.ts";

/**
 * CloudEvents 1.0.2 in the structured mode of HTTP, in JSON: the whole event is in the body, and so it is signed.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function cloudEvents(source: string): Format {
  const head = `{"specversion":"1.0","source":${JSON.stringify(source)},"id":`;
  const item = (event: FormattedEvent, payload: string) => `${head}${rest(event)},"data":${payload}}`;
  return {
    name: "cloudevents",
    contentType: "application/cloudevents+json",
    growthMax: 1,
    body: (event, payload) => Buffer.from(item(event, payload)),
    headerLines: null,
    batch: { contentType: "application/cloudevents-batch+json", item },
    leftOut: leftOutOf,
  };
}

/** From the id's value on, up to the data. */
function rest(event: FormattedEvent): string {
  const { id, eventType, createdAt } = event;
  let text = `${JSON.stringify(id)},"type":${JSON.stringify(eventType)}`;
  if (isTimestamp(createdAt)) {
    text += `,"time":${JSON.stringify(createdAt)}`;
  }
  text += ',"datacontenttype":"application/json"';
  for (const attribute of cloudEventsAttributes(event)) {
    text += `,${JSON.stringify(attribute.name)}:${jsonOf(attribute)}`;
  }
  return text;
}

function jsonOf({ type, text }: Attribute): string {
  return type === "string" ? JSON.stringify(text) : text;
}
