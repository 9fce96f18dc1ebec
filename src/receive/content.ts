import type { LargePayload, ReceivedEvent } from "./event.ts";
import { decodedHeader, type HeaderMap } from "./headers.ts";
import { timestampOf } from "./timestamp.ts";

/** A body whose signature is good, decrypted, and what came with it. */
export interface Content {
  readonly webhookId: string;
  /** When the request was signed. */
  readonly timestampSeconds: number;
  /** That of the decrypted body. */
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
  /** The receiver has keys to decrypt with, and this body did not say that it is encrypted. */
  readonly isUnexpectedlyPlain?: boolean;
  /** No signature covers them. */
  readonly headers: HeaderMap;
}

/** What a format says of an event. */
export interface EventFields {
  readonly id: string;
  readonly type: string;
  /** As it was sent, if it was. */
  readonly sentTimestamp: unknown;
  readonly data: unknown;
  /** The payload's JSON text; called at most once, and only if somebody asks. */
  readonly readText: () => string;
  readonly large: LargePayload | undefined;
  readonly isTypeSigned: boolean;
  readonly ofCloudEvent?: OfCloudEvent;
}

export interface OfCloudEvent {
  readonly source: string | undefined;
  readonly subject: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export function makeEvent(fields: EventFields, { headers, timestampSeconds }: Content): ReceivedEvent {
  const { id, type, large, isTypeSigned, readText } = fields;
  const { source, subject, attributes = {} } = fields.ofCloudEvent ?? {};
  let text: string | undefined;
  return {
    id,
    type,
    timestamp: timestampOf(fields.sentTimestamp, id, timestampSeconds),
    data: large === undefined ? fields.data : undefined,
    get dataText() {
      text ??= large === undefined ? readText() : undefined;
      return text;
    },
    large,
    source,
    subject,
    attributes,
    isTypeSigned,
    orderingKey: decodedHeader(headers, "postrider-ordering-key"),
    traceparent: headers.get("traceparent") ?? textOrNone(attributes.traceparent),
    attempt: attemptOf(headers.get("postrider-attempt")),
  };
}

export function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function attemptOf(value: string | undefined): number | undefined {
  return value !== undefined && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : undefined;
}
