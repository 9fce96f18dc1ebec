import type { Content } from "../receive/content.ts";
import type { ReceivedEvent } from "../receive/event.ts";
import { type FormatName, SIGNED_FORMATS } from "../receive/formatNames.ts";
import type { HeaderMap } from "../receive/headers.ts";
import { decryptOpened, type Opened, type Opener, openBody } from "../receive/open.ts";
import { readEvents } from "../receive/readEvents.ts";
import type { Rejection } from "../receive/rejection.ts";

export type Judgement =
  | { readonly kind: "verified" }
  /** No secret was given. */
  | { readonly kind: "unverified" }
  | { readonly kind: "rejected"; readonly status: number; readonly reason: string }
  /** Answered 503, as `refuse` asked for, or because it could not be kept. */
  | { readonly kind: "refused"; readonly reason: string };

/** A request, verified if there is something to verify it with, decrypted if there is a key, and read if it can be. */
export interface JudgedRequest {
  readonly judgement: Judgement;
  /** Decrypted, if `isDecrypted`. */
  readonly body: Buffer;
  /** That of `body`. */
  readonly contentType: string | undefined;
  readonly isDecrypted: boolean;
  /** None if the body is none that Postrider sends. Of a request that is rejected, a stranger wrote them. */
  readonly events: readonly ReceivedEvent[];
}

/** Without a key to verify with, everything is taken, also what is no event. */
export async function judgeRequest(opener: Opener, headers: HeaderMap, body: Uint8Array): Promise<JudgedRequest> {
  const given = givenContent(opener, headers, body);
  const isVerifying = opener.keys.length > 0;
  const opened = isVerifying ? await openBody(opener, headers, async () => body) : await decryptOpened(opener, given);
  const accepted: Judgement = { kind: isVerifying ? "verified" : "unverified" };
  if (opened.kind === "rejected") {
    // Without a key to decrypt with, it is taken as it is.
    const judgement = opened.code === "encrypted" ? accepted : rejection(opened);
    return judged(judgement, given, given, await eventsOf(given));
  }
  const read = await eventsOf(opened);
  return judged(isVerifying && "reason" in read ? rejection(read) : accepted, opened, given, read);
}

function judged(
  judgement: Judgement,
  { body, contentType }: Content,
  given: Content,
  read: readonly ReceivedEvent[] | Rejection,
): JudgedRequest {
  const events = "reason" in read ? [] : read;
  return {
    ...{ judgement, contentType, isDecrypted: body !== given.body },
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    events: judgement.kind === "verified" ? events : events.map((event) => ({ ...event, isTypeSigned: false })),
  };
}

function rejection({ status, reason }: Rejection): Judgement {
  return { kind: "rejected", status, reason };
}

/** The request as it came, as if its signature were good. A CloudEvent may come without the headers of Standard Webhooks. */
function givenContent(opener: Opener, headers: HeaderMap, body: Uint8Array): Opened {
  return {
    kind: "opened",
    webhookId: headers.get("webhook-id") ?? headers.get("ce-id") ?? "",
    timestampSeconds: Math.floor(opener.now() / 1_000),
    contentType: headers.get("content-type"),
    body,
    headers,
  };
}

/**
 * In whichever format they are. Two formats say only in headers what they are, and a receiver must not go by those; here a
 * person looks at what came.
 */
async function eventsOf(content: Content): Promise<readonly ReceivedEvent[] | Rejection> {
  const signed = await readEvents(content, new Set(SIGNED_FORMATS));
  if (signed.kind === "events") {
    return signed.events;
  }
  const format: FormatName = content.headers.has("ce-specversion") ? "cloudevents-binary" : "raw";
  const unsigned = await readEvents(content, new Set([format]));
  return unsigned.kind === "events" ? unsigned.events : signed;
}
