import type { IncomingHttpHeaders } from "node:http";

/** What a request says of its event; null if it does not. Its sender, a stranger, wrote it. */
export interface Contents {
  readonly type: string | null;
  readonly id: string | null;
}

/** The envelope of XML comes before its data. */
const XML_CHARS_READ = 8_192;

/**
 * Type and id of the event of a request, for a person to read. They come from the body if its format has them there,
 * because the signature covers it, and from headers otherwise.
 */
export function contentsOf(headers: IncomingHttpHeaders, body: Buffer): Contents {
  const { type, id } = fromBody(headers["content-type"] ?? "", body);
  return {
    type: type ?? headerOf(headers, "ce-type") ?? headerOf(headers, "postrider-event-type"),
    id: headerOf(headers, "webhook-id") ?? id ?? headerOf(headers, "ce-id"),
  };
}

function fromBody(contentType: string, body: Buffer): Contents {
  if (/^[^;]*[/+]xml\s*(?:;|$)/i.test(contentType)) {
    const text = body.subarray(0, XML_CHARS_READ).toString("utf8");
    return { type: elementOf(text, "type"), id: elementOf(text, "id") };
  }
  const value = parsed(body);
  return Array.isArray(value) ? ofBatch(value) : ofEnvelope(value);
}

function ofEnvelope(value: unknown): Contents {
  return { type: memberOf(value, "type"), id: memberOf(value, "id") };
}

function ofBatch(items: readonly unknown[]): Contents {
  const types = new Set(items.map((item) => memberOf(item, "type")).filter((type) => type !== null));
  return { type: types.size === 0 ? null : `${items.length} of ${[...types].join(", ")}`, id: null };
}

function memberOf(value: unknown, name: string): string | null {
  const member = typeof value === "object" && value !== null ? Reflect.get(value, name) : null;
  return typeof member === "string" ? member : null;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The text of the first element of that name. */
function elementOf(xml: string, name: string): string | null {
  const text = new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)<`).exec(xml)?.[1];
  return text?.replace(/&(\w+);/g, (entity, named: string) => ENTITIES[named] ?? entity) ?? null;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Percent-decoded, as CloudEvents and Postrider encode it. */
function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  if (typeof value !== "string") {
    return null;
  }
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
