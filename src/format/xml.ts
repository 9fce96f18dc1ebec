import { append, finish, newBody } from "./bodyText.ts";
import type { Format, FormattedEvent } from "./format.ts";
import { appendJsonAsXml } from "./jsonToXml.ts";
import { xmlText } from "./xmlText.ts";

/** The envelope of the standard format in XML, and in it the payload as `fn:json-to-xml` writes it. */
export const xml: Format = {
  name: "xml",
  contentType: "application/xml",
  // "\x7f", is the worst: four bytes that become a string element with `escaped="true"`.
  growthMax: 10,
  body: (event, payload) => {
    const body = newBody(`${HEAD}${elements(event)}<data>`);
    appendJsonAsXml(body, payload);
    append(body, "</data></event>");
    return finish(body);
  },
  thinBody: (event, { url, bytes, expires }) => {
    const ref = `<url>${xmlText(url)}</url>${bytes === null ? "" : `<size>${bytes}</size>`}<expires>${expires}</expires>`;
    return Buffer.from(`${HEAD}<id>${xmlText(event.id)}</id>${elements(event)}<dataref>${ref}</dataref></event>`);
  },
  headerLines: null,
  batch: null,
  leftOut: null,
};

const HEAD = '<?xml version="1.0" encoding="UTF-8"?><event>';

function elements({ eventType, createdAt }: FormattedEvent): string {
  return `<type>${xmlText(eventType)}</type><timestamp>${xmlText(createdAt)}</timestamp>`;
}
