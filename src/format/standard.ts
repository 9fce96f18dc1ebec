import type { Format, FormattedEvent } from "./format.ts";

/** The default: an envelope of JSON around the payload. */
export const standard: Format = {
  name: "standard",
  contentType: "application/json",
  growthMax: 1,
  body: (event, payload) => Buffer.from(`{${envelope(event, payload)}}`),
  headerLines: null,
  batch: {
    contentType: "application/json",
    item: (event, payload) => `{"id":${JSON.stringify(event.id)},${envelope(event, payload)}}`,
  },
  leftOut: null,
};

function envelope({ eventType, createdAt }: FormattedEvent, payload: string): string {
  return `"type":${JSON.stringify(eventType)},"timestamp":${JSON.stringify(createdAt)},"data":${payload}`;
}
