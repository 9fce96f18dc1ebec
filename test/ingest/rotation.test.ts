import assert from "node:assert/strict";
import { test } from "node:test";
import {
  beginning,
  type FileFacts,
  inOrder,
  type Position,
  resumeCandidates,
  rotatedKindOf,
  successorOf,
} from "../../src/ingest/rotation.ts";

function file(name: string, id: number, modified: number, bytes = 100): FileFacts {
  return { name, fileId: `1:${id}`, bytes, modifiedNs: BigInt(modified) };
}

function names(files: readonly FileFacts[]): string[] {
  return files.map(({ name }) => name);
}

/** Rotated twice: 3 is the newest. */
const SEEN = {
  current: file("app.log", 4, 40),
  rotated: [file("app.log.3", 1, 10), file("app.log.2", 2, 20), file("app.log.1", 3, 30)],
  compressed: [],
};

const POSITION: Position = {
  fileId: "1:2",
  fileModifiedNs: 20n,
  fingerprint: "abc",
  byteOffset: 50,
  lineNumber: 5,
};

test("a rotated file has the name with a number or a time, and others are strangers", () => {
  const rotated = [
    "app.log.1",
    "app.log-20261125",
    "app.log.2026-11-25T10:00:00Z",
    "app.log.old",
    "app-2026-11-25.log",
    "app.1.log",
  ];
  assert.deepEqual(
    rotated.filter((name) => rotatedKindOf("app.log", name) !== "plain"),
    [],
  );
  const strangers = [
    "app.log",
    "app.log.bak",
    "app.log.1.swp",
    "app.logs",
    "application.log",
    "app2.log",
    "app-err.log",
    "xapp.log.1",
  ];
  assert.deepEqual(
    strangers.filter((name) => rotatedKindOf("app.log", name) !== null),
    [],
  );
  const compressed = ["app.log.2.gz", "app.log-20261125.zst", "app.log.gz", "app-2026-11-25.log.xz"];
  assert.deepEqual(
    compressed.filter((name) => rotatedKindOf("app.log", name) !== "compressed"),
    [],
  );
  assert.equal(rotatedKindOf("app", "app.1"), "plain");
});

test("names give the order if they can, even if an old file was written to last", () => {
  const numbered = [file("app.log.2", 1, 99), file("app.log.10", 2, 98), file("app.log.1", 3, 5)];
  assert.deepEqual(names(inOrder("app.log", numbered)), ["app.log.10", "app.log.2", "app.log.1"]);
  const dated = [file("app.log-20261125", 1, 1), file("app.log-20261124", 2, 2)];
  assert.deepEqual(names(inOrder("app.log", dated)), ["app.log-20261124", "app.log-20261125"]);
  const within = [file("app.1.log", 1, 9), file("app.2.log", 2, 8)];
  assert.deepEqual(names(inOrder("app.log", within)), ["app.2.log", "app.1.log"]);
});

test("the next file is the one rotated after this one, however often, and the followed one last", () => {
  assert.equal(successorOf({ fileId: "1:1", fileModifiedNs: 10n }, SEEN)?.name, "app.log.2");
  assert.equal(successorOf({ fileId: "1:3", fileModifiedNs: 30n }, SEEN)?.name, "app.log");
  assert.equal(successorOf({ fileId: "1:4", fileModifiedNs: 40n }, SEEN), null);
  assert.equal(successorOf({ fileId: "1:3", fileModifiedNs: 30n }, { ...SEEN, current: null }), null);
});

test("a file that is gone is followed by those changed since", () => {
  assert.equal(successorOf({ fileId: "1:9", fileModifiedNs: 20n }, SEEN)?.name, "app.log.1");
  assert.equal(successorOf({ fileId: null, fileModifiedNs: 30n }, SEEN)?.name, "app.log");
});

test("an empty file is passed over, and the followed one is waited for until there is something in it", () => {
  const current = file("app.log", 4, 40, 0);
  const rotated = [file("app.log.2", 2, 20), file("app.log.1", 3, 30, 0)];
  assert.equal(successorOf({ fileId: "1:2", fileModifiedNs: 20n }, { ...SEEN, rotated, current }), null);
  assert.equal(successorOf({ fileId: "1:2", fileModifiedNs: 20n }, { ...SEEN, rotated })?.name, "app.log");
});

test("the file of a position is looked up by its inode first, then among files as new and as long", () => {
  assert.deepEqual(names(resumeCandidates(POSITION, SEEN)), ["app.log.2", "app.log", "app.log.1"]);
  const short = { ...SEEN, current: file("app.log", 2, 40, 10) };
  assert.deepEqual(names(resumeCandidates(POSITION, short)), ["app.log.2", "app.log.1"]);
});

test("without a fingerprint only the inode identifies a file", () => {
  assert.deepEqual(names(resumeCandidates({ ...POSITION, fingerprint: null }, SEEN)), ["app.log.2"]);
});

test("files rotated before the very first start are not read, and those rotated after it are", () => {
  const start = beginning(SEEN);
  assert.equal(successorOf(start, SEEN)?.name, "app.log");
  const rotated = [...SEEN.rotated.map((each) => ({ ...each, name: `${each.name}.old` })), file("app.log.1", 4, 40)];
  assert.equal(successorOf(start, { ...SEEN, rotated, current: file("app.log", 5, 50) })?.fileId, "1:4");
  assert.equal(successorOf(beginning({ ...SEEN, rotated: [] }), SEEN)?.name, "app.log.3");
});
