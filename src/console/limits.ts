import type { Limits } from "../serve/limits.ts";

/** Few people look, and a thousand events at once are the largest thing that is sent to the API. */
export const CONSOLE_LIMITS: Partial<Limits> = {
  ...{ connectionsMax: 200, connectionsPerAddressMax: 100 },
  ...{ headerBytesMax: 16_384, bodyBytesMax: 4_194_304 },
};

/** Many tenants look, each from somewhere else or all through one proxy, and a payload to test with is the largest thing that one sends. */
export const PORTAL_LIMITS: Partial<Limits> = {
  ...{ connectionsMax: 1_000, connectionsPerAddressMax: 500 },
  ...{ headerBytesMax: 8_192, bodyBytesMax: 262_144 },
};
