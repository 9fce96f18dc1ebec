import type { Answer } from "./answer.ts";
import type { HeadersLike } from "./headers.ts";
import type { BodyReader, Receiver } from "./receiver.ts";

/** The part of Node's `IncomingMessage`, and of the requests of Express, that is used. */
export interface NodeRequest extends NodeStream {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** True once all of it was read. */
  readonly readableEnded?: boolean;
  /** What a body parser left: bytes, if it keeps them. */
  readonly body?: unknown;
  /** The bytes, where a platform parses bodies and keeps both. */
  readonly rawBody?: unknown;
}

/** A stream of bytes. */
export interface NodeStream {
  /** True if it was closed, so that nothing more comes. */
  readonly destroyed?: boolean;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "error" | "close", listener: () => void): unknown;
}

/** The part of Node's `ServerResponse` that is used. */
export interface NodeResponse {
  readonly headersSent?: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

/**
 * A receiver as a listener of `node:http`, and as a handler of Express. No parser of bodies may come before it, unless it
 * keeps the bytes, as `express.raw({ type: "*\/*" })` does.
 *
 * ```ts
 * createServer(nodeHandler(receiver)).listen(8080);
 * app.post("/webhooks", nodeHandler(receiver));
 * ```
 */
export function nodeHandler(receiver: Receiver): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => {
    const { method, headers } = request;
    const answer = await receiver.receive({ method, headers: headers satisfies HeadersLike, body: bodyOf(request) });
    // Something else may have answered meanwhile, such as a limit of time.
    if (response.headersSent !== true) {
      response.writeHead(answer.status, nodeHeaders(answer));
      response.end(answer.body);
    }
  };
}

/** What is left of a body that is too large is not read: the connection ends with the answer. */
export function nodeHeaders({ status, headers }: Answer): Record<string, string> {
  return status === 413 ? { ...headers, connection: "close" } : { ...headers };
}

function bodyOf(request: NodeRequest): Uint8Array | string | BodyReader {
  const kept = [request.rawBody, request.body].find((body) => typeof body === "string" || body instanceof Uint8Array);
  if (typeof kept === "string" || kept instanceof Uint8Array) {
    return kept;
  }
  // A parser that left the stream alone may have set a body, too: an empty object.
  return request.readableEnded === true ? consumed(request.body) : streamReader(request);
}

/** The receiver says what is wrong with it. */
function consumed(body: unknown): BodyReader {
  return async () => body as Uint8Array;
}

/** Reads a stream to its end, and keeps no more than it may. What follows is dropped until the connection ends. */
export function streamReader(stream: NodeStream): BodyReader {
  return (bytesMax) =>
    new Promise((resolve) => {
      if (stream.destroyed === true) {
        resolve("broken_off");
      }
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      stream.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes <= bytesMax) {
          chunks.push(chunk);
        } else {
          chunks.length = 0;
          resolve("too_large");
        }
      });
      stream.on("end", () => resolve(joined(chunks, bytes)));
      stream.on("error", () => resolve("broken_off"));
      stream.on("close", () => resolve("broken_off"));
    });
}

/** One array of these. */
export function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) {
    return only;
  }
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
