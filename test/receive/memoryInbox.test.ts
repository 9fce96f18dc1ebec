import assert from "node:assert/strict";
import { test } from "node:test";
import { MEMORY_INBOX_WARNING, memoryInbox } from "../../src/receive/memoryInbox.ts";
import type { Store } from "../../src/receive/store.ts";
import { receivedEvent } from "./receivedEvent.ts";

const nothing = async () => {};

function open(idsMax?: number): Store<undefined> {
  return memoryInbox({ warn: () => {}, ...(idsMax === undefined ? {} : { idsMax }) });
}

test("it says at once what it cannot promise", () => {
  const said: string[] = [];
  memoryInbox({ warn: (sentence) => said.push(sentence) });
  assert.deepEqual(said, [MEMORY_INBOX_WARNING]);
});

test("an event is handled once, also if it comes several times at once", async () => {
  const inbox = open();
  const event = receivedEvent();
  let runs = 0;
  const handle = async () => {
    runs += 1;
    await new Promise(setImmediate);
  };
  const outcomes = await Promise.all([1, 2, 3].map(() => inbox.once(event, handle)));
  assert.deepEqual([outcomes.toSorted(), runs], [["duplicate", "duplicate", "handled"], 1]);
});

test("an event whose handler failed may come again, and one that waited for it runs its own", async () => {
  const inbox = open();
  const event = receivedEvent();
  const failing = inbox.once(event, async () => {
    throw new Error("the handler has failed");
  });
  const second = inbox.once(event, nothing);
  await assert.rejects(failing, /the handler has failed/);
  assert.equal(await second, "handled");
});

test("what it cannot do is refused at once, and nothing is promised", () => {
  const said: string[] = [];
  const warn = (sentence: string) => said.push(sentence);
  for (const options of [{ lateEvents: "park" }, { lateEvents: "drop", keyOf: "id" }, { idsMax: 0 }, { ids: 1 }]) {
    assert.throws(() => memoryInbox({ ...options, warn } as never), { name: "ReceiveError", code: "bad_options" });
  }
  assert.throws(() => memoryInbox({ warn: true } as never), { name: "ReceiveError", code: "bad_options" });
  assert.deepEqual(said, []);
});

test("it forgets what came first once there are too many", async () => {
  const inbox = open(2);
  const [first, second, third] = [receivedEvent(), receivedEvent(), receivedEvent()];
  for (const event of [first, second, third]) assert.equal(await inbox.once(event, nothing), "handled");
  assert.equal(await inbox.once(third, nothing), "duplicate");
  assert.equal(await inbox.once(second, nothing), "duplicate");
  assert.equal(await inbox.once(first, nothing), "handled");
});
