import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Place } from "../../src/format/payloadToken.ts";
import { HalfLoop } from "../../src/listen/halfLoop.ts";
import { type BytesFrom, findPage, firstPlace, type Page } from "../../src/listen/payloadPage.ts";
import { anyJson } from "../format/jsonText.ts";

const halfLoop = new HalfLoop();

/** The bytes in slices of this size. */
function slicesOf(text: string, sliceBytes: number): BytesFrom {
  const bytes = Buffer.from(text);
  return async (at) => bytes.subarray(at, (Math.floor(at / sliceBytes) + 1) * sliceBytes);
}

async function pagesOf(bytesFrom: BytesFrom, limit: number, bytesMax?: number): Promise<readonly Page[]> {
  const pages: Page[] = [];
  let place = await firstPlace(bytesFrom);
  while (place !== null) {
    assert.ok(place !== "gone");
    const page: Page | null = await findPage(bytesFrom, place, limit, halfLoop, bytesMax);
    assert.ok(page !== null);
    pages.push(page);
    place = page.next;
  }
  return pages;
}

function textsOf(pages: readonly Page[], payload: string): readonly string[] {
  const bytes = Buffer.from(payload);
  return pages.flatMap(({ spans }) => spans.map(({ from, to }) => bytes.toString("utf8", from, to)));
}

const trimmed = (json: string) => json.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
const blank = fc.string({ unit: fc.constantFrom(..." \n"), maxLength: 2 });
const key = fc.string({ maxLength: 5 }).map((text) => JSON.stringify(text));

/** A payload with its elements or members, as they are written. */
const container = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(key, blank, anyJson), { maxLength: 12 }), blank)
  .map(([isObject, items, around]) => {
    const texts = items.map(([name, space, json]) => (isObject ? `${name}${space}:${json}` : json));
    const [open, close] = isObject ? ["{", "}"] : ["[", "]"];
    const inside = texts.length === 0 ? around : texts.join(",");
    return { payload: `${around}${open}${inside}${close}${around}`, elements: texts.map(trimmed) };
  });

test("the pages have every element once, in order and as it is written, wherever slices and pages end", async () => {
  await fc.assert(
    fc.asyncProperty(
      container,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 60 }),
      async ({ payload, elements }, sliceBytes, limit, bytesMax) => {
        const pages = await pagesOf(slicesOf(payload, sliceBytes), limit, bytesMax);
        assert.deepEqual(textsOf(pages, payload), elements);
        for (const [index, { spans, next }] of pages.entries()) {
          assert.equal(next === null, index === pages.length - 1);
          assert.ok(spans.length <= limit && (spans.length > 0 || pages.length === 1));
          const bytes = (spans.at(-1)?.to ?? 0) - (spans[0]?.from ?? 0);
          assert.ok(
            bytes <= bytesMax || spans.length === 1,
            "a page of several elements is no larger than a page may be",
          );
        }
      },
    ),
  );
});

test("strings end where they end, however long they are and wherever slices end", async () => {
  const part = fc.constantFrom("x".repeat(70), "x", '\\"', "\\\\", `${"\\\\".repeat(40)}`, "\\n", "]", ",", "é");
  const string = fc.array(part, { maxLength: 12 }).map((parts) => `"${parts.join("")}"`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          string,
          fc.tuple(string, string).map(([one, other]) => `{${one}:[${other}]}`),
        ),
        { maxLength: 6 },
      ),
      fc.integer({ min: 1, max: 300 }),
      async (elements, sliceBytes) => {
        const payload = `[${elements.join(",")}]`;
        const pages = await pagesOf(slicesOf(payload, sliceBytes), 4);
        assert.deepEqual(textsOf(pages, payload), elements);
      },
    ),
  );
});

test("while a page is looked for, the event loop turns every 64 KiB", async () => {
  const payload = Buffer.from(`[${"[1],".repeat(1_000_000)}1]`);
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) {
      setImmediate(turn);
    }
  };
  turn();
  const page = await findPage(async (at) => payload.subarray(at), { isObject: false, at: 1 }, 2_000_000, halfLoop);
  isOver = true;
  assert.equal(page?.spans.length, 1_000_001);
  assert.ok(turns >= payload.length / 65_536 - 1, `${turns} turns`);
});

test("what holds no elements has no pages", async () => {
  for (const payload of ["1", ' "[1,2]" ', "null", " true"]) {
    assert.equal(await firstPlace(slicesOf(payload, 3)), null);
  }
  assert.equal(await firstPlace(async () => null), "gone");
});

test("an element of more bytes than a page is a page, and those before it are not read on for it", async () => {
  const large = `"${"x".repeat(1_000_000)}"`;
  const payload = `[1,${large},2]`;
  let read = 0;
  const slices = slicesOf(payload, 1_000);
  const counting: BytesFrom = (at) => {
    read += 1;
    return slices(at);
  };
  const first = await findPage(counting, { isObject: false, at: 1 }, 10, halfLoop, 5_000);
  assert.deepEqual(first, { spans: [{ from: 1, to: 2 }], next: { isObject: false, at: 3 } });
  assert.ok(read < 10, `${read} slices`);
  const rest = await pagesOf(slicesOf(payload, 1_000), 10, 5_000);
  assert.deepEqual(textsOf(rest, payload), ["1", large, "2"]);
});

test("a payload that goes away while it is read has no page", async () => {
  const place: Place = { isObject: false, at: 1 };
  const bytes = Buffer.from("[1,2");
  assert.equal(await findPage(async (at) => (at < 4 ? bytes.subarray(at) : null), place, 10, halfLoop), null);
});
