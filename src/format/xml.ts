import { append, finish, newBody } from "./bodyText.ts";
import type { Format } from "./format.ts";
import { appendJsonAsXml } from "./jsonToXml.ts";
import { xmlText } from "./xmlText.ts";

/** The envelope of the standard format in XML, and in it the payload as `fn:json-to-xml` writes it. */
export const xml: Format = {
  name: "xml",
  contentType: "application/xml",
  // "\x7f", is the worst: four bytes that become a string element with `escaped="true"`.
  growthMax: 10,
  body: ({ eventType, createdAt }, payload) => {
    const type = xmlText(eventType);
    const timestamp = xmlText(createdAt);
    const body = newBody(
      `<?xml version="1.0" encoding="UTF-8"?><event><type>${type}</type><timestamp>${timestamp}</timestamp><data>`,
    );
    appendJsonAsXml(body, payload);
    append(body, "</data></event>");
    return finish(body);
  },
  headerLines: null,
  batch: null,
  leftOut: null,
};
