import type { Format } from "./format.ts";

/** The payload alone. */
export const raw: Format = {
  name: "raw",
  contentType: "application/json",
  growthMax: 1,
  body: (_, payload) => Buffer.from(payload),
  headerLines: null,
  batch: null,
  leftOut: null,
};
