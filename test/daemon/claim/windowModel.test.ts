/**
 * The arithmetic of the claim's window against a real Postgres: random programs of transactions that overlap, nest, are
 * prepared and undone, with claims of any page size in between. Transactions with more events than a page are put aside.
 * Whatever the order, at the end each committed event has been claimed once, and no other.
 *
 * The model also holds the rule by which an ordered endpoint will know that everything before an event is claimed.
 *
 * That the property can fail is shown with mutants: the same function with one line of the protocol broken. Some show
 * only if transactions have consecutive ids, so no other session of the server may take any.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { createDatabase, type TestDatabase } from "../../support/database.ts";
import { askFor, beat, claimEvents, createEndpoint, rowsOf, unguarded } from "../../support/engine.ts";

const WRITERS = 5;
const CLAIMERS = 2;
const STEPS_MAX = 60;
const RUNS = 60;
/** A rule that is too weak shows more rarely. */
const RULE_RUNS = 600;
/** More than a run's events can need. */
const CLAIMS_MAX = 200;
const SEED = 20_260_728;

type Step =
  | { readonly kind: "begin" | "savepoint" | "rollbackTo" | "release"; readonly session: number }
  | { readonly kind: "insert"; readonly session: number; readonly count: number }
  | { readonly kind: "end"; readonly session: number; readonly how: "commit" | "rollback" | "prepare" }
  | { readonly kind: "endPrepared"; readonly how: "commit" | "rollback" }
  /** In its own transaction, which ends at once. */
  | { readonly kind: "claim"; readonly session: number; readonly page: number }
  /** In the transaction that the session has open; a claimer's is begun for it and ended by a later `end`. */
  | { readonly kind: "claimInside"; readonly session: number; readonly page: number };

const writer = fc.nat(WRITERS - 1);
const claimer = fc.integer({ min: WRITERS, max: WRITERS + CLAIMERS - 1 });
const page = fc.integer({ min: 1, max: 5 });
const how = fc.oneof(
  { weight: 5, arbitrary: fc.constant("commit" as const) },
  { weight: 2, arbitrary: fc.constant("rollback" as const) },
  { weight: 2, arbitrary: fc.constant("prepare" as const) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("begin" as const), session: writer }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("insert" as const),
      session: writer,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("savepoint" as const, "rollbackTo" as const, "release" as const),
      session: writer,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("end" as const), session: writer, how }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("endPrepared" as const),
      how: fc.constantFrom("commit" as const, "rollback" as const),
    }),
  },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("claim" as const), session: claimer, page }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("claimInside" as const), session: fc.oneof(writer, claimer), page }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end" as const), session: claimer, how }) },
);
const program = fc.array(step, { minLength: 20, maxLength: STEPS_MAX, size: "max" });

interface Inserted {
  readonly id: string;
  /** So many events were committed before it was inserted. */
  readonly committedBefore: number;
}

/** What a transaction or subtransaction has done. It counts when the transaction is committed. */
interface Deeds {
  readonly inserted: Inserted[];
  readonly claimed: string[];
}

interface SessionState {
  readonly client: pg.Client;
  /** The open transaction and its savepoints; empty if none is open. */
  stack: Deeds[];
}

let database: TestDatabase;
const clients: pg.Client[] = [];

before(async () => {
  database = await createDatabase({ server: "alone" });
  await createEndpoint(database.pool);
  for (let count = 0; count < WRITERS + CLAIMERS; count++) {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    // A transaction that has notified cannot be prepared.
    await client.query("set postrider.wake = off");
    clients.push(client);
  }
  // Like a daemon, record where it works before anything is claimed.
  await beat(database.pool, randomUUID());
});

after(async () => {
  await Promise.all(clients.map((client) => client.end()));
  await database.drop();
});

/**
 * Which of the claimed events ($1) an ordered endpoint may send: those of a complete window that no transaction which is
 * aside has yet to reach.
 */
const IN_ORDER = `
  select o.id
  from postrider.outbox o
  cross join (select c.base, c.aside_seqs from postrider.claim c order by c.id desc limit 1) c
  where o.id = any ($1::uuid[]) and pg_visible_in_snapshot(o.xid, c.base) and o.seq <= all (coalesce(c.aside_seqs, '{}'))`;

