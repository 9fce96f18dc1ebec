import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ReceivedEvent } from "../../src/receive/event.ts";
import { memoryInbox } from "../../src/receive/memoryInbox.ts";
import { isBefore, momentOf } from "../../src/receive/moment.ts";
import { postgresInbox } from "../../src/receive/postgresInbox.ts";
import type { Outcome, Store } from "../../src/receive/store.ts";
import { openPool } from "../support/database.ts";
import { askFor, rowsOf } from "../support/engine.ts";
import { useEffects, writing } from "./effects.ts";
import { receivedEvent } from "./receivedEvent.ts";

const effects = useEffects();
const nothing = async () => {};

const EARLY = "2026-11-24T09:00:00.000001Z";
const LATER = "2026-11-24T10:00:00.000002+01:00";
const LAST = "2026-11-24T09:00:01Z";

function about(orderingKey: string, timestamp: string): ReceivedEvent {
  return receivedEvent({ orderingKey, timestamp });
}

async function outcomesOf(store: Store<unknown>, events: readonly ReceivedEvent[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const event of events) outcomes.push(await store.once(event, nothing));
  return outcomes;
}

const STORES = {
  postgresInbox: (options: object) => postgresInbox(effects.pool, { lateEvents: "drop", ...options }),
  memoryInbox: (options: object) => memoryInbox({ lateEvents: "drop", warn: () => {}, ...options }),
};

for (const [name, open] of Object.entries(STORES)) {
  test(`${name}: an event that is earlier than one handled for its key is dropped, to the microsecond`, async () => {
    const [first, second, third] = [about("a", LATER), about("a", EARLY), about("a", LAST)];
    const events = [first, second, second, third, about("a", LATER), first];
    assert.deepEqual(await outcomesOf(open({}), events), [
      "handled",
      "dropped",
      "duplicate",
      "handled",
      "dropped",
      "duplicate",
    ]);
  });

  test(`${name}: other keys, no key, and the same time are not late`, async () => {
    const events = [about("a", LAST), about("b", EARLY), receivedEvent({ timestamp: EARLY }), about("a", LAST)];
    assert.deepEqual(await outcomesOf(open({}), events), Array(4).fill("handled"));
  });

  test(`${name}: the key may come from what the signature covers`, async () => {
    const keyOf = ({ data }: ReceivedEvent) => (data as { readonly id?: string }).id;
    const of = (id: string | undefined, timestamp: string) => receivedEvent({ data: { id }, timestamp });
    const events = [of("a", LAST), of("a", EARLY), of("b", EARLY), of(undefined, EARLY), of(undefined, EARLY)];
    assert.deepEqual(await outcomesOf(open({ keyOf }), events), [
      "handled",
      "dropped",
      "handled",
      "handled",
      "handled",
    ]);
  });

  test(`${name}: a key that is no text is refused, and the event may come again`, async () => {
    const event = about("a", EARLY);
    for (const key of [42, null]) {
      const inbox: Store<unknown> = open({ keyOf: () => key });
      await assert.rejects(inbox.once(event, nothing), {
        name: "ReceiveError",
        code: "bad_options",
        message: /keyOf returned/,
      });
    }
    assert.deepEqual(await outcomesOf(open({}), [event]), ["handled"]);
  });

  test(`${name}: an event whose handler failed does not make others late`, async () => {
    const inbox: Store<unknown> = open({});
    const failing = inbox.once(about("a", LAST), async () => {
      throw new Error("the handler has failed");
    });
    await assert.rejects(failing, /the handler has failed/);
    assert.equal(await inbox.once(about("a", EARLY), nothing), "handled");
  });

  test(`${name}: without the option, nothing is late`, async () => {
    const events = [about("a", LAST), about("a", EARLY)];
    assert.deepEqual(await outcomesOf(open({ lateEvents: "handle" }), events), ["handled", "handled"]);
  });
}

test("an event that comes while a later one of its key is being handled waits for it, in another process as well", async (t) => {
  const pool = openPool({ connectionString: effects.url, max: 2 });
  t.after(() => pool.end());
  const begun = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<void>();
  const later = postgresInbox(effects.pool, { lateEvents: "drop" }).once(about("a", LATER), async (client) => {
    await client.query(writing("later"));
    begun.resolve();
    await ending.promise;
  });
  await begun.promise;
  const early = postgresInbox(pool, { lateEvents: "drop" }).once(about("a", EARLY), async (client) => {
    await client.query(writing("early"));
  });
  ending.resolve();
  assert.deepEqual(await Promise.all([later, early]), ["handled", "dropped"]);
  assert.deepEqual(await effects.notes(), ["later"]);
});

