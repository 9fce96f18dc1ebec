/**
 * `postrider/receive`: from a request to an effect that happens once. It has no dependency, loads nothing of the daemon, and
 * runs wherever Web Crypto and fetch are.
 */

export type { Answer, Consented, EventResult, Failed, Outcome, Received } from "./answer.ts";
export type { PrivateJwk } from "./decryptionKeys.ts";
export type { LargePayload, ReceivedEvent } from "./event.ts";
export { type FastifyInstance, type FastifyRouteOptions, fastifyPlugin } from "./fastifyPlugin.ts";
export { type FetchRequest, type FetchResponse, fetchHandler } from "./fetchHandler.ts";
export type { FormatName } from "./formatNames.ts";
export type { HeadersLike } from "./headers.ts";
export { type NodeRequest, type NodeResponse, type NodeStream, nodeHandler } from "./nodeHandler.ts";
export type { AnyEvents, Handler, HandlerContext, Handlers, ReceiverOptions } from "./options.ts";
export { ReceiveError, type ReceiveErrorCode } from "./receiveError.ts";
export { type BodyReader, createReceiver, type ReceivedRequest, type Receiver, type Verified } from "./receiver.ts";
export type { Rejection, RejectionCode, RejectionStatus } from "./rejection.ts";
export type { Store } from "./store.ts";
