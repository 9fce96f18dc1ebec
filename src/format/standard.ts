import type { DataRef, Format, FormattedEvent } from "./format.ts";

/** The default: an envelope of JSON around the payload. */
export const standard: Format = {
  name: "standard",
  contentType: "application/json",
  growthMax: 1,
  body: (event, payload) => Buffer.from(`{${envelope(event)},"data":${payload}}`),
  thinBody: (event, ref) => Buffer.from(thinEnvelope(event, ref)),
  headerLines: null,
  batch: {
    contentType: "application/json",
    item: (event, payload) => `{"id":${JSON.stringify(event.id)},${envelope(event)},"data":${payload}}`,
    thinItem: thinEnvelope,
  },
  leftOut: null,
};

function envelope({ eventType, createdAt }: FormattedEvent): string {
  return `"type":${JSON.stringify(eventType)},"timestamp":${JSON.stringify(createdAt)}`;
}

/** With the event's id also if it goes alone, so that whatever fetches the payload later needs nothing but the body. */
export function thinEnvelope(event: FormattedEvent, { url, bytes, expires }: DataRef): string {
  const ref = JSON.stringify({ url, ...(bytes !== null && { size: bytes }), expires });
  return `{"id":${JSON.stringify(event.id)},${envelope(event)},"dataref":${ref}}`;
}
