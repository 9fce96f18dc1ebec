import type { Format } from "./format.ts";
import { thinEnvelope } from "./standard.ts";

/** The payload alone. */
export const raw: Format = {
  name: "raw",
  contentType: "application/json",
  growthMax: 1,
  body: (_, payload) => Buffer.from(payload),
  // Nothing of a payload that is not there can be sent alone. Headers tell it from one.
  thinBody: (event, ref) => Buffer.from(thinEnvelope(event, ref)),
  headerLines: null,
  batch: null,
  leftOut: null,
};
