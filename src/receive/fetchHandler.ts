import { joined } from "./nodeHandler.ts";
import type { BodyReader, Receiver } from "./receiver.ts";

/** The part of a `Request` that is used. */
export interface FetchRequest {
  readonly method: string;
  readonly headers: {
    get(name: string): string | null;
    forEach(callback: (value: string, name: string) => void): void;
  };
  readonly bodyUsed: boolean;
  /** Null, or a `ReadableStream` of bytes. */
  readonly body: unknown;
}

/** The global `Response`, where the types of the platform have it. */
export type FetchResponse = typeof globalThis extends { Response: { prototype: infer Type } } ? Type : unknown;

interface ByteStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<unknown>;
  };
}

/**
 * A receiver as a function from `Request` to `Response`, for Hono, Next.js, Workers, Deno and Bun. Nothing may have read the
 * request's body before.
 *
 * ```ts
 * app.post("/webhooks", (context) => fetchHandler(receiver)(context.req.raw)); // Hono
 * export const POST = fetchHandler(receiver); // Next.js: app/webhooks/route.ts
 * export default { fetch: fetchHandler(receiver) }; // Workers
 * ```
 */
export function fetchHandler(receiver: Receiver): (request: FetchRequest) => Promise<FetchResponse> {
  return async (request) => {
    const { method, headers } = request;
    const answer = await receiver.receive({ method, headers, body: bodyOf(request) });
    return new Response(answer.body, { status: answer.status, headers: { ...answer.headers } }) as FetchResponse;
  };
}

function bodyOf({ body, bodyUsed }: FetchRequest): Uint8Array | BodyReader {
  if (bodyUsed) {
    // The receiver says what is wrong with it.
    return async () => undefined as unknown as Uint8Array;
  }
  return isByteStream(body) ? byteStreamReader(body) : new Uint8Array();
}

function isByteStream(body: unknown): body is ByteStream {
  return typeof body === "object" && body !== null && "getReader" in body && typeof body.getReader === "function";
}

function byteStreamReader(stream: ByteStream): BodyReader {
  return async (bytesMax) => {
    const reader = stream.getReader();
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        const chunk = next.value ?? new Uint8Array();
        bytes += chunk.length;
        if (bytes > bytesMax) {
          await reader.cancel();
          return "too_large";
        }
        chunks.push(chunk);
      }
    } catch {
      return "broken_off";
    }
    return joined(chunks, bytes);
  };
}
