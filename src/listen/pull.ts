import { createHash, randomUUID } from "node:crypto";
import { unreadableReason } from "../db/pgErrors.ts";
import { decodeSigning, type Signing } from "../db/signing.ts";
import { defineStatement, type RowOf } from "../db/statements.ts";
import { type Formats, makeFormats } from "../format/body.ts";
import { ENCRYPTED_CONTENT_TYPE, encryptBody, loadEncryptionKey, PLAINTEXT_BYTES_MAX } from "../format/encrypt.ts";
import { signMixed, signV1 } from "../format/sign.ts";
import { monotonicMs, unixSeconds } from "../ground/clock.ts";
import type { SealingKey } from "../secrets/sealing.ts";
import { problem } from "../serve/problem.ts";
import type { Events } from "../telemetry/bus.ts";
import type { Emitted } from "../telemetry/events.ts";
import type { ListenerDatabase } from "./listenerDatabase.ts";
import { type Head, type ItemRow, pageBody } from "./pullPage.ts";
import { PullWaiting } from "./pullWaiting.ts";
import { addRoute, type ListenerApp, type ListenerContext } from "./routes.ts";
import { bearerToken, isTokenOf } from "./token.ts";
import { UnreadPages } from "./unreadPages.ts";

const findPullEndpoint = defineStatement("find_pull_endpoint", {
  params: { endpointId: "uuid" },
  columns: {
    id: "uuid",
    format: "text",
    signing: ["hmac", "ed25519", "both"],
    ...{ encryption_key: "jsonb?", token_hashes: "text[]", secrets: "text[]", secret_kinds: "text[]" },
  },
});

const fetchEvents = defineStatement("fetch_events", {
  params: {
    ...{ listenerId: "uuid", endpointId: "uuid", after: "text?", eventsMax: "integer", bytesMax: "integer" },
    ...{ itemBytesMax: "integer", unreadable: "text?", withLarge: "boolean" },
  },
  columns: {
    ...{ outcome: "text?", next_cursor: "text?", has_more: "boolean?", event_id: "uuid?", event_type: "text?" },
    ...{ created_at: "json?", context: "jsonb?", payload: "json?" },
  },
});

type PullEndpoint = RowOf<typeof findPullEndpoint.shape>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
const WAIT_S_MAX = 30;
/** The most bytes of a page's payloads; a larger event comes alone. */
const PAGE_BYTES = 1_048_576;
/** Besides its payload, an item has its type, its attributes and the cursor. */
const ENVELOPE_BYTES_MAX = 65_536;
const ITEM_BYTES_MAX = PLAINTEXT_BYTES_MAX - ENVELOPE_BYTES_MAX;
/** Pages that their receivers have not read yet; beside them there may be one with a large event. */
const UNREAD_LIMITS = { bytesMax: 32 * PAGE_BYTES, bytesPerEndpointMax: 8 * PAGE_BYTES };
/** How long a receiver may take to read a large event, because others wait for theirs: 160 KiB a second for the largest. */
const LARGE_READ_MS = 300_000;
const RETRY_S = 5;

export interface PullOptions {
  readonly database: ListenerDatabase;
  readonly sealingKeys: readonly SealingKey[];
  /** CloudEvents' `source`. */
  readonly source: string;
  /** Those of the daemons of this program. */
  readonly events?: Events | undefined;
  /** Default: LARGE_READ_MS. */
  readonly largeReadMs?: number | undefined;
}

/** What a request asks for. */
interface Asking {
  readonly after: string | null;
  readonly limit: number;
  readonly waitMs: number;
}

/** What Postgres is asked for. */
interface Asked {
  readonly endpointId: string;
  readonly after: string | null;
  readonly eventsMax: number;
  /** Why the next event is discarded instead of given; null if it is not. */
  readonly unreadable: string | null;
  readonly withLarge: boolean;
}

/** `/v1/endpoints/ID/events`: a page of a pull endpoint's events. Asking for what follows acknowledges what is before. */
export function addPull(app: ListenerApp, options: PullOptions): void {
  const pull = new Pull(options);
  addRoute(app, {
    path: "/v1/endpoints/:endpoint/events",
    audience: "receivers",
    methods: { GET: (context) => pull.answer(context) },
  });
}

class Pull {
  readonly #database: ListenerDatabase;
  readonly #sealingKeys: readonly SealingKey[];
  readonly #formats: Formats;
  readonly #waiting: PullWaiting;
  /** Attempts are recorded as this listener's. */
  readonly #listenerId = randomUUID();
  readonly #unread = new UnreadPages(UNREAD_LIMITS);
  readonly #largeReadMs: number;
  #givesLarge = false;

