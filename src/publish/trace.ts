/** A trace context of W3C. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The part of OpenTelemetry's API that is used, as its packages of every version 1 find each other. */
interface OpenTelemetry {
  readonly context?: { active(): { getValue(key: symbol): Spanning | undefined } };
}

interface Spanning {
  spanContext(): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number };
}

/**
 * The span that is active where it is called, as a `traceparent`; null if there is none, or the application does not use
 * OpenTelemetry. Whatever else is found there is no reason to refuse an event.
 */
export function activeTraceparent(): string | null {
  try {
    const api = (globalThis as Readonly<Record<symbol, OpenTelemetry | undefined>>)[
      Symbol.for("opentelemetry.js.api.1")
    ];
    const span = api?.context?.active().getValue(Symbol.for("OpenTelemetry Context Key SPAN"));
    if (span === undefined) {
      return null;
    }
    const { traceId, spanId, traceFlags } = span.spanContext();
    const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
    return TRACEPARENT.test(traceparent) ? traceparent : null;
  } catch {
    return null;
  }
}
