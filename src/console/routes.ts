import type { Route } from "./route.ts";
import { ENDPOINTS } from "./routes/endpoints.ts";
import { EVENTS } from "./routes/events.ts";
import { STATE } from "./routes/state.ts";

/** Every operation of the API, by the subject that it is listed under. */
export const SUBJECTS: Readonly<Record<string, readonly Route[]>> = {
  state: STATE,
  events: EVENTS,
  endpoints: ENDPOINTS,
};

export const ROUTES: readonly Route[] = Object.values(SUBJECTS).flat();
