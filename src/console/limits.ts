import type { Limits } from "../serve/limits.ts";

/** Few people look, and a thousand events at once are the largest thing that is sent to the API. */
export const CONSOLE_LIMITS: Partial<Limits> = {
  ...{ connectionsMax: 200, connectionsPerAddressMax: 100 },
  ...{ headerBytesMax: 16_384, bodyBytesMax: 4_194_304 },
};
