import { cloudEventsAttributes, isTimestamp, leftOutOf } from "./cloudEventsAttributes.ts";
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
    headerLines: (event) => head + headerLines(event),
    batch: null,
    leftOut: leftOutOf,
  };
}

function headerLines(event: FormattedEvent): string {
  const { id, eventType, createdAt } = event;
  let lines = `ce-id: ${id}\r\nce-type: ${headerText(eventType)}\r\n`;
  if (isTimestamp(createdAt)) {
    lines += `ce-time: ${createdAt}\r\n`;
  }
  for (const { name, text } of cloudEventsAttributes(event)) {
    lines += `ce-${name}: ${headerText(text)}\r\n`;
  }
  return lines;
}
