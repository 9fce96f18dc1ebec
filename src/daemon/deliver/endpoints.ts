import type { Database } from "../../db/database.ts";
import { isRefusal, isUnreadable, reasonOf, unreadableReason } from "../../db/pgErrors.ts";
import { decodeSigning } from "../../db/signing.ts";
import { defineStatement, type RowOf } from "../../db/statements.ts";
import type { Formats } from "../../format/body.ts";
import { loadEncryptionKey } from "../../format/encrypt.ts";
import { monotonicMs } from "../../ground/clock.ts";
import { originLine, sendingHost } from "../../http/handshake.ts";
import type { SealingKey } from "../../secrets/sealing.ts";
import { decodeCredentials } from "./credentials.ts";
import { decodeEndpoint, type Endpoint, type EndpointRow, loadEndpoints, unreadableOf } from "./endpoint.ts";

type LoadedRow = EndpointRow & { readonly problem: string | null };

/** An endpoint with a secret that no key of this daemon opens. */
interface Unreadable {
  readonly row: EndpointRow;
  readonly problem: string;
}

const checkEndpoints = defineStatement("check_endpoints", {
  params: { ids: "uuid[]" },
  columns: { id: "uuid", revision: "bigint" },
});

const pauseUnreadable = defineStatement("pause_unreadable", {
  params: { endpointIds: "uuid[]", revisions: "bigint[]", reasons: "text[]" },
  columns: { pause_unreadable: "void" },
});

const selectCancelled = defineStatement("find_cancelled", {
  params: { endpointIds: "uuid[]" },
  columns: { event_id: "uuid", endpoint_id: "uuid", reason: "text" },
});

/** A delivery that was cancelled while a daemon had it in hand, with the reason that the delivery gets. */
export type Cancelled = RowOf<typeof selectCancelled.shape>;

/** The most endpoints kept; the least recently loaded go first. A hundred thousand of them take some 100 MB. */
export const ENDPOINTS_MAX = 20_000;
/** Endpoints that are paused by one statement, which takes 0.1 s. */
const PAUSES_MAX = 200;
/** Of an endpoint that was paused because a secret cannot be read. */
const REMEDY =
  "give every daemon the key, or replace the secret (postrider.rotate_secret(id, '0'), or write auth or client_certificate " +
  "anew), and then call postrider.resume_endpoint(id)";

interface Known {
  readonly endpoint: Endpoint;
  /** When it was asked for. */
  readonly askedMs: number;
}

/**
 * The endpoints that this daemon has delivered to. Every claim says which revision each of its endpoints has, so an edit
 * is seen with the next claim, and an endpoint that has not changed is not loaded again.
 */
export class EndpointDirectory {
  readonly #database: Database;
  readonly #formats: Formats;
  readonly #sealingKeys: readonly SealingKey[];
  readonly #endpointsMax: number;
  readonly #originLine: string;
  readonly #publicUrl: string | null;
  readonly #known = new Map<string, Known>();

  constructor(
    database: Database,
    formats: Formats,
    sealingKeys: readonly SealingKey[] = [],
    endpointsMax = ENDPOINTS_MAX,
    host = sendingHost(""),
    publicUrl: string | null = null,
  ) {
    this.#database = database;
    this.#formats = formats;
    this.#sealingKeys = sealingKeys;
    this.#endpointsMax = endpointsMax;
    this.#originLine = originLine(host);
    this.#publicUrl = publicUrl;
  }

