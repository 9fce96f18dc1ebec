import tls from "node:tls";
import { CompressionAlgorithm, OTLPExporterBase } from "@opentelemetry/otlp-exporter-base";
import { createOtlpHttpExportDelegate, httpAgentFactoryFromOptions } from "@opentelemetry/otlp-exporter-base/node-http";
import {
  type IExportTraceServiceResponse,
  type ISerializer,
  JsonTraceSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { printable } from "../../ground/printable.ts";
import { VERSION } from "../../ground/version.ts";
import type { TraceSettings } from "./traces.ts";

/** More are begun only at a stop, when what is left goes out at once. */
const EXPORTS_MAX = 30;
/** The collector says why it rejected spans, as long as it likes. */
const REASON_CHARS_MAX = 200;

type Serializer = ISerializer<ReadableSpan[], IExportTraceServiceResponse>;

/** Sends spans by OTLP over HTTP. `onRejected` hears of those that the collector took no part of. */
export function makeExporter(
  settings: TraceSettings,
  onRejected: (spans: number, reason: string) => void,
): SpanExporter {
  const { url, headers, protocol, compression, timeoutMs, caCertificates } = settings;
  const isJson = protocol === "http/json";
  const contentType = isJson ? "application/json" : "application/x-protobuf";
  const serializer = isJson ? JsonTraceSerializer : ProtobufTraceSerializer;
  const trusted = caCertificates.length > 0 && { ca: [...tls.getCACertificates("default"), ...caCertificates] };
  const delegate = createOtlpHttpExportDelegate(
    {
      url,
      // Asked for each export, and completed by the exporter.
      headers: async () => ({ ...headers, "Content-Type": contentType }),
      compression: compression === "gzip" ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
      timeoutMillis: timeoutMs,
      concurrencyLimit: EXPORTS_MAX,
      agentFactory: httpAgentFactoryFromOptions({ keepAlive: true, ...trusted }),
      userAgent: `postrider/${VERSION}`,
    },
    reporting(serializer, onRejected),
    "otlp_http_span_exporter",
    TraceExporterMetricsHelper,
    undefined,
  );
  return new OTLPExporterBase(delegate);
}

/** The exporter takes an answer that rejects some spans for a success. */
function reporting(serializer: Serializer, onRejected: (spans: number, reason: string) => void): Serializer {
  return {
    serializeRequest: (spans) => serializer.serializeRequest(spans),
    deserializeResponse: (data) => {
      const response = serializer.deserializeResponse(data);
      const rejected = Number(response.partialSuccess?.rejectedSpans ?? 0);
      if (rejected > 0) {
        onRejected(rejected, printable(response.partialSuccess?.errorMessage ?? "").slice(0, REASON_CHARS_MAX));
      }
      return response;
    },
  };
}
