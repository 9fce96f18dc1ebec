/** A collector of OTLP over HTTP that keeps what it gets, and answers as it is told. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { until } from "./until.ts";

/** A span as the mapping of OTLP to JSON has it, as far as tests look. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

export interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string | number };
}

export interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version?: string };
      readonly spans: readonly OtlpSpan[];
    }[];
  }[];
}

export interface Export {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A span with its resource, and attributes as plain values. */
export interface CollectedSpan extends Omit<OtlpSpan, "attributes"> {
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly resource: Readonly<Record<string, string | number>>;
}

export interface CollectorAnswer {
  readonly status: number;
  readonly body?: string | Buffer;
}

export class Collector {
  readonly exports: Export[] = [];
  /** Null: it does not answer. */
  answer: CollectorAnswer | null = { status: 200 };
  readonly #decode: (body: Buffer) => OtlpRequest;
  readonly #server: Server;

  private constructor(decode: (body: Buffer) => OtlpRequest) {
    this.#decode = decode;
    this.#server = createServer(async (request, response) => {
      const { url: path = "", headers } = request;
      const sent = await buffer(request);
      this.exports.push({ path, headers, body: headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent });
      if (this.answer !== null) {
        response.writeHead(this.answer.status, { "content-type": headers["content-type"] }).end(this.answer.body);
      }
    });
  }

  static async start(decode = (body: Buffer): OtlpRequest => JSON.parse(body.toString())): Promise<Collector> {
    const collector = new Collector(decode);
    collector.#server.listen(0, "127.0.0.1");
    await once(collector.#server, "listening");
    return collector;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  get spans(): readonly CollectedSpan[] {
    return this.exports
      .flatMap(({ body }) => this.#decode(body).resourceSpans)
      .flatMap(({ resource, scopeSpans }) =>
        scopeSpans
          .flatMap(({ spans }) => spans)
          .map((span) => ({
            ...span,
            attributes: valuesOf(span.attributes),
            resource: valuesOf(resource.attributes),
          })),
      );
  }

  /** Waits for so many spans, and gives those. */
  async got(count: number): Promise<readonly CollectedSpan[]> {
    await until(`the collector has ${count} spans`, () => this.spans.length >= count, 20_000);
    return this.spans;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function valuesOf(attributes: readonly KeyValue[]): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue ?? Number.NaN)]),
  );
}