/**
 * One run of a program; throws if an event was claimed twice, not at all, or without having been committed, and if the
 * rule lets an event go that an unclaimed one precedes.
 */
class Run {
  readonly #inOrder: string;
  readonly #sessions: readonly SessionState[];
  readonly #prepared: { readonly name: string; readonly deeds: Deeds }[] = [];
  readonly #total: Deeds = { inserted: [], claimed: [] };
  #names = 0;

  constructor(inOrder: string) {
    this.#inOrder = inOrder;
    this.#sessions = clients.map((client) => ({ client, stack: [] }));
  }

  async play(steps: readonly Step[]): Promise<void> {
    // Nothing is open here: the cursor begins at what is there.
    await unguarded(
      database.pool,
      "delete from postrider.claim; insert into postrider.claim (base) values (pg_current_snapshot())",
    );
    try {
      for (const step of steps) await this.#take(step);
    } finally {
      await this.#endAll();
    }
    for (let count = 0; ; count++) {
      const { outcome, pairs } = await claimEvents(database.pool, { events: 3 });
      if (outcome === "empty") break;
      this.#total.claimed.push(...pairs.map(({ event }) => event));
      assert.ok(count < CLAIMS_MAX, "the claims come to no end");
    }
    assert.deepEqual(this.#total.claimed.toSorted(), this.#total.inserted.map(({ id }) => id).toSorted());
    assert.equal(await this.#assertOrder(), this.#total.claimed.length, "the rule lets every event go in the end");
  }

  /** Everything that was committed before an event was inserted is claimed if the rule lets it go. */
  async #assertOrder(): Promise<number> {
    const { inserted, claimed } = this.#total;
    const rows = await rowsOf<{ id: string }>(database.pool, this.#inOrder, [claimed]);
    const free = new Set(rows.map(({ id }) => id));
    const before = Math.max(0, ...inserted.map(({ id, committedBefore }) => (free.has(id) ? committedBefore : 0)));
    const missing = inserted.slice(0, before).filter(({ id }) => !claimed.includes(id));
    assert.deepEqual(missing, [], "an event is let go before one that precedes it is claimed");
    return free.size;
  }

  async #take(step: Step): Promise<void> {
    if (step.kind === "endPrepared") {
      const oldest = this.#prepared.shift();
      if (oldest !== undefined) await this.#endPrepared(oldest, step.how);
      return;
    }
    const session = this.#sessions[step.session];
    assert.ok(session !== undefined);
    const { client, stack } = session;
    const top = stack.at(-1);
    switch (step.kind) {
      case "begin":
        if (top === undefined) await this.#begin(session);
        return;
      case "insert": {
        const rows = await rowsOf<{ id: string }>(
          client,
          "insert into postrider.outbox (event_type, payload) select 'model.step', '1' from generate_series(1, $1) returning id",
          [step.count],
        );
        const committedBefore = this.#total.inserted.length;
        (top ?? this.#total).inserted.push(...rows.map(({ id }) => ({ id, committedBefore })));
        return;
      }
      case "savepoint":
        if (top === undefined) return;
        await client.query(`savepoint s${stack.length}`);
        stack.push({ inserted: [], claimed: [] });
        return;
      case "rollbackTo":
        if (stack.length < 2) return;
        await client.query(`rollback to s${stack.length - 1}`);
        stack[stack.length - 1] = { inserted: [], claimed: [] };
        return;
      case "release": {
        const below = stack.at(-2);
        if (top === undefined || below === undefined) return;
        await client.query(`release s${stack.length - 1}`);
        stack.pop();
        merge(below, [top]);
        return;
      }
      case "end":
        if (top !== undefined) await this.#end(session, step.how);
        return;
      case "claim":
        if (top !== undefined) return;
        // While another session is claiming, what it has claimed may be in a transaction that is still open.
        if ((await this.#claim(client, step.page, this.#total)) !== "busy") await this.#assertOrder();
        return;
      case "claimInside": {
        if (top === undefined) await this.#begin(session);
        const deeds = session.stack.at(-1);
        assert.ok(deeds !== undefined);
        await this.#claimInside(client, step.page, deeds);
      }
    }
  }

  async #begin(session: SessionState): Promise<void> {
    await session.client.query("begin");
    session.stack = [{ inserted: [], claimed: [] }];
  }

  async #claim(client: pg.Client, events: number, deeds: Deeds): Promise<string> {
    const { outcome, pairs } = await claimEvents(client, { events });
    deeds.claimed.push(...pairs.map(({ event }) => event));
    return outcome;
  }

  /** A transaction that has written is refused; nothing of it is lost by that. */
  async #claimInside(client: pg.Client, events: number, deeds: Deeds): Promise<void> {
    await client.query("savepoint inside");
    try {
      await this.#claim(client, events, deeds);
    } catch (thrown) {
      if (!(thrown instanceof pg.DatabaseError && thrown.code === "25000")) throw thrown;
      await client.query("rollback to inside");
    }
    await client.query("release inside");
  }

  async #end(session: SessionState, how: "commit" | "rollback" | "prepare"): Promise<void> {
    const deeds = merge({ inserted: [], claimed: [] }, session.stack);
    session.stack = [];
    if (how === "prepare") {
      this.#names += 1;
      const name = `${database.name} ${this.#names}`;
      await session.client.query(`prepare transaction '${name}'`);
      this.#prepared.push({ name, deeds });
      return;
    }
    await session.client.query(how);
    if (how === "commit") merge(this.#total, [deeds]);
  }

  async #endPrepared(
    { name, deeds }: { readonly name: string; readonly deeds: Deeds },
    how: "commit" | "rollback",
  ): Promise<void> {
    await database.pool.query(`${how} prepared '${name}'`);
    if (how === "commit") merge(this.#total, [deeds]);
  }

  async #endAll(): Promise<void> {
    for (const session of this.#sessions) {
      if (session.stack.length > 0) await this.#end(session, "commit");
    }
    for (const prepared of this.#prepared.splice(0)) await this.#endPrepared(prepared, "commit");
  }
}

function merge(into: Deeds, parts: readonly Deeds[]): Deeds {
  for (const { inserted, claimed } of parts) {
    into.inserted.push(...inserted);
    into.claimed.push(...claimed);
  }
  return into;
}

const everyEventOnce = fc.asyncProperty(program, (steps) => new Run(IN_ORDER).play(steps));
/** Rare: a page is full with the last event of a transaction that was open before the window, and nothing is left. */
const fullOfStraggler: Step[] = [
  { kind: "begin", session: 0 },
  { kind: "insert", session: 0, count: 2 },
  { kind: "insert", session: 1, count: 1 },
  { kind: "claim", session: WRITERS, page: 5 },
  { kind: "end", session: 0, how: "commit" },
  { kind: "claim", session: WRITERS, page: 2 },
  { kind: "claim", session: WRITERS, page: 2 },
];
const settings = {
  numRuns: RUNS,
  seed: SEED,
  endOnFailure: true,
  examples: [[fullOfStraggler]],
} satisfies fc.Parameters<[Step[]]>;

test("whatever transactions and claims do, each committed event is claimed once and no other", async () => {
  await fc.assert(everyEventOnce, settings);
});

const CLAIM_LOCK = "lock table only postrider.claim_lock in share update exclusive mode nowait;";

interface Mutant {
  readonly name: string;
  readonly replace: readonly (readonly [text: string, by: string])[];
}

const mutants: readonly Mutant[] = [
  {
    name: "transactions that were open in base are forgotten",
    replace: [["where x >= after_xid and pg_visible_in_snapshot(x, target)", "where false"]],
  },
  {
    name: "the position inside a transaction where a page stopped is ignored",
    replace: [["case when after_xid = window_xid then after_seq else 0 end;", "0;"]],
  },
  {
    name: "the position inside a straggler where a page stopped is ignored",
    replace: [["i.seq > case when straggler.xid = after_xid then after_seq else 0 end", "i.seq > 0"]],
  },
  {
    name: "the rest of the transaction at which a page stopped is left out",
    replace: [["= window_xid then after_seq else", "= window_xid then 9223372036854775807 else"]],
  },
  {
    name: "the first transaction that base did not see is taken for one that it saw",
    replace: [["= window_xid then after_seq else 0", "= window_xid then after_seq else 9223372036854775807"]],
  },
  {
    name: "each page of a window looks at what is committed by then",
    replace: [["pg_visible_in_snapshot(i.xid, window_events.target)", "true"]],
  },
  {
    name: "the transactions that were open before the last window are read again",
    replace: [["stragglers := null;", "null;"]],
  },
  {
    name: "a complete window keeps its base",
    replace: [["base := page_target;", "null;"]],
  },
  {
    name: "a page inside a window moves the base already",
    replace: [["base := page_base;\n  if", "base := page_target;\n  if"]],
  },
  {
    name: "claims do not exclude each other",
    replace: [[CLAIM_LOCK, "null;"]],
  },
  {
    name: "a transaction that has written may claim",
    replace: [["if pg_current_xact_id_if_assigned() is not null then", "if false then"]],
  },
  {
    name: "a row lock takes the place of the claim lock, and gives the claim an id before its snapshot",
    replace: [
      [
        CLAIM_LOCK,
        "perform from postrider.claim c where c.id = (select max(n.id) from postrider.claim n) for update nowait;",
      ],
      ["if pg_current_xact_id_if_assigned() is not null then", "if false then"],
    ],
  },
  {
    name: "a window that ends with a full page is not left behind",
    replace: [["for round in 1 .. 2 loop", "for round in 1 .. 1 loop"]],
  },
  {
    name: "the window does not pass a transaction that is put aside",
    replace: [["after_seq := end_of_transaction;", "after_seq := page.seqs[window_max];"]],
  },
  {
    name: "a transaction that is put aside begins behind its first event",
    replace: [["page.seqs[1] - 1;", "page.seqs[1];"]],
  },
  {
    name: "a transaction that is aside stands still",
    replace: [["array_agg(greatest(a.seq, r.seq)", "array_agg(a.seq"]],
  },
  {
    name: "a transaction that is aside is dropped after one page",
    replace: [["where ended_xids is null or a.xid <> all (ended_xids);", "where false;"]],
  },
  {
    name: "an event of a transaction that is aside moves the window",
    replace: [
      [
        "while xids[last] = any (page_asides) loop",
        "while page_target is null and xids[last] = any (page_asides) loop",
      ],
    ],
  },
  {
    name: "the place of a transaction that is aside is mistaken for that of another",
    replace: [["|| read_xids;", "|| read_xids[read_count:] || read_xids[:read_count - 1];"]],
  },
];

describe("the property fails where", () => {
  /** The steps of a claim that hold the protocol, as they are installed. */
  const steps = ["begin_claim", "take_window", "window_events", "take_mixed", "take_asides", "cursor_behind"];
  const originals: string[] = [];

  before(async () => {
    for (const step of steps) {
      const definition = "select pg_get_functiondef(('postrider_internal.' || $1::text)::regproc)";
      originals.push(String(await askFor(database.pool, definition, [step])));
    }
  });

  for (const { name, replace } of mutants) {
    test(name, async () => {
      const mutants = [...originals];
      for (const [text, by] of replace) {
        const places = mutants.flatMap((mutant, index) => Array(mutant.split(text).length - 1).fill(index));
        assert.equal(places.length, 1, `"${text}" stands once in the steps`);
        mutants[places[0]] = mutants[places[0]]?.replace(text, () => by) ?? "";
      }
      for (const mutant of mutants) await database.pool.query(mutant);
      try {
        const { failed, numRuns, errorInstance } = await fc.check(everyEventOnce, settings);
        assert.ok(failed, `${numRuns} programs found nothing wrong`);
        // Not a mutant that Postgres refuses.
        assert.ok(errorInstance instanceof assert.AssertionError, String(errorInstance));
      } finally {
        for (const original of originals) await database.pool.query(original);
      }
    });
  }
});

describe("an event is let go too early if an ordered endpoint", () => {
  for (const [name, condition] of [
    ["does not wait for the end of the window", "pg_visible_in_snapshot(o.xid, c.base)"],
    ["does not wait for what is aside", "o.seq <= all (coalesce(c.aside_seqs, '{}'))"],
  ] as const) {
    test(name, async () => {
      const weaker = IN_ORDER.replace(condition, "true");
      assert.notEqual(weaker, IN_ORDER);
      const property = fc.asyncProperty(program, (steps) => new Run(weaker).play(steps));
      const { failed, errorInstance } = await fc.check(property, { ...settings, numRuns: RULE_RUNS });
      assert.ok(failed, "no program found anything wrong");
      assert.match(String(errorInstance), /let go before/);
    });
  }
});