  constructor({ database, sealingKeys, source, events, largeReadMs = LARGE_READ_MS }: PullOptions) {
    this.#largeReadMs = largeReadMs;
    this.#database = database;
    this.#sealingKeys = sealingKeys;
    this.#formats = makeFormats(source);
    this.#waiting = new PullWaiting(database);
    const onEvent = ({ name }: Emitted): void => {
      if (name === "deliveries.queued") {
        this.#waiting.news();
      }
    };
    events?.subscribe(onEvent, { successes: false });
  }

  /** Looks again whenever something may be there, until there is or the time is over. While it waits it holds no connection. */
  async answer(context: ListenerContext): Promise<Response> {
    const sinceMs = monotonicMs();
    for (;;) {
      const look = await this.#look(context);
      if (look instanceof Response) {
        return look;
      }
      const { endpoint, asking, page } = look;
      const leftMs = sinceMs + asking.waitMs - monotonicMs();
      const mayWait = isEmpty(page) && leftMs > 0;
      const place = { endpointId: endpoint.id, afterCursor: page.head.next };
      if (!(mayWait && (await this.#waiting.wait(place, leftMs, context.req.raw.signal)))) {
        return (
          refusalOf(page.head) ??
          (await this.#write(context, look)) ??
          problem(503, "the endpoint's encryption_key cannot encrypt", { "retry-after": "60" })
        );
      }
    }
  }

  /** Judges the request anew: while it waited its token may have been revoked, or the endpoint's keys replaced. */
  async #look(context: ListenerContext): Promise<Look | Response> {
    const endpoint = await this.#authorize(context);
    if (endpoint === null) {
      return unauthorized();
    }
    const asking = readAsking(context);
    if (typeof asking === "string") {
      return problem(400, asking);
    }
    const signing = decodeSigning(endpoint, this.#sealingKeys);
    if (signing.standing !== "well") {
      // A daemon makes it, or an operator must.
      return problem(503, "the endpoint has no key to sign with yet", { "retry-after": String(RETRY_S) });
    }
    const page = await this.#page(context, endpoint, asking);
    return page === null
      ? problem(503, undefined, { "retry-after": String(RETRY_S) })
      : { endpoint, signing, asking, page };
  }

  /** Null for an unknown endpoint and for a wrong token alike. */
  async #authorize(context: ListenerContext): Promise<PullEndpoint | null> {
    const endpointId = context.req.param("endpoint") ?? "";
    const token = bearerToken(context.req.header("authorization"));
    if (token === null || !UUID.test(endpointId)) {
      return null;
    }
    const { rows } = await this.#database.run(findPullEndpoint, { endpointId });
    const digests = (rows[0]?.token_hashes ?? []).map((hash) => Buffer.from(hash, "hex"));
    return isTokenOf(token, digests) ? (rows[0] ?? null) : null;
  }

  /**
   * Null if it must be asked for later: receivers have not read their pages, or another large event is being given. That is
   * one at a time, because it is in memory several times over.
   */
  async #page(context: ListenerContext, { id }: PullEndpoint, asking: Asking): Promise<Page | null> {
    if (this.#unread.isFull(id)) {
      return null;
    }
    const page = await this.#fetch(id, asking, false);
    if (page.head.outcome !== "large") {
      // Others that asked with it may have filled the memory since.
      return page.items.length > 0 && this.#unread.isFull(id) ? null : page;
    }
    const { outgoing } = context.env;
    if (this.#givesLarge || outgoing.destroyed) {
      return null;
    }
    this.#givesLarge = true;
    outgoing.once("close", () => {
      this.#givesLarge = false;
    });
    return { ...(await this.#fetch(id, asking, true)), isLarge: true };
  }

  /** A value that Postgres cannot give keeps no other: the event that has it is found by smaller pages, and discarded. */
  async #fetch(endpointId: string, { after, limit }: Asking, withLarge: boolean): Promise<Page> {
    const asked = { endpointId, after, withLarge };
    let eventsMax = limit;
    for (;;) {
      try {
        return await this.#fetchPage({ ...asked, eventsMax, unreadable: null });
      } catch (thrown) {
        const reason = unreadableReason(thrown);
        if (reason === null) {
          throw thrown;
        }
        if (eventsMax === 1) {
          return await this.#fetchPage({ ...asked, eventsMax, unreadable: `the event cannot be read: ${reason}` });
        }
        eventsMax = Math.floor(eventsMax / 2);
      }
    }
  }

  async #fetchPage(asked: Asked): Promise<Page> {
    const limits = { bytesMax: PAGE_BYTES, itemBytesMax: ITEM_BYTES_MAX };
    // Postgres takes seconds for a large event, and a request that fails for that would fail again.
    const database = asked.withLarge ? this.#database.payloads : this.#database;
    const { rows } = await database.run(fetchEvents, { listenerId: this.#listenerId, ...limits, ...asked });
    const [head, ...items] = rows;
    return {
      head: {
        outcome: head?.outcome ?? "unknown",
        next: head?.next_cursor ?? "",
        hasMore: head?.has_more ?? false,
      },
      items,
      isLarge: false,
    };
  }

  async #write(context: ListenerContext, { endpoint, signing, asking, page }: Look): Promise<Response | null> {
    const { head, items, isLarge } = page;
    const format = this.#formats[endpoint.format === "cloudevents" ? "cloudevents" : "standard"];
    if (format.batch === null) {
      throw new Error("a format of pages has items");
    }
    const id = pageId(endpoint.id, asking.after, head, items);
    const plain = pageBody(format.batch, head, items);
    if (!isLarge) {
      this.#unread.hold(context.env.outgoing, endpoint.id, plain.length);
    }
    const parsed = endpoint.encryption_key === null ? null : await loadEncryptionKey(endpoint.encryption_key);
    if (parsed?.kind === "problem") {
      return null;
    }
    const contentType = "application/json";
    const body =
      parsed === null
        ? plain
        : await encryptBody(parsed.key, plain, { contentType, webhookId: id, endpointId: endpoint.id });
    const seconds = unixSeconds();
    if (isLarge) {
      cutAfter(context.env.outgoing, this.#largeReadMs);
    }
    return new Response(body as Uint8Array<ArrayBuffer>, {
      headers: {
        "content-type": parsed === null ? contentType : ENCRYPTED_CONTENT_TYPE,
        "webhook-id": id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": signatureOf(signing, id, seconds, body),
      },
    });
  }
}

interface Page {
  readonly head: Head;
  readonly items: readonly ItemRow[];
  /** It has the one large event that is being given. */
  readonly isLarge: boolean;
}

/** What a request is answered with. */
interface Look {
  readonly endpoint: PullEndpoint;
  readonly signing: Signing;
  readonly asking: Asking;
  readonly page: Page;
}

/** Nothing is there yet that would be an answer. */
function isEmpty({ head, items }: Page): boolean {
  return (head.outcome === "page" || head.outcome === "paused") && items.length === 0 && !head.hasMore;
}

function cutAfter(outgoing: ListenerContext["env"]["outgoing"], readMs: number): void {
  const cutting = setTimeout(() => outgoing.destroy(), readMs).unref();
  outgoing.once("close", () => clearTimeout(cutting));
}

function unauthorized(): Response {
  return problem(401, undefined, { "www-authenticate": 'Bearer realm="postrider"' });
}

function signatureOf({ keys, mixedKeys }: Signing, id: string, seconds: number, body: Buffer): string {
  return mixedKeys === null ? signV1(keys, id, seconds, body) : signMixed(mixedKeys, id, seconds, body);
}

/** Postgres need not see what is none, and cannot take every text. */
const CURSOR = /^[A-Za-z0-9_-]{32}$/;
const FOREIGN = "the cursor is none of this endpoint; leave it out to get what is not acknowledged";

/** A sentence if the request cannot be read. */
function readAsking(context: ListenerContext): Asking | string {
  const limit = wholeNumber(context.req.query("limit"), LIMIT_DEFAULT, 1, LIMIT_MAX);
  if (limit === null) {
    return `limit is a whole number from 1 to ${LIMIT_MAX}`;
  }
  const waitS = wholeNumber(context.req.query("wait"), 0, 0, WAIT_S_MAX);
  if (waitS === null) {
    return `wait is a whole number of seconds from 0 to ${WAIT_S_MAX}`;
  }
  const after = context.req.query("after") ?? "";
  if (after !== "" && !CURSOR.test(after)) {
    return FOREIGN;
  }
  return { after: after === "" ? null : after, limit, waitMs: waitS * 1_000 };
}

function wholeNumber(text: string | undefined, fallback: number, min: number, max: number): number | null {
  if (text === undefined || text === "") {
    return fallback;
  }
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : null;
}

/** Null if the page is one. The next cursor of a refusal is one from where on nothing is missing. */
function refusalOf({ outcome, next }: Head): Response | null {
  switch (outcome) {
    case "page":
    case "paused":
      return null;
    case "foreign":
      return problem(400, FOREIGN);
    case "gone":
      return problem(
        410,
        "events behind this cursor are past their retention; go on after resume_after",
        {},
        {
          resume_after: next,
        },
      );
    case "disabled":
      return problem(403, "the endpoint is disabled");
    default:
      // Deleted since its token was looked at.
      return unauthorized();
  }
}

/** The same page has the same id. Its items carry those of their events. */
function pageId(endpointId: string, after: string | null, { next }: Head, items: readonly ItemRow[]): string {
  const hash = createHash("sha256").update(`${endpointId} ${after ?? ""} ${next}`);
  for (const { event_id } of items) {
    hash.update(` ${event_id}`);
  }
  return `page_${hash.digest("hex").slice(0, 32)}`;
}
