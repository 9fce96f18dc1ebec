import { createHash } from "node:crypto";
import { defineStatement, type Queryable } from "../db/statements.ts";
import { publicJwk } from "../format/ed25519.ts";
import { monotonicMs } from "../ground/clock.ts";
import { keepNewest } from "../ground/keepNewest.ts";
import { problem } from "../serve/problem.ts";
import { type Rate, RateLimit } from "../serve/rateLimit.ts";
import { addRoute, type ListenerApp, notFound } from "./routes.ts";

const findPublicKeys = defineStatement("find_public_keys", {
  params: { endpointId: "uuid" },
  columns: { public_key: "text" },
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Far below any sensible overlap of a rotation. */
const MAX_AGE_S = 300;
/** An expired key is shown for so long at most. */
const KEPT_MS = 10_000;
const KEPT_MAX = 1_000;
/** Of ids that are not kept: guessing them costs Postgres no more than this. */
const LOOKS = { perSecond: 50, burst: 100 };

interface KeySet {
  readonly body: string;
  readonly etag: string;
}

interface Kept {
  readonly atMs: number;
  /** Null: there is no key. */
  readonly found: Promise<KeySet | null>;
}

/**
 * `/.well-known/jwks.json?endpoint=ID`: the public keys with which an endpoint's requests are verified. Receivers are
 * strangers to each other, so nothing lists endpoints: who does not know the id, which has 62 random bits at least, learns nothing,
 * and an endpoint without keys looks like one that does not exist.
 */
export function addKeys(app: ListenerApp, database: Queryable, looks: Rate = LOOKS): void {
  const keySets = new KeySets(database, looks);
  addRoute(app, {
    path: "/.well-known/jwks.json",
    audience: "receivers",
    methods: {
      GET: async (context) => {
        const endpointId = context.req.query("endpoint") ?? "";
        if (!UUID.test(endpointId)) {
          return problem(400, "say whose keys: ?endpoint=ID, with the id of an endpoint");
        }
        const looked = keySets.look(endpointId.toLowerCase());
        if (looked === null) {
          return problem(503, undefined, { "retry-after": "1" });
        }
        const found = await looked;
        if (found === null) {
          return notFound();
        }
        const headers = { etag: found.etag, "cache-control": `public, max-age=${MAX_AGE_S}` };
        return isKnown(context.req.header("if-none-match"), found.etag)
          ? new Response(null, { status: 304, headers })
          : context.body(found.body, 200, { ...headers, "content-type": "application/jwk-set+json" });
      },
    },
  });
}

/** The key sets that were asked for lately. */
class KeySets {
  readonly #database: Queryable;
  readonly #looks: RateLimit;
  /** By endpoint, the oldest first. */
  readonly #found = new Map<string, Kept>();
  /** Those without a key or not looked at yet are apart, because guesses must not displace what was found. */
  readonly #others = new Map<string, Kept>();

  constructor(database: Queryable, looks: Rate) {
    this.#database = database;
    this.#looks = new RateLimit(looks);
  }

  /** Null if there were too many looks lately. Those at sets that are known always have their turn. */
  look(endpointId: string): Promise<KeySet | null> | null {
    const kept = this.#found.get(endpointId) ?? this.#others.get(endpointId);
    if (kept !== undefined && monotonicMs() - kept.atMs < KEPT_MS) {
      return kept.found;
    }
    if (kept === undefined && this.#looks.take("") > 0) {
      return null;
    }
    const found = this.#find(endpointId);
    this.#keep(endpointId, found);
    return found;
  }

  async #find(endpointId: string): Promise<KeySet | null> {
    const { rows } = await this.#database.run(findPublicKeys, { endpointId });
    return rows.length === 0 ? null : keySetOf(rows.map(({ public_key }) => public_key));
  }

  #keep(endpointId: string, found: Promise<KeySet | null>): void {
    const kept = { atMs: monotonicMs(), found };
    keepNewest(this.#found.has(endpointId) ? this.#found : this.#others, endpointId, kept, KEPT_MAX);
    found.then(
      (keySet) => {
        if (keySet !== null && this.#others.get(endpointId) === kept) {
          this.#others.delete(endpointId);
          keepNewest(this.#found, endpointId, kept, KEPT_MAX);
        }
      },
      () => {
        for (const map of [this.#found, this.#others]) {
          if (map.get(endpointId) === kept) {
            map.delete(endpointId);
          }
        }
      },
    );
  }
}

function keySetOf(publicKeys: readonly string[]): KeySet {
  const body = JSON.stringify({ keys: publicKeys.map(publicJwk) });
  return { body, etag: `"${createHash("sha256").update(body).digest("base64url")}"` };
}

/** Whether the client has this one. `If-None-Match` compares weakly (RFC 9110 §13.1.2). */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
