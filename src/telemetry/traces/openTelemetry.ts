import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Batch, Delivery, DeliveryResult } from "../../domain/delivery.ts";
import { messageOf } from "../../ground/errors.ts";
import { VERSION } from "../../ground/version.ts";
import { attemptAttributes, endpointAttributes, spanNameOf } from "./attributes.ts";
import { contextOf, traceparentOf, traceparentsOf } from "./contexts.ts";
import { makeExporter } from "./exporter.ts";
import { SpanQueue } from "./spanQueue.ts";
import type { SamplerName, TracedEndpoint, TraceSettings, Traces, TracesParts } from "./traces.ts";

/** By default a span has 128 links at most. A batch has up to a thousand events, and the queue counts their links. */
const LIMITS = { linkCountLimit: Number.POSITIVE_INFINITY };

/**
 * One span an attempt: a child of the span under which its event was published or, if that has none, of nothing. A batch
 * begins a trace, because its events may be of many, to which it links.
 */
export class OpenTelemetryTraces implements Traces {
  readonly #queue: SpanQueue;
  readonly #conditions: TracesParts["conditions"];
  readonly #sampler: Sampler;
  readonly #tracer: Tracer;
  readonly #batchTracer: Tracer;
  /** The attempts in progress; null for one that is not sampled. */
  readonly #begun = new WeakMap<Delivery, Span | null>();
  readonly #attributesOf = new WeakMap<TracedEndpoint, Attributes>();

  constructor(settings: TraceSettings, { instanceId, conditions }: TracesParts) {
    this.#conditions = conditions;
    const exporter = makeExporter(settings, (spans, reason) => this.#queue.rejected(spans, reason));
    this.#queue = new SpanQueue(settings.queue, exporter, conditions);
    this.#sampler = makeSampler(settings.sampler, settings.samplerRatio);
    const resource = defaultResource().merge(
      resourceFromAttributes({
        "service.name": "postrider",
        "service.version": VERSION,
        "service.instance.id": instanceId,
        ...settings.resource,
      }),
    );
    const tracerWith = (sampler: Sampler): Tracer =>
      new TracerProvider({ resource, sampler, spanProcessors: [this.#queue], spanLimits: LIMITS }).getTracer(
        "postrider",
        VERSION,
      );
    this.#tracer = tracerWith(this.#sampler);
    this.#batchTracer = tracerWith(new AlwaysOnSampler());
  }

  begin(delivery: Delivery, endpoint: TracedEndpoint): string | null {
    try {
      const span = this.#start(delivery, endpoint);
      this.#begun.set(delivery, span);
      if (span !== null) {
        return traceparentOf(span.spanContext());
      }
    } catch (thrown) {
      this.#failed(thrown);
    }
    // A span that is not exported is no parent that anyone would find.
    return delivery.batch === null ? delivery.event.traceparent : null;
  }

  end(result: DeliveryResult, endpoint: TracedEndpoint): void {
    const { delivery, attempt } = result;
    const begun = this.#begun.get(delivery);
    this.#begun.delete(delivery);
    if (attempt === null || begun === null) {
      return;
    }
    try {
      const span = begun ?? this.#start(delivery, endpoint);
      if (span !== null) {
        complete(span, result);
      }
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  stop(withinMs: number): Promise<void> {
    return this.#queue.stop(withinMs);
  }

  /** Null if it is not sampled. */
  #start(delivery: Delivery, endpoint: TracedEndpoint): Span | null {
    const options = { kind: SpanKind.CLIENT, attributes: this.#endpointAttributes(endpoint) };
    if (delivery.batch !== null) {
      const isSampled = this.#isAnySampled(delivery.batch);
      return isSampled ? this.#batchTracer.startSpan(spanNameOf(delivery), options, ROOT_CONTEXT) : null;
    }
    const span = this.#tracer.startSpan(spanNameOf(delivery), options, parentOf(delivery.event.traceparent));
    return span.isRecording() ? span : null;
  }

  /** A batch is worth a span if one of its events would be. */
  #isAnySampled({ id, members }: Batch): boolean {
    const isSampled = (traceparent: string | null, traceId: string): boolean =>
      this.#sampler.shouldSample(parentOf(traceparent), traceId, "deliver", SpanKind.CLIENT, {}, []).decision ===
      SamplingDecision.RECORD_AND_SAMPLED;
    return (
      traceparentsOf(members).some((traceparent) => isSampled(traceparent, contextOf(traceparent).traceId)) ||
      (members.some(({ event }) => event.traceparent === null) && isSampled(null, id.replaceAll("-", "")))
    );
  }

  #endpointAttributes(endpoint: TracedEndpoint): Attributes {
    let attributes = this.#attributesOf.get(endpoint);
    if (attributes === undefined) {
      attributes = endpointAttributes(endpoint);
      this.#attributesOf.set(endpoint, attributes);
    }
    return attributes;
  }

  /** A mistake here must not cost a delivery. */
  #failed(thrown: unknown): void {
    this.#conditions.begin("traces_failing", "traces.failed", {
      error: messageOf(thrown),
      spans_lost: this.#queue.lost,
    });
  }
}

function complete(span: Span, result: DeliveryResult): void {
  const { delivery, attempt } = result;
  if (delivery.batch !== null) {
    // Only now, because they take more memory than all else of a batch that is in progress.
    span.addLinks(traceparentsOf(delivery.batch.members).map((traceparent) => ({ context: contextOf(traceparent) })));
  }
  span.setAttributes(attemptAttributes(result));
  if (attempt?.failureKind != null) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: attempt.error ?? attempt.failureKind });
  }
  span.end();
}

function parentOf(traceparent: string | null) {
  return traceparent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(traceparent));
}

function makeSampler(name: SamplerName, ratio: number): Sampler {
  const root = rootSampler(name, ratio);
  return name.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case "always_on":
    case "parentbased_always_on":
      return new AlwaysOnSampler();
    case "always_off":
    case "parentbased_always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
    case "parentbased_traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
  }
}
