import { passingFailure, Tries, type Unanswered } from "./ask.ts";
import { Exchange } from "./exchange.ts";
import { FetchError } from "./fetchError.ts";
import { ANSWER_MS_MAX, refusal, TRIES_MAX, WHAT } from "./payloadError.ts";
import type { PayloadOptions } from "./payloadShapes.ts";

/** The bytes at the URL of a payload. If a connection breaks, the next one goes on where it broke. */
export async function* bytesAt(url: string, options: PayloadOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const tries = new Tries(WHAT, options.triesMax ?? TRIES_MAX, options);
  const place: Place = { at: 0, etag: null, size: null };
  for (;;) {
    tries.refuseStopped();
    const part = await openPart(url, place, options);
    const ending = "problem" in part ? part : yield* restOf(part.exchange, place, tries);
    if (ending === null) {
      return;
    }
    await tries.again(ending);
  }
}

/** What of the payload has come. */
interface Place {
  at: number;
  etag: string | null;
  size: number | null;
}

/** Opens the payload from the place on. Rejects if what would come is not the rest of it. */
async function openPart(
  url: string,
  place: Place,
  { signal, fetch }: PayloadOptions,
): Promise<{ readonly exchange: Exchange } | Unanswered> {
  const same = place.etag === null ? {} : { "if-range": place.etag };
  const range = place.at === 0 ? {} : { range: `bytes=${place.at}-`, ...same };
  const headers = { accept: "application/json", "accept-encoding": "identity", ...range };
  const opened = await Exchange.open({ url, headers, signal, fetch, answerMsMax: ANSWER_MS_MAX });
  if (opened.kind === "broken") {
    return { problem: opened.problem, status: undefined, retryAfterMs: null };
  }
  const { exchange } = opened;
  const passing = passingFailure(exchange);
  if (passing !== null) {
    exchange.close();
    return passing;
  }
  try {
    await judgePart(exchange, place);
  } catch (thrown) {
    exchange.close();
    throw thrown;
  }
  return { exchange };
}

async function judgePart(exchange: Exchange, place: Place): Promise<void> {
  if (exchange.status === 200 && place.at === 0) {
    place.etag = exchange.header("etag");
    place.size = sizeOf(exchange.header("content-length"));
    return;
  }
  if (exchange.status === 206 && exchange.header("content-range")?.startsWith(`bytes ${place.at}-`)) {
    return;
  }
  if (exchange.status === 200 || exchange.status === 206) {
    throw new FetchError(
      "malformed",
      `cannot go on fetching ${WHAT}: the answer does not begin at byte ${place.at}; fetch it from its start`,
      exchange.status,
    );
  }
  throw refusal(exchange.status, await firstBytes(exchange));
}

/** Of a report of an error. */
async function firstBytes(exchange: Exchange): Promise<Uint8Array> {
  const read = await exchange.read();
  return read.kind === "bytes" ? read.bytes : new Uint8Array();
}

/** Null for a length that was computed before something on the way changed the body. */
function sizeOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Yields what comes. Returns null at the end of the payload, and otherwise why there is no more. */
async function* restOf(
  exchange: Exchange,
  place: Place,
  tries: Tries,
): AsyncGenerator<Uint8Array, Unanswered | null, undefined> {
  try {
    for (;;) {
      const read = await exchange.read();
      if (read.kind === "bytes") {
        tries.progress();
        place.at += read.bytes.length;
        yield read.bytes;
        continue;
      }
      if (read.kind === "end" && place.at >= (place.size ?? 0)) {
        return null;
      }
      const problem = read.kind === "broken" ? read.problem : "it ended early";
      return { problem, status: exchange.status, retryAfterMs: null };
    }
  } finally {
    exchange.close();
  }
}
