import { type Answered, ask } from "./ask.ts";
import { FetchError } from "./fetchError.ts";
import { allMembers, itemTexts, memberText } from "./json.ts";
import { ANSWER_MS_MAX, badOption, malformed, parsed, refusal, TRIES_MAX, textOf, WHAT } from "./payloadError.ts";
import type { PayloadElement, PayloadOf, PayloadOptions, PayloadPage } from "./payloadShapes.ts";

/** A page has 4 MiB, or one larger element. */
const PAGE_BYTES_MAX = 128 * 1024 * 1024;

export async function fetchPage(url: string, options: PayloadOptions): Promise<PayloadPage> {
  const question = {
    what: WHAT,
    url,
    headers: async () => ({ accept: "application/json" }),
    answerMsMax: ANSWER_MS_MAX,
    bytesMax: PAGE_BYTES_MAX,
    triesMax: options.triesMax ?? TRIES_MAX,
  };
  const answered = await ask(question, options);
  if (answered.status !== 200) {
    throw refusal(answered.status, answered.body);
  }
  return pageOf(answered);
}

function pageOf({ body }: Answered): PayloadPage {
  const text = textOf(body);
  const page = parsed(text);
  if (typeof page !== "object" || page === null || !("next" in page) || !isCursor(page.next)) {
    throw malformed("the page has no cursor");
  }
  const [name, value] = "elements" in page ? ["elements", page.elements] : ["members", Reflect.get(page, "members")];
  const elements = elementsOf(value, () => memberText(text, 0, name));
  if (elements === null) {
    throw malformed("the page has neither elements nor members");
  }
  return { next: page.next, elements };
}

function isCursor(value: unknown): value is string | null {
  return value === null || (typeof value === "string" && value !== "");
}

/** Of a payload that came with its event. */
export function pageAtHand(event: PayloadOf, after: string | undefined): PayloadPage {
  if (after !== undefined) {
    throw badOption("it came with its event, so there is no page after the cursor; begin at its start");
  }
  const elements = elementsOf(event.data, () => textAtHand(event));
  if (elements === null) {
    throw new FetchError("refused", `cannot page ${WHAT}: it is neither an array nor an object; use fetchPayload`);
  }
  return { next: null, elements };
}

/** Null if the value is neither an array nor an object. */
function elementsOf(value: unknown, readText: () => string): readonly PayloadElement[] | null {
  if (Array.isArray(value)) {
    const values: readonly unknown[] = value;
    return itemTexts(readText()).map((dataText, index) => ({ name: undefined, data: values[index], dataText }));
  }
  return typeof value === "object" && value !== null ? allMembers(readText()).map(memberOf) : null;
}

/** Parsed apart, because an object has only the last of members with one name. */
function memberOf([name, dataText]: readonly [string, string]): PayloadElement {
  return { name, data: parsed(dataText), dataText };
}

export function textAtHand({ dataText }: PayloadOf): string {
  if (dataText === undefined) {
    throw badOption("the event has neither a payload nor a place of it; pass an event as it was received");
  }
  return dataText;
}
