import type { Answered } from "./ask.ts";
import { cloudEventItems } from "./cloudEvents.ts";
import { makeEvent } from "./content.ts";
import type { ReceivedEvent } from "./event.ts";
import { FetchError } from "./fetchError.ts";
import type { HeaderMap } from "./headers.ts";
import { jsonOf, memberRange, memberTexts, textOf } from "./json.ts";
import { MalformedBody, membersOf } from "./malformedBody.ts";
import { type Opened, type Opener, openBody } from "./open.ts";
import { standardItems } from "./standardEvents.ts";

/** A page of a pull endpoint, as it is read. */
export interface ReadPage {
  /** The page's own id. */
  readonly webhookId: string;
  readonly events: readonly ReceivedEvent[];
  readonly next: string;
}

const HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"];

/** Verifies a page, decrypts it, and reads its events. Rejects with FetchError if it is not what it must be. */
export async function readPage(opener: Opener, answered: Answered): Promise<ReadPage> {
  const opened = await openBody(opener, headersOf(answered), async () => answered.body);
  if (opened.kind === "rejected") {
    throw new FetchError(
      "rejected",
      `cannot take a page of events: ${opened.reason}; see whether the keys are those of this endpoint`,
      answered.status,
    );
  }
  try {
    return pageOf(opened);
  } catch (thrown) {
    if (thrown instanceof MalformedBody) {
      throw new FetchError(
        "malformed",
        `cannot read a page of events: ${thrown.message}; see what answers at the URL`,
        answered.status,
      );
    }
    throw thrown;
  }
}

function headersOf(answered: Answered): HeaderMap {
  return new Map(HEADERS.flatMap((name) => pairOf(name, answered.header(name))));
}

function pairOf(name: string, value: string | null): readonly (readonly [string, string])[] {
  return value === null ? [] : [[name, value]];
}

function pageOf(opened: Opened): ReadPage {
  const text = textOf(opened.body);
  const { data, next } = membersOf(jsonOf(text), "the page");
  if (!Array.isArray(data) || typeof next !== "string") {
    throw new MalformedBody("the page has no data, or no cursor");
  }
  const items: readonly unknown[] = data;
  const fieldsOf = isCloudEvent(items[0]) ? cloudEventItems : standardItems;
  const fields = fieldsOf(items, memberTexts(text, memberRange(text, 0, "data")?.from ?? 0, "data"));
  return { webhookId: opened.webhookId, events: fields.map((each) => makeEvent(each, opened)), next };
}

function isCloudEvent(item: unknown): boolean {
  return typeof item === "object" && item !== null && Object.hasOwn(item, "specversion");
}
