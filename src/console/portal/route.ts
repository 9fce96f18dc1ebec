import { API_PATH } from "../http.ts";
import type { Route } from "../route.ts";

export const PORTAL_PATH = `${API_PATH}/portal`;

/** What a token of the portal may do; the domain postrider.portal_capabilities says it in full. */
export const CAPABILITIES = [
  ...(["endpoints:read", "endpoints:write", "endpoints:state", "secret:rotate", "attempts:read"] as const),
  ...(["payload:read", "redeliver", "replay", "test"] as const),
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** One operation of the portal. Null: any token may. */
export type PortalRoute = Route<Capability | null>;
