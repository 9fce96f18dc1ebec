import { type NodeStream, nodeHeaders, streamReader } from "./nodeHandler.ts";
import type { Receiver } from "./receiver.ts";

/** A Fastify instance. What is used of it is not typed here, because its types take a whole server as their parameter. */
export interface FastifyInstance {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: string, parser: never): unknown;
  route(options: never): unknown;
}

export interface FastifyRouteOptions {
  /** The path of the route, such as `/webhooks`. */
  readonly url: string;
}

interface Instance {
  removeAllContentTypeParsers(): void;
  addContentTypeParser(type: string, parser: ContentTypeParser): void;
  route(options: {
    readonly method: readonly string[];
    readonly url: string;
    readonly handler: (request: Request, reply: Reply) => Promise<Reply>;
  }): void;
}

type ContentTypeParser = (request: unknown, payload: NodeStream, done: (error: null, body: NodeStream) => void) => void;

interface Request {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What the parser gave; undefined if Fastify saw that there is no body. */
  readonly body: NodeStream | undefined | null;
}

interface Reply {
  code(status: number): Reply;
  headers(headers: Readonly<Record<string, string>>): Reply;
  send(body: string): Reply;
}

/**
 * A receiver as a plugin of Fastify, with one route. Within the plugin no body is parsed; the application's other routes keep
 * their parsers.
 *
 * ```ts
 * app.register(fastifyPlugin(receiver), { url: "/webhooks" });
 * ```
 */
export function fastifyPlugin(
  receiver: Receiver,
): (instance: FastifyInstance, options: FastifyRouteOptions) => Promise<void> {
  return async (instance, { url }) => {
    const app = instance as unknown as Instance;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_, payload, done) => done(null, payload));
    app.route({
      method: ["POST", "OPTIONS"],
      url,
      handler: async ({ method, headers, body }, reply) => {
        const answer = await receiver.receive({ method, headers, body: body ? streamReader(body) : new Uint8Array() });
        return reply.code(answer.status).headers(nodeHeaders(answer)).send(answer.body);
      },
    });
  };
}
