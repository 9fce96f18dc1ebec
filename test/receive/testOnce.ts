/** What must hold of an inbox in Postgres whatever library it works through; test/libraries adds the libraries. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Store } from "../../src/receive/store.ts";
import { type Effects, writing } from "./effects.ts";
import { receivedEvent } from "./receivedEvent.ts";

export interface OpenInbox {
  readonly inbox: Store<unknown>;
  /** As a handler sends a statement through the transaction that it is given. */
  execute(transaction: never, text: string): PromiseLike<unknown>;
  end(): Promise<void>;
}

const refuse = () => {
  throw new Error("the handler has failed");
};

export function testOnce(effects: Effects, open: (url: string) => OpenInbox | Promise<OpenInbox>): void {
  let one: OpenInbox;
  let other: OpenInbox;

  before(async () => {
    [one, other] = await Promise.all([open(effects.url), open(effects.url)]);
  });

  after(async () => {
    await Promise.all([one?.end(), other?.end()]);
  });

  /** A handler through that inbox. */
  const write = (through: OpenInbox, note: string) => async (transaction: unknown) => {
    await through.execute(transaction as never, writing(note));
  };

  test("what a handler wrote is committed with the event's id, and a duplicate runs no handler", async () => {
    const event = receivedEvent();
    assert.equal(await one.inbox.once(event, write(one, "paid")), "handled");
    assert.equal(await one.inbox.once(event, refuse), "duplicate");
    assert.equal(await other.inbox.once(event, refuse), "duplicate");
    assert.deepEqual(await effects.notes(), ["paid"]);
    assert.deepEqual(await effects.remembered(), [`${event.id} handled`]);
  });

  test("a handler that fails leaves nothing behind, and the event may come again", async () => {
    const event = receivedEvent();
    const failing = async (transaction: unknown) => {
      await one.execute(transaction as never, writing("half"));
      refuse();
    };
    await assert.rejects(one.inbox.once(event, failing), /the handler has failed/);
    assert.deepEqual([await effects.notes(), await effects.remembered()], [[], []]);
    assert.equal(await other.inbox.once(event, write(other, "paid")), "handled");
    assert.deepEqual(await effects.notes(), ["paid"]);
  });

  test("of duplicates that come at the same time, in one process and in two, one runs its handler", async () => {
    const events = Array.from({ length: 8 }, () => receivedEvent());
    const calls = events.flatMap((event) =>
      [one, other, one, other].map((through) => through.inbox.once(event, write(through, event.id))),
    );
    const outcomes = await Promise.all(calls);
    assert.equal(outcomes.filter((outcome) => outcome === "handled").length, events.length);
    assert.equal(outcomes.filter((outcome) => outcome === "duplicate").length, 3 * events.length);
    assert.deepEqual([...(await effects.notes())].sort(), events.map(({ id }) => id).sort());
  });

  test("where the first of two fails, the second that waited for it runs its handler", async () => {
    const event = receivedEvent();
    const begun = Promise.withResolvers<void>();
    const failing = Promise.withResolvers<void>();
    const first = one.inbox.once(event, async (transaction) => {
      await one.execute(transaction as never, writing("first"));
      begun.resolve();
      await failing.promise;
      refuse();
    });
    await begun.promise;
    const second = other.inbox.once(event, write(other, "second"));
    const third = one.inbox.once(event, write(one, "third"));
    failing.resolve();
    await assert.rejects(first, /the handler has failed/);
    assert.deepEqual((await Promise.all([second, third])).toSorted(), ["duplicate", "handled"]);
    assert.equal((await effects.notes()).length, 1);
  });

  test("a handler that hides the error of a statement has not handled the event", async () => {
    const event = receivedEvent();
    const hiding = async (transaction: unknown) => {
      await one.execute(transaction as never, writing("lost"));
      await Promise.resolve(one.execute(transaction as never, "select 1 / 0")).catch(() => {});
    };
    await assert.rejects(
      one.inbox.once(event, hiding),
      /cannot commit what the handler of event .* did: a statement in its transaction had failed, and it went on/,
    );
    assert.deepEqual([await effects.notes(), await effects.remembered()], [[], []]);
  });
}
