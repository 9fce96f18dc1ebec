import { cloudEventsBinary, cloudEventsJson } from "./cloudEvents.ts";
import type { Content } from "./content.ts";
import type { ReceivedEvent } from "./event.ts";
import { type FormatName, UNSIGNED_FORMATS } from "./formatNames.ts";
import { mediaType } from "./headers.ts";
import { MalformedBody } from "./malformedBody.ts";
import { rawEvents } from "./rawEvents.ts";
import { type Rejection, rejected } from "./rejection.ts";
import { standardEvents } from "./standardEvents.ts";

export interface Events {
  readonly kind: "events";
  readonly events: readonly ReceivedEvent[];
}

/** The events of a body. Nothing that a sender can do makes it reject. */
export async function readEvents(content: Content, formats: ReadonlySet<FormatName>): Promise<Events | Rejection> {
  const format = formatOf(content, formats);
  if (format === null) {
    return rejected("format_unknown");
  }
  if (!formats.has(format)) {
    return rejected("format_not_allowed", `it is ${format}`);
  }
  try {
    return { kind: "events", events: await READERS[format](content) };
  } catch (thrown) {
    if (thrown instanceof MalformedBody) {
      return rejected("malformed", thrown.message);
    }
    throw thrown;
  }
}

type Reader = (content: Content) => readonly ReceivedEvent[] | Promise<readonly ReceivedEvent[]>;

const READERS: Readonly<Record<FormatName, Reader>> = {
  standard: standardEvents,
  raw: rawEvents,
  cloudevents: cloudEventsJson,
  "cloudevents-binary": cloudEventsBinary,
  // The parser of XML is loaded when the first body of XML comes.
  xml: async (content) => (await import("./xmlEvents.ts")).xmlEvents(content),
  "cloudevents-xml": async (content) => (await import("./xmlEvents.ts")).cloudEventsXml(content),
};

/**
 * In which format a body is. Its content-type, which no signature covers, only chooses how it is read: what is written in
 * one format cannot be read as another. The formats whose bodies do not say what they are must be expected.
 */
function formatOf({ contentType, headers }: Content, formats: ReadonlySet<FormatName>): FormatName | null {
  switch (mediaType(contentType)) {
    case "application/cloudevents+json":
    case "application/cloudevents-batch+json":
      return "cloudevents";
    case "application/cloudevents+xml":
      return "cloudevents-xml";
    case "application/xml":
    case "text/xml":
      return "xml";
    case "application/json":
    case "":
      return UNSIGNED_FORMATS.find((format) => formats.has(format)) ?? jsonFormatOf(headers);
    default:
      return null;
  }
}

function jsonFormatOf(headers: Content["headers"]): FormatName {
  return headers.has("ce-specversion") ? "cloudevents-binary" : "standard";
}
