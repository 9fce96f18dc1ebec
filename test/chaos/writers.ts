import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { EVENT_TYPES, type EventFacts, KEYED_TYPE, KEYS, TENANT } from "./endpoints.ts";
import type { Random } from "./random.ts";

/**
 * Applications: they write transactions of all sorts, straight into Postgres, and note the outcome of each.
 *
 *   committed    the server has said so: its events are there, whatever happens afterwards
 *   volatile     committed with synchronous_commit off: a crash of the server may undo it
 *   unknown      the answer to the commit was lost
 *   rolled_back  never committed
 *
 * What became of the volatile and the unknown ones is read from the outbox at the end. Events are known by a number in
 * their payload, since an id is not known where the answer to the insert was lost.
 *
 * Keyed transactions lock the row of an account before they insert its events, and hold the lock to their commit. The row
 * counts the events, so the count in an event is its place among the commits of the key. It is right whatever the outcome.
 */
export type Outcome = "committed" | "volatile" | "unknown" | "rolled_back";

export interface WrittenEvent extends EventFacts {
  readonly number: number;
  outcome: Outcome;
  /** When the commit was answered, or failed. Unix time. */
  endedAtMs: number;
}

export interface WriterOptions {
  readonly url: string;
  readonly random: Random;
  readonly index: number;
  /** Events a second of this writer, about. */
  readonly rate: number;
  /** Events that it writes at most. */
  readonly eventsMax: number;
  /** Writes keyed transactions alone. */
  readonly isKeyed: boolean;
}

const TRANSACTION_EVENTS_MAX = 200;
const QUERY_TIMEOUT_MS = 20_000;
const RECONNECT_MS = 100;
/** Writers count from here, so that no two give the same number. */
const NUMBERS_PER_WRITER = 10_000_000;

/** A transaction left prepared keeps the lock of its key to the end of the run. */
const KEY_LOCK_TIMEOUT = "1s";
const KEYED_EVENTS_MAX = 4;
/** This share of the keyed transactions is for one key, so that they wait for each other. */
const SAME_KEY = 0.5;

type Style = "single" | "plain" | "savepoint" | "long" | "prepared" | "volatile" | "keyed";

const STYLES: readonly (readonly [Style, number])[] = [
  ["single", 0.2],
  ["plain", 0.4],
  ["savepoint", 0.15],
  ["long", 0.05],
  ["prepared", 0.08],
  ["volatile", 0.12],
];
const ROLLED_BACK = 0.1;
const KEYED_AND_PREPARED = 0.03;

