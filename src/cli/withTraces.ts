import type { Config } from "../config/read.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import { startTraces } from "../telemetry/traces/start.ts";
import type { Traces } from "../telemetry/traces/traces.ts";

/** A collector that is down must not hold up a stop for as long as requests may. */
const STOP_MS_MAX = 5_000;
/** Enough for one that answers. */
const STOP_MS_MIN = 1_000;

/** The traces of a daemon while `work` lasts, null if it has none. The last spans go out within its grace period. */
export async function withTraces(
  { traces: settings, shutdownGraceMs }: Config,
  parts: { readonly instanceId: string; readonly conditions: Conditions },
  work: (traces: Traces | null) => Promise<void>,
): Promise<void> {
  const traces = await startTraces(settings, parts);
  try {
    await work(traces);
  } finally {
    await traces?.stop(Math.min(STOP_MS_MAX, Math.max(STOP_MS_MIN, shutdownGraceMs)));
  }
}
