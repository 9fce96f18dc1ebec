import {
  type Attribute,
  cloudEventsAttributes,
  isTimestamp,
  leftOutOf,
  thinAttributes,
} from "./cloudEventsAttributes.ts";
import type { Format, FormattedEvent } from "./format.ts";
import { headerText } from "./headerText.ts";

/**
 * CloudEvents 1.0.2 in the binary mode of HTTP: the payload is the body, and headers have the attributes. No signature
 * covers them.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
export function cloudEventsBinary(source: string): Format {
  const head = `ce-specversion: 1.0\r\nce-source: ${headerText(source)}\r\n`;
  return {
    name: "cloudevents-binary",
    // Of the body, and so the event's datacontenttype.
    contentType: "application/json",
    growthMax: 1,
    body: (_, payload) => Buffer.from(payload),
    // With data in the body, that would have to be what dataref leads to.
    thinBody: () => Buffer.alloc(0),
    headerLines: (event, ref) =>
      head + headerLines(event, ref === null ? cloudEventsAttributes(event) : thinAttributes(event, ref)),
    batch: null,
    leftOut: leftOutOf,
  };
}

function headerLines({ id, eventType, createdAt }: FormattedEvent, attributes: readonly Attribute[]): string {
  let lines = `ce-id: ${id}\r\nce-type: ${headerText(eventType)}\r\n`;
  if (isTimestamp(createdAt)) {
    lines += `ce-time: ${createdAt}\r\n`;
  }
  for (const { name, text } of attributes) {
    lines += `ce-${name}: ${headerText(text)}\r\n`;
  }
  return lines;
}
