import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";
import { endsWithin } from "../../ground/endsWithin.ts";
import { messageOf } from "../../ground/errors.ts";
import type { SpanQueueSettings, TracesParts } from "./traces.ts";

/**
 * So many links take the memory of a span. A batch has up to a thousand, so that a limit of spans alone would let 2,048 of
 * them take hundreds of megabytes.
 */
const LINKS_PER_SPAN = 8;

/**
 * What has ended and is not exported yet, up to a limit, beyond which spans are lost. OpenTelemetry's processor makes the
 * batches and has the same limit, but it does not count links or what is being exported, and it loses spans in silence.
 */
export class SpanQueue implements SpanProcessor {
  readonly #batches: BatchSpanProcessor;
  readonly #spansMax: number;
  readonly #conditions: TracesParts["conditions"];
  /** In spans. */
  #held = 0;
  #exports = 0;
  /** Since the start. */
  #lost = 0;
  #lostAtLastExport = 0;

  constructor(settings: SpanQueueSettings, exporter: SpanExporter, conditions: TracesParts["conditions"]) {
    this.#spansMax = settings.spansMax;
    this.#conditions = conditions;
    this.#batches = new BatchSpanProcessor({
      exporter: this.#counting(exporter),
      maxQueueSize: settings.spansMax,
      maxExportBatchSize: settings.exportSpansMax,
      scheduledDelayMillis: settings.delayMs,
      exportTimeoutMillis: settings.exportTimeoutMs,
    });
  }

  /** Spans since the start that no collector has. */
  get lost(): number {
    return this.#lost;
  }

  onStart(): void {
    // Only what has ended is exported.
  }

  onEnd(span: ReadableSpan): void {
    const size = sizeOf(span);
    if (this.#held > 0 && this.#held + size > this.#spansMax) {
      this.#lose(1, "the queue is full");
      return;
    }
    this.#held += size;
    this.#batches.onEnd(span);
    if (this.#held > this.#spansMax / 2 && this.#exports === 0) {
      void this.forceFlush();
    }
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush().catch(ignore);
  }

  /** Takes no more, and exports what is left. */
  shutdown(): Promise<void> {
    return this.#batches.shutdown().catch(ignore);
  }

  async stop(withinMs: number): Promise<void> {
    if (!(await endsWithin(this.shutdown(), withinMs)) && this.#held > 0) {
      this.#lose(Math.ceil(this.#held), "the collector did not take the last spans before the stop");
    }
  }

  /** Of what the collector has answered, it did not take so many. */
  rejected(spans: number, reason: string): void {
    this.#lose(spans, `the collector rejected spans: ${reason}`);
  }

  #counting(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => {
        this.#exports += 1;
        const ended = (result: ExportResult): void => {
          this.#ended(spans, result);
          done(result);
        };
        try {
          exporter.export(spans, ended);
        } catch (thrown) {
          ended({ code: ExportResultCode.FAILED, error: new Error(messageOf(thrown)) });
        }
      },
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
      shutdown: () => exporter.shutdown(),
    };
  }

  #ended(spans: readonly ReadableSpan[], { code, error }: ExportResult): void {
    this.#exports -= 1;
    this.#held -= spans.reduce((held, span) => held + sizeOf(span), 0);
    if (code !== ExportResultCode.SUCCESS) {
      this.#lose(spans.length, error === undefined ? "the export failed" : reasonOf(error));
    } else if (this.#lost === this.#lostAtLastExport) {
      this.#conditions.end("traces_failing", { spans_lost: this.#lost });
    }
    this.#lostAtLastExport = this.#lost;
  }

  #lose(spans: number, error: string): void {
    const isFirst = this.#lost === this.#lostAtLastExport;
    this.#lost += spans;
    if (isFirst) {
      // Once between two exports, because a full queue loses thousands a second.
      this.#conditions.begin("traces_failing", "traces.failed", { error, spans_lost: this.#lost });
    }
  }
}

function sizeOf({ links }: ReadableSpan): number {
  return 1 + links.length / LINKS_PER_SPAN;
}

/** What the collector answered, or why it could not be asked. Never what was sent, which has its headers. */
function reasonOf(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  return typeof code === "number" ? `the collector answered ${code}` : messageOf(error) || String(code);
}

function ignore(): void {
  // The exporter has said why.
}
