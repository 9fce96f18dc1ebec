import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { factsOf } from "../../src/ingest/directory.ts";
import { endOfLines, OpenFile } from "../../src/ingest/openFile.ts";
import type { Place } from "../../src/ingest/position.ts";

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-open-"));
  path = join(directory, "app.log");
});

afterEach(() => rm(directory, { recursive: true }));

async function openAt(position: Place | null = null): Promise<OpenFile | null> {
  const facts = await factsOf(path);
  assert.ok(facts !== null);
  return await OpenFile.open(path, facts, position);
}

/** The lines that are read next, or why there are none. */
async function readFrom(file: OpenFile | null): Promise<string[] | string> {
  const reading = await file?.read();
  return reading?.kind === "lines" ? reading.lines.map(({ bytes }) => String(bytes)) : String(reading?.kind);
}

/** Longer than what a file is known by, so that its beginning tells nothing of its end. */
const LONG = Array.from({ length: 300 }, (_, n) => `{"n":${n}}\n`).join("");

test("a file that grows is read on, and one that was emptied is noticed, however it has grown since", async (t) => {
  await writeFile(path, '{"n":1}\n{"n":');
  const file = await openAt();
  t.after(() => file?.close());
  assert.deepEqual(await readFrom(file), ['{"n":1}']);
  assert.equal(await readFrom(file), "end");
  await appendFile(path, "2}\n");
  assert.deepEqual(await readFrom(file), ['{"n":2}']);
  await writeFile(path, `{"m":1}\n${LONG}`);
  assert.equal(await readFrom(file), "emptied");
});

test("a file that has grown again to the same length is noticed too", async (t) => {
  await writeFile(path, '{"n":1}\n');
  const file = await openAt();
  t.after(() => file?.close());
  assert.deepEqual(await readFrom(file), ['{"n":1}']);
  await writeFile(path, '{"n":2}\n');
  await utimes(path, 2_000_000_000, 2_000_000_000);
  assert.equal(await readFrom(file), "emptied");
});

test("a file that was cut short is noticed, although it begins as it did", async (t) => {
  await writeFile(path, LONG);
  const file = await openAt();
  t.after(() => file?.close());
  assert.equal((await readFrom(file)).length, 300);
  await truncate(path, LONG.length - 10);
  assert.equal(await readFrom(file), "emptied");
});

test("a position is found again in a file that has grown, and in no other", async (t) => {
  await writeFile(path, LONG);
  const before = await openAt();
  await readFrom(before);
  const position = before?.place ?? null;
  await before?.close();
  await appendFile(path, '"next"\n');
  const file = await openAt(position);
  t.after(() => file?.close());
  assert.deepEqual(await readFrom(file), ['"next"']);
  for (const other of [LONG.replace("299", "298"), LONG.replace('"n":1}', '"n":2}'), LONG.slice(0, -1)]) {
    await writeFile(path, other);
    assert.equal(await openAt(position), null);
  }
});

test("the end of the complete lines is found in a file of any length", async () => {
  await writeFile(path, `${"x".repeat(1_048_570)}\n{}\r\n\n${LONG}unfinished`);
  assert.deepEqual(await endOfLines(path), { byteOffset: 1_048_576 + LONG.length, lineNumber: 303 });
  await writeFile(path, "unfinished");
  assert.deepEqual(await endOfLines(path), { byteOffset: 0, lineNumber: 0 });
});
