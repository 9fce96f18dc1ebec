import type { SpanContext } from "@opentelemetry/api";
import type { Delivery } from "../../domain/delivery.ts";

/** The context that a `traceparent` names. It must be one of W3C Trace Context, as that of a claimed event is. */
export function contextOf(traceparent: string): SpanContext {
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    traceFlags: Number.parseInt(traceparent.slice(53, 55), 16),
    isRemote: true,
  };
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** Under what the events were published, each once: a transaction may have published all of them. */
export function traceparentsOf(deliveries: readonly Delivery[]): readonly string[] {
  return [...new Set(deliveries.flatMap(({ event }) => event.traceparent ?? []))];
}
