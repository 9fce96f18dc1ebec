import { cloudEvents } from "./cloudEvents.ts";
import { cloudEventsBinary } from "./cloudEventsBinary.ts";
import { cloudEventsXml } from "./cloudEventsXml.ts";
import type { Format, FormatName } from "./format.ts";
import { raw } from "./raw.ts";
import { standard } from "./standard.ts";
import { xml } from "./xml.ts";

export type Formats = Readonly<Record<FormatName, Format>>;

/** All formats. `source` is that of CloudEvents: a URI reference. */
export function makeFormats(source: string): Formats {
  return {
    standard,
    raw,
    cloudevents: cloudEvents(source),
    "cloudevents-binary": cloudEventsBinary(source),
    xml,
    "cloudevents-xml": cloudEventsXml(source),
  };
}

/** The most bytes of a body for a byte of its payload, over all formats. */
export const GROWTH_MAX = Math.max(...Object.values(makeFormats("")).map(({ growthMax }) => growthMax));

/** The body of a batch: its items, as `BatchFormat.item` made them, in one JSON array. */
export function batchBody(items: readonly string[]): Buffer {
  return Buffer.from(`[${items.join(",")}]`);
}
