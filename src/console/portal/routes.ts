import type { PortalRoute } from "./route.ts";
import { ENDPOINTS } from "./routes/endpoints.ts";
import { EVENTS } from "./routes/events.ts";
import { REPLAYS } from "./routes/replays.ts";
import { TENANT } from "./routes/tenant.ts";

/** Every operation of the portal, by the subject that it is listed under. */
export const PORTAL_SUBJECTS: Readonly<Record<string, readonly PortalRoute[]>> = {
  tenant: TENANT,
  endpoints: ENDPOINTS,
  events: EVENTS,
  replays: REPLAYS,
};

export const PORTAL_ROUTES: readonly PortalRoute[] = Object.values(PORTAL_SUBJECTS).flat();
