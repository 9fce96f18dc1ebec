import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { UnreadPages } from "../../src/listen/unreadPages.ts";

const LIMITS = { bytesMax: 100, bytesPerEndpointMax: 40 };

async function closed(answer: PassThrough): Promise<PassThrough> {
  const isClosed = new Promise((resolve) => answer.once("close", resolve));
  answer.destroy();
  await isClosed;
  return answer;
}

test("pages are counted until their receivers have read them or gone", async () => {
  const unread = new UnreadPages(LIMITS);
  const answer = new PassThrough();
  unread.hold(answer, "a", 40);
  assert.ok(unread.isFull("a"));
  await closed(answer);
  assert.ok(!unread.isFull("a"));
});

test("a page whose receiver has gone before it was made is not counted", async () => {
  const unread = new UnreadPages(LIMITS);
  unread.hold(await closed(new PassThrough()), "a", 100);
  assert.ok(!unread.isFull("a"));
  assert.ok(!unread.isFull("b"));
});

test("an endpoint whose receivers do not read leaves room for others, which fill the rest", () => {
  const unread = new UnreadPages(LIMITS);
  unread.hold(new PassThrough(), "a", 40);
  assert.ok(unread.isFull("a") && !unread.isFull("b"));
  unread.hold(new PassThrough(), "b", 40);
  unread.hold(new PassThrough(), "c", 20);
  assert.ok(unread.isFull("c") && unread.isFull("d"));
});
