import { Hono } from "hono";
import { isOutage } from "../db/pgErrors.ts";
import { messageOf } from "../ground/errors.ts";
import type { SealingKey } from "../secrets/sealing.ts";
import { problem } from "../serve/problem.ts";
import type { Events } from "../telemetry/bus.ts";
import { addHealth } from "./health.ts";
import { addKeys } from "./keys.ts";
import type { ListenerDatabase } from "./listenerDatabase.ts";
import { addMetrics } from "./metrics.ts";
import { PayloadSlices } from "./payloadSlices.ts";
import { addPayloads } from "./payloads.ts";
import { addPull } from "./pull.ts";
import { type ListenerApp, type ListenerEnv, notFound } from "./routes.ts";
import type { Vitals } from "./vitals.ts";

export interface AppOptions {
  readonly vitals: Vitals;
  readonly database: ListenerDatabase;
  /** What opens the secrets of endpoints. */
  readonly sealingKeys: readonly SealingKey[];
  /** CloudEvents' `source`. */
  readonly source: string;
  /** Those of the daemons of this program, which tell of news for receivers that wait. */
  readonly events?: Events;
  /** Bytes of a payload that are read at a time. Default: SLICE_BYTES. */
  readonly sliceBytes?: number;
  /** How long the receiver of a pull endpoint may take to read a large event. Default: LARGE_READ_MS. */
  readonly largeReadMs?: number;
  /** An error that nobody expected. The client learns nothing of it. */
  readonly onError: (message: string) => void;
}

/** When to ask again what Postgres cannot answer now. */
const OUTAGE_RETRY_S = 5;

/** Every route of the listener. openapi.json describes them, and a test compares the two. */
export function makeApp(options: AppOptions): ListenerApp {
  const { vitals, database, sealingKeys, source, events, sliceBytes, largeReadMs, onError } = options;
  const app = new Hono<ListenerEnv>();
  app.use(async (context, next) => {
    await next();
    const { headers } = context.res;
    headers.set("x-content-type-options", "nosniff");
    if (!headers.has("cache-control")) {
      headers.set("cache-control", "no-store");
    }
  });
  app.notFound(() => notFound());
  app.onError((thrown) => {
    if (isOutage(thrown)) {
      return problem(503, undefined, { "retry-after": String(OUTAGE_RETRY_S) });
    }
    onError(messageOf(thrown));
    return problem(500);
  });
  addHealth(app, vitals);
  addKeys(app, database);
  addPayloads(app, { database, sealingKeys, slices: new PayloadSlices(database.payloads, sliceBytes) });
  addPull(app, { database, sealingKeys, source, events, largeReadMs });
  addMetrics(app, vitals);
  return app;
}