export class Writer {
  readonly #options: WriterOptions;
  readonly #stopping = new AbortController();
  readonly events: WrittenEvent[] = [];
  transactions = 0;
  readonly #numberFirst: number;
  #client: pg.Client | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#numberFirst = (options.index + 1) * NUMBERS_PER_WRITER;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends the transaction that is open, and resolves when nothing is. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#disconnect();
  }

  async #run(): Promise<void> {
    const { random, rate, eventsMax } = this.#options;
    while (!this.#stopping.signal.aborted && this.events.length < eventsMax) {
      const style = this.#drawStyle();
      const events = this.#draw(style);
      await this.#write(style, events);
      this.transactions += 1;
      await this.#rest((events.length / rate) * 1_000 * random.between(0.5, 1.5));
    }
  }

  #draw(style: Style): WrittenEvent[] {
    const { random } = this.#options;
    const isKeyed = style === "keyed";
    // Mostly small ones, as applications have them, and a large one now and then.
    const count = isKeyed
      ? random.integer(1, KEYED_EVENTS_MAX)
      : 1 + Math.floor(TRANSACTION_EVENTS_MAX * random.next() ** 5);
    return Array.from({ length: count }, (): WrittenEvent => {
      const event: WrittenEvent = {
        number: this.#numberFirst + this.events.length,
        eventType: isKeyed ? KEYED_TYPE : random.pick(EVENT_TYPES),
        tenant: !isKeyed && random.chance(0.2) ? TENANT : "",
        amount: random.integer(0, 999),
        outcome: "rolled_back",
        endedAtMs: 0,
      };
      this.events.push(event);
      return event;
    });
  }

  /** Never rejects: whatever goes wrong is an outcome. */
  async #write(style: Style, events: readonly WrittenEvent[]): Promise<void> {
    const isRolledBack = this.#options.random.chance(ROLLED_BACK) && style !== "single";
    let isCommitting = false;
    try {
      const client = await this.#connected();
      if (client === null) {
        return;
      }
      if (style === "single") {
        isCommitting = true;
        await insert(client, events);
      } else if (style === "prepared" || (style === "keyed" && this.#options.random.chance(KEYED_AND_PREPARED))) {
        await this.#writeInTwoPhases(client, style, events, isRolledBack, () => {
          isCommitting = true;
        });
      } else {
        await client.query("begin");
        await this.#insertIn(client, style, events);
        isCommitting = !isRolledBack;
        await client.query(isRolledBack ? "rollback" : "commit");
      }
      settle(events, isRolledBack ? "rolled_back" : style === "volatile" ? "volatile" : "committed");
    } catch {
      // An error that the server answered in time is final too, but for one case that is not worth telling apart: the
      // server ends a session after the commit and before its answer.
      settle(events, isCommitting ? "unknown" : "rolled_back");
      await this.#disconnect();
      await this.#rest(RECONNECT_MS);
    }
  }

  async #insertIn(client: pg.Client, style: Style, events: readonly WrittenEvent[]): Promise<void> {
    const { random } = this.#options;
    if (style === "keyed") {
      await this.#insertForKey(client, events);
      return;
    }
    if (style === "volatile") {
      await client.query("set local synchronous_commit = off");
    }
    const middle = Math.ceil(events.length / 2);
    await insert(client, events.slice(0, middle));
    if (style === "long") {
      await this.#rest(random.between(1_000, 9_000));
    }
    const rest = events.slice(middle);
    if (style === "savepoint") {
      await client.query("savepoint half");
      if (random.chance(0.5)) {
        await insert(client, rest);
        await client.query("rollback to half");
      }
    }
    await insert(client, rest);
  }

  /** It has its id before it waits for the lock, so that the order of ids is often not that of the commits. */
  async #insertForKey(client: pg.Client, events: readonly WrittenEvent[]): Promise<void> {
    const { random } = this.#options;
    const key = random.chance(SAME_KEY) ? KEYS[0] : random.pick(KEYS);
    await client.query(`set local lock_timeout = '${KEY_LOCK_TIMEOUT}'`);
    await client.query("select pg_current_xact_id()");
    await this.#rest(random.between(0, 300));
    const { rows } = await client.query<{ place: number }>(
      "update public.account set place = place + $2 where key = $1 returning place - $2::integer as place",
      [key, events.length],
    );
    await insert(client, events, { key: key ?? null, place: rows[0]?.place ?? 0 });
    await this.#rest(random.between(0, 100));
  }

  /** A transaction that has notified cannot be prepared, so it goes without. */
  async #writeInTwoPhases(
    client: pg.Client,
    style: Style,
    events: readonly WrittenEvent[],
    isRolledBack: boolean,
    onCommitting: () => void,
  ): Promise<void> {
    const name = `chaos_${this.#numberFirst}_${this.transactions}`;
    await client.query("begin");
    await client.query("set local postrider.wake = off");
    await this.#insertIn(client, style, events);
    // If the answer is lost it may stand prepared, and is committed at the end of the run.
    onCommitting();
    await client.query(`prepare transaction '${name}'`);
    await this.#rest(this.#options.random.between(0, 1_500));
    await client.query(`${isRolledBack ? "rollback" : "commit"} prepared '${name}'`);
  }

  #drawStyle(): Style {
    if (this.#options.isKeyed) {
      return "keyed";
    }
    let left = this.#options.random.next();
    for (const [style, share] of STYLES) {
      left -= share;
      if (left < 0) {
        return style;
      }
    }
    return "plain";
  }

  /** Null if the writer is stopped before it has a connection. */
  async #connected(): Promise<pg.Client | null> {
    while (this.#client === null && !this.#stopping.signal.aborted) {
      const client = new pg.Client({
        connectionString: this.#options.url,
        application_name: "chaos/writer",
        query_timeout: QUERY_TIMEOUT_MS,
        connectionTimeoutMillis: QUERY_TIMEOUT_MS,
      });
      client.on("error", () => {});
      try {
        await client.connect();
        this.#client = client;
      } catch {
        await this.#rest(RECONNECT_MS);
      }
    }
    return this.#client;
  }

  async #disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #rest(restMs: number): Promise<void> {
    await pause(restMs, undefined, { signal: this.#stopping.signal }).catch(() => {
      // Stopped: what is open is ended at once.
    });
  }
}

function settle(events: readonly WrittenEvent[], outcome: Outcome): void {
  for (const event of events) {
    event.outcome = outcome;
    event.endedAtMs = Date.now();
  }
}

/** `place`: how many events of the key were committed before. */
async function insert(
  client: pg.Client,
  events: readonly WrittenEvent[],
  { key, place }: { readonly key: string | null; readonly place: number } = { key: null, place: 0 },
): Promise<void> {
  await client.query(
    `insert into postrider.outbox (event_type, tenant, ordering_key, payload)
     select d.event_type, d.tenant, $5,
            json_build_object('number', d.number, 'amount', d.amount, 'place', $6::integer + d.n)
     from unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) with ordinality
       d (event_type, tenant, number, amount, n)
     order by d.n`,
    [
      events.map(({ eventType }) => eventType),
      events.map(({ tenant }) => tenant),
      events.map(({ number }) => number),
      events.map(({ amount }) => amount),
      key,
      place,
    ],
  );
}
