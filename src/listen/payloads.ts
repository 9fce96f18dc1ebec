import { unreadableReason } from "../db/pgErrors.ts";
import type { Queryable } from "../db/statements.ts";
import { makeCursor, type Place, readCursor } from "../format/payloadToken.ts";
import { PAYLOADS_PATH } from "../format/payloadUrl.ts";
import type { SealingKey } from "../secrets/sealing.ts";
import { problem } from "../serve/problem.ts";
import { byteRangeOf } from "./byteRange.ts";
import { HalfLoop } from "./halfLoop.ts";
import { bytesOfParts, type Part, streamOf } from "./payloadBody.ts";
import { judgeToken, type Verdict } from "./payloadGrants.ts";
import { type BytesFrom, findPage, firstPlace, type Page, type Span } from "./payloadPage.ts";
import { type PayloadSlices, type Slice, TooBusy } from "./payloadSlices.ts";
import { addRoute, type ListenerApp, type ListenerContext, notFound } from "./routes.ts";

export interface PayloadParts {
  readonly database: Queryable;
  readonly sealingKeys: readonly SealingKey[];
  readonly slices: PayloadSlices;
}

/** Elements of a page. */
const LIMIT_MAX = 10_000;
const LIMIT_DEFAULT = 1_000;
/** Answers in progress. Each holds a window of its payload, and what of it the system has taken. */
const ANSWERS_MAX = 100;
/** Of one endpoint, so that a receiver that is slow leaves room for the others. */
const ANSWERS_PER_ENDPOINT_MAX = 10;

type Granted = Extract<Verdict, { readonly kind: "granted" }>;

/** The payloads of thin events: whole, in parts, or in pages of elements. */
export function addPayloads(app: ListenerApp, { database, sealingKeys, slices }: PayloadParts): void {
  const answers = new Answers();
  const halfLoop = new HalfLoop();
  addRoute(app, {
    path: `${PAYLOADS_PATH}:token`,
    audience: "receivers",
    methods: {
      GET: async (context) => {
        const verdict = await judgeToken(database, sealingKeys, context.req.param("token") ?? "");
        switch (verdict.kind) {
          case "unknown":
            return notFound();
          case "over":
            return problem(410, verdict.reason);
          case "granted":
            return answers.run(verdict.grant.endpointId, context.req.method === "HEAD", (onEnd) =>
              answer(context, verdict, { slices, halfLoop }, onEnd),
            );
        }
      },
    },
  });
}

const BUSY_SECONDS = "5";

function busy(): Response {
  return problem(503, "Too many payloads are being read.", { "retry-after": BUSY_SECONDS });
}

function gone(): Response {
  return problem(410, "The event is not kept any more.");
}

/** The client has left before its answer began. Finding a page reads up to all of a payload, for which nobody waits then. */
class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** For what was thrown before the answer began; null if it is no matter of payloads. */
function refusalOf(thrown: unknown): Response | null {
  if (thrown instanceof TooBusy) {
    return busy();
  }
  if (thrown instanceof ClientGone) {
    return new Response(null, { status: 499 });
  }
  const reason = unreadableReason(thrown);
  return reason === null ? null : problem(422, `The payload cannot be read: ${reason}.`);
}

/** Counts the answers in progress. */
class Answers {
  readonly #counts = new Map<string, number>();
  #count = 0;

  /** An answer calls `onEnd` once its body needs nothing any more. One without a body need not. */
  async run(endpointId: string, isHead: boolean, make: (onEnd: () => void) => Promise<Response>): Promise<Response> {
    const count = this.#counts.get(endpointId) ?? 0;
    if (this.#count >= ANSWERS_MAX || count >= ANSWERS_PER_ENDPOINT_MAX) {
      return busy();
    }
    this.#count += 1;
    this.#counts.set(endpointId, count + 1);
    let isOver = false;
    const end = (): void => {
      if (!isOver) {
        isOver = true;
        this.#release(endpointId);
      }
    };
    try {
      const response = await make(end);
      if (isHead || !(response.body instanceof ReadableStream) || response.status >= 300) {
        end();
      }
      return response;
    } catch (thrown) {
      end();
      const refusal = refusalOf(thrown);
      if (refusal === null) {
        throw thrown;
      }
      return refusal;
    }
  }

  #release(endpointId: string): void {
    this.#count -= 1;
    const left = (this.#counts.get(endpointId) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(endpointId, left);
    } else {
      this.#counts.delete(endpointId);
    }
  }
}

/** What answers are made with. */
interface Means {
  readonly slices: PayloadSlices;
  readonly halfLoop: HalfLoop;
}

/** A payload, as it is read for an answer. */
interface Reading {
  readonly bytesFrom: BytesFrom;
  readonly halfLoop: HalfLoop;
}

async function answer(
  context: ListenerContext,
  granted: Granted,
  { slices, halfLoop }: Means,
  onEnd: () => void,
): Promise<Response> {
  const { eventId } = granted.grant;
  const { signal } = context.req.raw;
  const bytesFrom: BytesFrom = async (at) => {
    if (signal.aborted) {
      throw new ClientGone();
    }
    return (await slices.from(eventId, at))?.bytes ?? null;
  };
  const reading: Reading = { bytesFrom, halfLoop };
  const limit = context.req.query("limit");
  const after = context.req.query("after");
  if (limit !== undefined || after !== undefined) {
    return pageAnswer(context, granted, reading, { limit, after }, onEnd);
  }
  const first = await slices.from(eventId, 0);
  return first === null ? gone() : wholeAnswer(context, eventId, first, reading, onEnd);
}