test("whatever order the events of a key come in, and through however many processes, what was handled is in order", async (t) => {
  const pools = [1, 2].map(() => openPool({ connectionString: effects.url, max: 4 }));
  t.after(() => Promise.all(pools.map((pool) => pool.end())));
  const inboxes = pools.map((pool) => postgresInbox(pool, { lateEvents: "drop" }));
  const shuffled = fc.sample(fc.shuffledSubarray([...Array(20).keys()], { minLength: 20 }), { seed: 7, numRuns: 1 })[0];
  const calls = (shuffled ?? []).map((place, index) =>
    inboxes[index % 2]?.once(about("a", `2026-11-24T09:00:${String(place).padStart(2, "0")}Z`), async (client) => {
      await client.query(writing(String(place)));
    }),
  );
  const outcomes = await Promise.all(calls);
  const places = (await effects.notes()).map(Number);
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
  assert.equal(places.at(-1), 19);
  assert.equal(outcomes.filter((outcome) => outcome === "handled").length, places.length);
  assert.ok(places.length < 20, "none was late");
});

test("a parked event is kept whole until it is released, once", async () => {
  const inbox = postgresInbox(effects.pool, { lateEvents: "park" });
  const dataText = '{"n": 12345678901234567890.10, "a":"\\u0000 \\ud83d"}';
  const late = receivedEvent({ orderingKey: "a", timestamp: EARLY, dataText, data: JSON.parse(dataText) });
  const large = receivedEvent({
    ...{ orderingKey: "a", timestamp: EARLY, data: undefined, dataText: undefined },
    large: { url: "https://events.example.com/payloads/A", size: 1, expires: LAST },
  });
  assert.deepEqual(await outcomesOf(inbox, [about("a", LATER), late, late, large]), [
    "handled",
    "parked",
    "duplicate",
    "parked",
  ]);
  const parked = await inbox.parked();
  assert.deepEqual(
    parked.map(({ id }) => id),
    [late.id, large.id],
  );
  assert.deepEqual(JSON.parse(JSON.stringify(parked)), JSON.parse(JSON.stringify([late, large])));
  assert.equal((await inbox.parked(1)).length, 1);

  const failing = inbox.release(late.id, async (_, { transaction }) => {
    await transaction.query(writing("half"));
    throw new Error("the handler has failed");
  });
  await assert.rejects(failing, /the handler has failed/);
  const releases = await Promise.all(
    [1, 2].map(() =>
      inbox.release(late.id, async (event, { transaction }) => {
        await transaction.query(writing(event.dataText?.slice(0, 5) ?? ""));
      }),
    ),
  );
  assert.deepEqual(releases.toSorted(), [false, true]);
  assert.deepEqual(await effects.notes(), ['{"n":']);
  assert.equal(await inbox.release(late.id, nothing), false);
  assert.deepEqual(
    (await inbox.parked()).map(({ id }) => id),
    [large.id],
  );
});

test("parked events outlast the retention, and keys do not", async () => {
  const inbox = postgresInbox(effects.pool, { lateEvents: "park" });
  await outcomesOf(inbox, [about("a", LATER), about("a", EARLY)]);
  await effects.pool.query("update postrider_inbox set received_at = now() - interval '46 days'");
  await effects.pool.query("update postrider_inbox_key set handled_on = current_date - 46");
  assert.equal(await inbox.sweep(), 1);
  assert.deepEqual(
    (await effects.remembered()).map((line) => line.split(" ")[1]),
    ["parked"],
  );
  assert.deepEqual(await rowsOf(effects.pool, "select from postrider_inbox_key"), []);
});

test("moments are in the order that Postgres sees", async () => {
  const digits = fc.stringMatching(/^(\.\d{1,6})?$/);
  const second = fc.integer({ min: 0, max: 3 }).map((n) => `2026-11-24T09:00:0${n}`);
  const timestamp = fc
    .tuple(second, digits, fc.constantFrom("Z", "+00:00", "+00:01", "-00:01"))
    .map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(timestamp, timestamp, async (one, other) => {
      const [before, after] = [momentOf(one), momentOf(other)];
      assert.ok(before !== undefined && after !== undefined);
      const asked = await askFor(effects.pool, "select $1::timestamptz < $2::timestamptz", [one, other]);
      assert.equal(isBefore(before, after), asked);
    }),
    { numRuns: 200 },
  );
});
