/**
 * `postrider/receive`: from a request to an effect that happens once. It has no dependency, loads nothing of the daemon, and
 * runs wherever Web Crypto and fetch are.
 */

export type { Answer, Consented, EventResult, Failed, Outcome, Received } from "./answer.ts";
export type { FetchOptions, Retry } from "./ask.ts";
export type { PrivateJwk } from "./decryptionKeys.ts";
export type { EventOf, LargePayload, ReceivedEvent, UnfetchedEvent } from "./event.ts";
export type { Fetch, FetchedReader, FetchedResponse, StopSignal } from "./exchange.ts";
export { type FastifyInstance, type FastifyRouteOptions, fastifyPlugin } from "./fastifyPlugin.ts";
export { FetchError, type FetchErrorCode } from "./fetchError.ts";
export { type FetchRequest, type FetchResponse, fetchHandler } from "./fetchHandler.ts";
export { forEventTypes, type TypedKit } from "./forEventTypes.ts";
export type { FormatName } from "./formatNames.ts";
export type { HeadersLike } from "./headers.ts";
export type { ClientOf, InboxDatabase, PgClient, PgPool, QueryResult } from "./inboxDatabase.ts";
export type { PostgresInboxOptions } from "./inboxOptions.ts";
export { inboxSql } from "./inboxSql.ts";
export { type MemoryInboxOptions, memoryInbox } from "./memoryInbox.ts";
export { type NodeRequest, type NodeResponse, type NodeStream, nodeHandler } from "./nodeHandler.ts";
export type {
  AnyEvents,
  Handler,
  HandlerContext,
  HandlerSignal,
  Handlers,
  HandlingOptions,
  KeyOptions,
  ReceiverOptions,
  StreamingHandlers,
} from "./options.ts";
export { fetchPayload, payloadBytes, payloadElements, payloadPages } from "./payload.ts";
export type {
  PayloadElement,
  PayloadOf,
  PayloadOptions,
  PayloadPage,
  PayloadPagesOptions,
  WholePayload,
  WholePayloadOptions,
} from "./payloadShapes.ts";
export { type PostgresInbox, postgresInbox } from "./postgresInbox.ts";
export { type FailedEvent, type PulledPage, type PullHandlingOptions, pull, pullEvents, pullPages } from "./pull.ts";
export type { Gap, PullOptions } from "./pullOptions.ts";
export { ReceiveError, type ReceiveErrorCode } from "./receiveError.ts";
export { type BodyReader, createReceiver, type ReceivedRequest, type Receiver, type Verified } from "./receiver.ts";
export type { Rejection, RejectionCode, RejectionStatus } from "./rejection.ts";
export type { KeyOf, LateEvents, Outcome as StoreOutcome, Store } from "./store.ts";