const HEADERS = {
  "content-type": "application/json",
  // Whoever reads it later must ask again, and a proxy must change no byte.
  "cache-control": "private, no-store, no-transform",
};

/** The payload never changes, so the event's id tells it from any other. */
function wholeAnswer(
  context: ListenerContext,
  eventId: string,
  { payloadBytes: size }: Slice,
  reading: Reading,
  onEnd: () => void,
): Response {
  const etag = `"${eventId}"`;
  const headers = { ...HEADERS, "accept-ranges": "bytes", etag };
  const known = context.req.header("if-none-match");
  if (known?.split(",").some((tag) => ["*", etag, `W/${etag}`].includes(tag.trim()))) {
    return new Response(null, { status: 304, headers });
  }
  const range = byteRangeOf(context.req.header("range"), context.req.header("if-range"), { size, etag });
  if (range.kind === "unsatisfiable") {
    return problem(416, `The payload has ${size} bytes.`, { "content-range": `bytes */${size}` });
  }
  const span = range.kind === "part" ? range : { from: 0, to: size };
  const body = streamOf({ ...reading, parts: [span] }, onEnd);
  const length = { "content-length": String(span.to - span.from) };
  return range.kind === "whole"
    ? new Response(body, { status: 200, headers: { ...headers, ...length } })
    : new Response(body, {
        status: 206,
        headers: { ...headers, ...length, "content-range": `bytes ${span.from}-${span.to - 1}/${size}` },
      });
}

interface PageQuery {
  readonly limit: string | undefined;
  readonly after: string | undefined;
}

async function pageAnswer(
  context: ListenerContext,
  { grant, keys }: Granted,
  reading: Reading,
  query: PageQuery,
  onEnd: () => void,
): Promise<Response> {
  const limit = limitOf(query.limit);
  if (limit === null) {
    return problem(400, `limit is a number between 1 and ${LIMIT_MAX}.`);
  }
  const place = query.after === undefined ? await firstPlace(reading.bytesFrom) : readCursor(keys, grant, query.after);
  if (place === "gone") {
    return gone();
  }
  if (place === null) {
    return query.after === undefined
      ? problem(400, "The payload is neither an array nor an object, and has no pages.")
      : problem(400, "after is no cursor of this payload.");
  }
  const page = await findPage(reading.bytesFrom, place, limit, reading.halfLoop);
  if (page === null) {
    return gone();
  }
  const next = page.next === null ? null : makeCursor(keys[0], grant, page.next);
  const isLines = wantsLines(context.req.header("accept"));
  const parts = isLines ? linesOf(page, place) : jsonOf(page, place, next);
  const headers = {
    ...HEADERS,
    "content-type": isLines ? LINES_TYPE : "application/json",
    "content-length": String(bytesOfParts(parts)),
    vary: "accept",
    ...(next !== null && { link: `<?limit=${limit}&after=${next}>; rel="next"` }),
  };
  const body = { ...reading, parts, ...(isLines && { convert: onOneLine }) };
  return new Response(streamOf(body, onEnd), { status: 200, headers });
}

function limitOf(text: string | undefined): number | null {
  const limit = text === undefined ? LIMIT_DEFAULT : /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= LIMIT_MAX ? limit : null;
}

const LINES_TYPE = "application/x-ndjson";

function wantsLines(accept = ""): boolean {
  return accept.split(",").some((range) => /^(application\/(x-)?ndjson|application\/jsonl)\b/i.test(range.trim()));
}

/** The elements with all that is between them, as they are in the payload. */
function jsonOf({ spans }: Page, { isObject }: Place, next: string | null): readonly Part[] {
  const [open, close] = isObject ? ['"members":{', "}}"] : ['"elements":[', "]}"];
  const first = spans[0];
  const last = spans.at(-1);
  const between: readonly Span[] = first && last ? [{ from: first.from, to: last.to }] : [];
  return [Buffer.from(`{"next":${JSON.stringify(next)},${open}`), ...between, Buffer.from(close)];
}

const BEFORE_MEMBER = Buffer.from("{");
const AFTER_MEMBER = Buffer.from("}\n");
const AFTER_ELEMENT = Buffer.from("\n");

/** An element a line; a member of an object as an object of its own. */
function linesOf({ spans }: Page, { isObject }: Place): readonly Part[] {
  return spans.flatMap((span) => (isObject ? [BEFORE_MEMBER, span, AFTER_MEMBER] : [span, AFTER_ELEMENT]));
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;

/** A line feed in JSON is always a blank, because strings hold none. */
function onOneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(LINE_FEED) && !bytes.includes(CARRIAGE_RETURN)) {
    return bytes;
  }
  const copy = Buffer.from(bytes);
  for (let index = 0; index < copy.length; index += 1) {
    if (copy[index] === LINE_FEED || copy[index] === CARRIAGE_RETURN) {
      copy[index] = BLANK;
    }
  }
  return copy;
}
