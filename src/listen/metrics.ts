import { METRICS_TYPE, metricsText } from "../telemetry/metricsText.ts";
import { addRoute, type ListenerApp } from "./routes.ts";
import type { Vitals } from "./vitals.ts";

/** `/metrics`, for Prometheus. */
export function addMetrics(app: ListenerApp, vitals: Vitals): void {
  addRoute(app, {
    path: "/metrics",
    audience: "operators",
    methods: {
      GET: async (context) => context.body(metricsText(await vitals.metrics()), 200, { "content-type": METRICS_TYPE }),
    },
  });
}
