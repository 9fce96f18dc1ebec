/** An event as it was received: the same in every format. */
export interface ReceivedEvent<Type extends string = string, Data = unknown> {
  /** The event's id, the same however often it comes: its own in a batch, and `webhook-id` otherwise. */
  readonly id: string;
  readonly type: Type;
  /** When the event was inserted: RFC 3339, as it was sent. In `raw` nothing says so, and it is the time in the id. */
  readonly timestamp: string;
  /** The payload; undefined if it is to be fetched. Numbers beyond a double have lost digits: `dataText` has them. */
  readonly data: Data;
  /** The payload's JSON text exactly as it was sent; undefined if it is to be fetched. XML is mapped back to JSON. */
  readonly dataText: string | undefined;
  /** Where to fetch a large payload; undefined if the payload is here. */
  readonly large: LargePayload | undefined;
  /** CloudEvents alone. */
  readonly source: string | undefined;
  /** CloudEvents alone. */
  readonly subject: string | undefined;
  /** The other attributes of a CloudEvent; none in the other formats. In `cloudevents-binary` all values are strings. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /**
   * Whether the signature covers the type, the source, the subject, the attributes and `large`. In `raw` and
   * `cloudevents-binary` headers have them, and no signature covers headers. A thin event in `raw` has them in its body.
   */
  readonly isTypeSigned: boolean;
  /** From a header, which no signature covers. */
  readonly orderingKey: string | undefined;
  /** W3C Trace Context. From a header, which no signature covers, or else the attribute of a CloudEvent. */
  readonly traceparent: string | undefined;
  /** 1, 2, … From a header, which no signature covers. A batch has one for all its events. */
  readonly attempt: number | undefined;
}

/** An event whose payload may have to be fetched: then `data` is undefined, and `large` says where it is. */
export type UnfetchedEvent<Type extends string = string, Data = unknown> = Omit<ReceivedEvent<Type, Data>, "data"> & {
  readonly data: Data | undefined;
};

/** An event of one of these types, which `type` tells apart. */
export type EventOf<Events extends object> = {
  readonly [Type in keyof Events & string]: ReceivedEvent<Type, Events[Type]>;
}[keyof Events & string];

/** What a thin event has in the place of its payload. */
export interface LargePayload {
  /** Where the payload can be fetched. A secret: its holder needs no other. */
  readonly url: string;
  /** Its bytes; undefined if the sender does not know. */
  readonly size: number | undefined;
  /** RFC 3339: until when it can be fetched there. */
  readonly expires: string;
}
