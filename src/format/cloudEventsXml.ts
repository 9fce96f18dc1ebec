import { append, type BodyText, finish, newBody } from "./bodyText.ts";
import {
  type Attribute,
  cloudEventsAttributes,
  isTimestamp,
  leftOutOf,
  thinAttributes,
} from "./cloudEventsAttributes.ts";
import type { Format, FormattedEvent } from "./format.ts";
import { xmlText } from "./xmlText.ts";

/**
 * CloudEvents in XML, which is a working draft. The data is the JSON text of the payload.
 * Source: https://github.com/cloudevents/spec/blob/main/cloudevents/working-drafts/xml-format.md
 */
export function cloudEventsXml(source: string): Format {
  const head = [
    '<?xml version="1.0" encoding="UTF-8"?><event xmlns="http://cloudevents.io/xmlformat/V1"',
    ' xmlns:ce="http://cloudevents.io/xmlformat/V1" xmlns:xs="http://www.w3.org/2001/XMLSchema"',
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" specversion="1.0">',
    `<source>${xmlText(source)}</source>`,
  ].join("");
  return {
    name: "cloudevents-xml",
    contentType: "application/cloudevents+xml",
    // A payload of nothing but &.
    growthMax: 5,
    body: (event, payload) => {
      const body = newBody(`${head}${elements(event, cloudEventsAttributes(event))}<data xsi:type="xs:string">`);
      appendJson(body, payload);
      append(body, "</data></event>");
      return finish(body);
    },
    thinBody: (event, ref) => Buffer.from(`${head}${elements(event, thinAttributes(event, ref))}</event>`),
    headerLines: null,
    batch: null,
    leftOut: (event) => [...leftOutOf(event), ...namesNotOfXml(event)],
  };
}

function elements({ id, eventType, createdAt }: FormattedEvent, attributes: readonly Attribute[]): string {
  const time = isTimestamp(createdAt) ? `<time>${createdAt}</time>` : "";
  const others = attributes.filter(isElementName).map(elementOf).join("");
  const known = `<id>${xmlText(id)}</id><type>${xmlText(eventType)}</type>${time}`;
  return `${known}<datacontenttype>application/json</datacontenttype>${others}`;
}

/** Those that CloudEvents itself defines have a type already. */
const DEFINED = new Set(["subject", "dataschema"]);

function elementOf({ name, type, text }: Attribute): string {
  return `<${name}${DEFINED.has(name) ? "" : ` xsi:type="ce:${type}"`}>${xmlText(text)}</${name}>`;
}

/** A name of CloudEvents may begin with a digit, and one of XML may not. */
function isElementName({ name }: Attribute): boolean {
  return !/^[0-9]/.test(name);
}

function namesNotOfXml(event: FormattedEvent): readonly string[] {
  return cloudEventsAttributes(event)
    .filter((attribute) => !isElementName(attribute))
    .map(({ name }) => `${JSON.stringify(name)}: a name of XML does not begin with a digit`);
}

/** Characters of the payload that are made into XML at a time. */
const SLICE_CHARS = 1_048_576;

/** Characters that XML 1.0 cannot carry stand in JSON only within strings, so they can be escaped as in JSON. */
function appendJson(body: BodyText, json: string): void {
  let from = 0;
  while (from < json.length) {
    const to = from + SLICE_CHARS;
    // Not between the halves of a pair.
    const end = /[\ud800-\udbff]/.test(json[to - 1] ?? "") ? to + 1 : to;
    const text = json.slice(from, end).replace(/[\ufffe\uffff\ud800-\udfff]/gu, jsonEscape);
    if (!append(body, xmlText(text))) {
      return;
    }
    from = end;
  }
}

function jsonEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`;
}
