import { loadOpenTelemetry } from "./load.ts";
import type { TraceSettings, Traces, TracesParts } from "./traces.ts";

/** Null if nothing is to be traced: then OpenTelemetry is not even loaded. */
export async function startTraces(settings: TraceSettings | null, parts: TracesParts): Promise<Traces | null> {
  if (settings === null) {
    return null;
  }
  const { OpenTelemetryTraces } = await loadOpenTelemetry();
  return new OpenTelemetryTraces(settings, parts);
}