  /**
   * Loads those of `wanted` (ids and revisions) that are not known at that revision. Returns those that did not answer when
   * they were last sent something, by whichever daemon.
   */
  async ensure(wanted: Iterable<readonly [id: string, revision: string]>): Promise<readonly string[]> {
    const askedMs = monotonicMs();
    const missing = new Set<string>();
    for (const [id, revision] of wanted) {
      const known = this.#known.get(id);
      if (known === undefined || known.endpoint.revision !== revision || known.endpoint.validUntilMs <= askedMs) {
        missing.add(id);
      }
    }
    if (missing.size === 0) {
      return [];
    }
    const loaded = (await this.#load([...missing])).map((row) => {
      const signing = decodeSigning(row, this.#sealingKeys);
      const credentials = decodeCredentials(row, this.#sealingKeys);
      return { row, signing, credentials, sealed: unreadableOf(signing, credentials) };
    });
    const unpaused = await this.#pauseAll(
      loaded.flatMap(({ row, sealed }) => (sealed === null ? [] : [{ row, problem: sealed }])),
    );
    for (const { row, signing, credentials, sealed } of loaded) {
      // Only these endpoints wait for something.
      const parsedKey = row.encryption_key === null ? null : await loadEncryptionKey(row.encryption_key);
      const unreadable = row.problem ?? unpaused.get(row.id) ?? null;
      const loading = {
        ...{ signing, credentials, parsedKey, formats: this.#formats, originLine: this.#originLine },
        ...{ publicUrl: this.#publicUrl, askedMs, unreadable, isSealed: sealed !== null },
      };
      this.#keep({ endpoint: decodeEndpoint(row, loading), askedMs });
    }
    this.#evict(wanted);
    return loaded.filter(({ row }) => row.is_silent).map(({ row }) => row.id);
  }

  /** Not in the place of what a later call has loaded while this one waited. */
  #keep(loaded: Known): void {
    const { id } = loaded.endpoint;
    const known = this.#known.get(id);
    if (known === undefined || known.askedMs <= loaded.askedMs) {
      this.#known.delete(id);
      this.#known.set(id, loaded);
    }
  }

  /** Returns why attempts at some of them fail. */
  async #pauseAll(unreadable: readonly Unreadable[]): Promise<ReadonlyMap<string, string>> {
    const problems = new Map<string, string>();
    for (let at = 0; at < unreadable.length; at += PAUSES_MAX) {
      await this.#pause(unreadable.slice(at, at + PAUSES_MAX), problems);
    }
    return problems;
  }

  /**
   * An endpoint that an operator is changing at this moment is paused when it is loaded again. If Postgres refuses one,
   * because of a foreign trigger for example, that must not keep the others: its attempts fail.
   */
  async #pause(unreadable: readonly Unreadable[], problems: Map<string, string>): Promise<void> {
    try {
      await this.#database.run(pauseUnreadable, {
        endpointIds: unreadable.map(({ row }) => row.id),
        revisions: unreadable.map(({ row }) => row.revision),
        reasons: unreadable.map(({ problem }) => `${problem}; ${REMEDY}`),
      });
    } catch (thrown) {
      if (!isRefusal(thrown)) {
        throw thrown;
      }
      const [first, ...others] = unreadable;
      if (first !== undefined && others.length === 0) {
        const reason = reasonOf(thrown);
        problems.set(first.row.id, `${first.problem}, and Postgres refuses to pause the endpoint: ${reason}`);
        return;
      }
      const middle = Math.ceil(unreadable.length / 2);
      await this.#pause(unreadable.slice(0, middle), problems);
      await this.#pause(unreadable.slice(middle), problems);
    }
  }

  /** An endpoint that Postgres cannot give, for a character that has no form in UTF-8, must not keep the others. */
  async #load(ids: readonly string[]): Promise<readonly LoadedRow[]> {
    try {
      const { rows } = await this.#database.run(loadEndpoints, { ids, omitsTexts: false });
      return rows.map((row) => ({ ...row, problem: null }));
    } catch (thrown) {
      if (!isUnreadable(thrown)) {
        throw thrown;
      }
      if (ids.length > 1) {
        const middle = Math.ceil(ids.length / 2);
        return [...(await this.#load(ids.slice(0, middle))), ...(await this.#load(ids.slice(middle)))];
      }
      const reason = unreadableReason(thrown);
      if (reason === null) {
        throw thrown;
      }
      const { rows } = await this.#database.run(loadEndpoints, { ids, omitsTexts: true });
      return rows.map((row) => ({ ...row, problem: `the endpoint's URL cannot reach a daemon: ${reason}` }));
    }
  }

  /** Those of `ids` that were paused, disabled or deleted. Edits of the others are known from now on. */
  async findInactive(ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.#database.run(checkEndpoints, { ids });
    const active = new Map(rows.map(({ id, revision }) => [id, revision]));
    await this.ensure(active);
    return ids.filter((id) => !active.has(id));
  }

  /** The deliveries of these endpoints that were cancelled while a daemon, this one or another, has them in hand. */
  async findCancelled(ids: readonly string[]): Promise<readonly Cancelled[]> {
    return (await this.#database.run(selectCancelled, { endpointIds: ids })).rows;
  }

  /** Those of `wanted` stay, however many they are. */
  #evict(wanted: Iterable<readonly [id: string, revision: string]>): void {
    if (this.#known.size <= this.#endpointsMax) {
      return;
    }
    const kept = new Set(Array.from(wanted, ([id]) => id));
    for (const id of this.#known.keys()) {
      if (this.#known.size <= this.#endpointsMax) {
        return;
      }
      if (!kept.has(id)) {
        this.#known.delete(id);
      }
    }
  }

  /** Undefined if the endpoint was deleted after the claim. */
  get(id: string): Endpoint | undefined {
    return this.#known.get(id)?.endpoint;
  }
}
