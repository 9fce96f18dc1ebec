import { addRoute, type ListenerApp } from "./routes.ts";
import type { Vitals } from "./vitals.ts";

/** `/healthz`: the process answers. `/readyz`: events are claimed, and results recorded. */
export function addHealth(app: ListenerApp, vitals: Vitals): void {
  addRoute(app, { path: "/healthz", audience: "operators", methods: { GET: (context) => context.text("ok\n") } });
  addRoute(app, {
    path: "/readyz",
    audience: "operators",
    methods: {
      GET: async (context) => {
        const { reasons, notes } = await vitals.readiness();
        const ready = reasons.length === 0;
        return context.json({ ready, reasons, notes }, ready ? 200 : 503);
      },
    },
  });
}
