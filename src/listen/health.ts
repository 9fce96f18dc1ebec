import { monotonicMs } from "../ground/clock.ts";
import { addRoute, type ListenerApp } from "./routes.ts";
import type { Vitals } from "./vitals.ts";

/** `/healthz`: the process answers. `/readyz`: events are claimed, and results recorded. */
export function addHealth(app: ListenerApp, vitals: Vitals): void {
  const latest = lately(() => vitals.readiness());
  addRoute(app, { path: "/healthz", audience: "operators", methods: { GET: (context) => context.text("ok\n") } });
  addRoute(app, {
    path: "/readyz",
    audience: "operators",
    methods: {
      GET: async (context) => {
        const { reasons, notes } = await latest();
        const ready = reasons.length === 0;
        return context.json({ ready, reasons, notes }, ready ? 200 : 503);
      },
    },
  });
}

/** Many clients may ask at once; the daemons are asked for them together. */
const ANSWER_MS = 100;

function lately<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let latest: { readonly answer: Promise<Answer>; readonly untilMs: number } | null = null;
  return () => {
    if (latest === null || monotonicMs() > latest.untilMs) {
      latest = { answer: ask(), untilMs: monotonicMs() + ANSWER_MS };
    }
    return latest.answer;
  };
}
