import type { Delivery, DeliveryResult } from "../../domain/delivery.ts";
import type { Conditions } from "../conditions.ts";

/** What OTEL_* says, finished. */
export interface TraceSettings {
  /** Where spans go by POST: an http or https URL without credentials. */
  readonly url: string;
  readonly protocol: "http/protobuf" | "http/json";
  /** They may hold secrets, and are shown nowhere. */
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: "none" | "gzip";
  /** PEM; trusted in addition to those that Node.js trusts. */
  readonly caCertificates: readonly string[];
  /** For one export, with its retries. */
  readonly timeoutMs: number;
  readonly sampler: SamplerName;
  /** What the samplers by ratio keep of all traces, 0 to 1. */
  readonly samplerRatio: number;
  readonly resource: Readonly<Record<string, string>>;
  readonly queue: SpanQueueSettings;
}

/** Spans on their way to the collector. */
export interface SpanQueueSettings {
  readonly spansMax: number;
  readonly exportSpansMax: number;
  readonly delayMs: number;
  readonly exportTimeoutMs: number;
}

export const SAMPLERS = [
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
  "always_on",
  "always_off",
  "traceidratio",
] as const;

export type SamplerName = (typeof SAMPLERS)[number];

/** What spans say of an endpoint. */
export interface TracedEndpoint {
  readonly id: string;
  readonly origin: string;
}

/** The spans of a daemon's attempts. Nothing here throws or waits for the collector, except for `stop`. */
export interface Traces {
  /** Begins the span of an attempt, and returns what its request has as `traceparent`; null for nothing. */
  begin(delivery: Delivery, endpoint: TracedEndpoint): string | null;
  /** Ends the span of the attempt, if there was one. An attempt that could send nothing was not begun, and has one, too. */
  end(result: DeliveryResult, endpoint: TracedEndpoint): void;
  /** Exports what is left, for so long at most. */
  stop(withinMs: number): Promise<void>;
}

export interface TracesParts {
  /** Tells processes with the same resource apart. */
  readonly instanceId: string;
  readonly conditions: Pick<Conditions, "begin" | "end">;
}
