import assert from "node:assert/strict";
import { makeFormats } from "../../src/format/body.ts";
import type { FormatName, FormattedEvent } from "../../src/format/format.ts";

export const SOURCE = "https://shop.example.com/orders?a=1&b=%202";
export const FORMATS = makeFormats(SOURCE);

export const EVENT: FormattedEvent = {
  id: "019a5b0c-9f3e-7cc1-8d2e-0123456789ab",
  eventType: "order.paid",
  createdAt: "2026-11-03T20:26:10.344522Z",
  attributes: null,
  hasLargeAttributes: false,
};

export function withAttributes(attributes: Readonly<Record<string, unknown>>): FormattedEvent {
  return { ...EVENT, attributes: JSON.stringify(attributes) };
}

export function bodyOf(name: FormatName, payload: string, event: FormattedEvent = EVENT): Buffer {
  const body = FORMATS[name].body(event, payload);
  assert.ok(body !== null, `${name} has a body`);
  return body;
}

/** The headers of a format, decoded. */
export function headersOf(name: FormatName, event: FormattedEvent = EVENT): Readonly<Record<string, string>> {
  const lines = FORMATS[name].headerLines?.(event, null) ?? "";
  assert.ok(lines === "" || lines.endsWith("\r\n"));
  return Object.fromEntries(
    lines
      .split("\r\n")
      .slice(0, -1)
      .map((line) => {
        const [, header = "", value = ""] = /^([a-z0-9-]+): ([!-~]*)$/.exec(line) ?? [];
        assert.notEqual(header, "", line);
        return [header, decodeURIComponent(value)];
      }),
  );
}
