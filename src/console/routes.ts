import type { Route } from "./route.ts";
import { ADMINISTRATION } from "./routes/administration.ts";
import { CHANGES } from "./routes/changes.ts";
import { ENDPOINTS } from "./routes/endpoints.ts";
import { EVENTS } from "./routes/events.ts";
import { EVENT_TYPES } from "./routes/eventTypes.ts";
import { CHARTS, HISTORY } from "./routes/history.ts";
import { REPLAYS } from "./routes/replays.ts";
import { STATE } from "./routes/state.ts";
import { STEERING } from "./routes/steering.ts";

/** Every operation of the API, by the subject that it is listed under. */
export const SUBJECTS: Readonly<Record<string, readonly Route[]>> = {
  state: STATE,
  events: [...EVENTS, ...STEERING],
  endpoints: [...ENDPOINTS, ...CHANGES],
  replays: REPLAYS,
  event_types: EVENT_TYPES,
  history: HISTORY,
  charts: CHARTS,
  administration: ADMINISTRATION,
};

export const ROUTES: readonly Route[] = Object.values(SUBJECTS).flat();
