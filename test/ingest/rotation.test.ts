import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileFacts, Look } from "../../src/ingest/directory.ts";
import { looksRotated, markOf } from "../../src/ingest/names.ts";
import { orderOf } from "../../src/ingest/order.ts";
import {
  isSameFile,
  KNOWN_MAX,
  NO_MEMORY,
  type Position,
  recall,
  remember,
  unreadFile,
} from "../../src/ingest/position.ts";
import { beginning, resumeCandidates, unreadFiles } from "../../src/ingest/rotation.ts";

const SECOND = 1_000_000_000n;

/** Made and last modified at these seconds; `born` null: on a file system that does not tell. */
function file(name: string, id: number, born: number | null, modified: number, bytes = 100): FileFacts {
  const at = (seconds: number): bigint => BigInt(seconds) * SECOND;
  return { name, fileId: `1:${id}`, bytes, bornNs: born === null ? null : at(born), modifiedNs: at(modified) };
}

function names(files: readonly FileFacts[]): string[] {
  return files.map(({ name }) => name);
}

function look(current: FileFacts | null, others: readonly FileFacts[], more: Partial<Look> = {}): Look {
  const followed = current?.name ?? "app.log";
  return { directory: "/var/log", followed, linked: null, current, others, compressed: [], declared: null, ...more };
}

function inOrder(files: readonly FileFacts[]): string[] {
  const ordered: FileFacts[] = [];
  const oldestOf = orderOf(files);
  for (let left = files; left.length > 0; left = left.filter((each) => !ordered.includes(each))) {
    const next = oldestOf(left);
    if (next !== null) ordered.push(next);
  }
  return names(ordered);
}

/** What is unread after 50 bytes of this file. */
function at(of: FileFacts, more: Partial<Position> = {}): Position {
  const { fileId, bornNs, modifiedNs } = of;
  const place = { fileId, bornNs, fileModifiedNs: modifiedNs, fingerprint: "abc", byteOffset: 50, lineNumber: 5 };
  return { ...NO_MEMORY, ...place, ...more };
}

/** Rotated twice: 3 is the oldest. */
const THREE = file("app.log.3", 1, 0, 1_000);
const TWO = file("app.log.2", 2, 1_000, 2_000);
const ONE = file("app.log.1", 3, 2_000, 3_000);
const CURRENT = file("app.log", 4, 3_000, 4_000);
const SEEN = look(CURRENT, [ONE, TWO, THREE]);

test("a name may be that of a rotated file if a number or a date is added to it", () => {
  const alike = ["app.log.1", "app.log-20261125", "app.log.2026-11-25T10:00:00Z", "app.log.old", "app-2026-11-25.log"];
  const compressed = ["app.log.2.gz", "app.log-20261125.zst", "app.log.gz", "app-2026-11-25.log.xz"];
  for (const name of [...alike, "app.1.log", ...compressed]) assert.ok(looksRotated("app.log", name), name);
  const strangers = [
    "app.log",
    "app.log.bak",
    "app.log.1.swp",
    "app.logs",
    "application.log",
    "app2.log",
    "app-err.log",
  ];
  for (const name of strangers) assert.ok(!looksRotated("app.log", name), name);
  assert.ok(looksRotated("app", "app.1"));
});

test("a shape is the name without its date or its last number", () => {
  const shapes: Readonly<Record<string, string>> = {
    "app.log.12": "app.log.*",
    "app-2.log": "app-*.log",
    "app2-2026-11-25.log": "app2-*date*.log",
    "app-2026-11-25-3.log": "app-*date*.log",
    "app.log-20261125": "app.log-*date*",
    "app.log.2026-11-25T10:00:00Z": "app.log.*date*",
    "app-2026-11-25.part3.log": "app-*date*.part*.log",
    "access.1764028800": "access.*",
    "app.log.old": "app.log.old",
  };
  for (const [name, shape] of Object.entries(shapes)) assert.equal(markOf(name).shape, shape, name);
});

test("times give the order, whichever way the numbers run", () => {
  assert.deepEqual(inOrder([ONE, TWO, THREE]), ["app.log.3", "app.log.2", "app.log.1"]);
  const growing = [file("app.log.1", 1, 0, 10), file("app.log.2", 2, 10, 20), file("app.log.10", 3, 20, 30)];
  assert.deepEqual(inOrder(growing), ["app.log.1", "app.log.2", "app.log.10"]);
  const ring = [file("app.log.1", 1, 40, 50), file("app.log.2", 2, 20, 30), file("app.log.3", 3, 30, 40)];
  assert.deepEqual(inOrder(ring), ["app.log.2", "app.log.3", "app.log.1"]);
});

test("if a file was written to after its time, or times are equal, the names decide as they do for the others", () => {
  const late = [file("app.log.3", 1, 0, 99), file("app.log.2", 2, 10, 20), file("app.log.1", 3, 20, 30)];
  assert.deepEqual(inOrder(late), ["app.log.3", "app.log.2", "app.log.1"]);
  const growing = [file("a.1", 1, 0, 99), file("a.2", 2, 10, 20), file("a.3", 3, 20, 30), file("a.4", 4, 30, 40)];
  assert.deepEqual(inOrder(growing), ["a.1", "a.2", "a.3", "a.4"]);
  const equal = [file("app.log.2", 1, 5, 5), file("app.log.10", 2, 5, 5), file("app.log.1", 3, 5, 5)];
  assert.deepEqual(inOrder(equal), ["app.log.10", "app.log.2", "app.log.1"]);
  const dated = ["app-2026-11-26-1.log", "app-2026-11-25-2.log", "app-2026-11-25-10.log", "app-2026-11-25-1.log"];
  assert.deepEqual(inOrder(dated.map((name, n) => file(name, n, 5, 5))), [dated[3], dated[1], dated[2], dated[0]]);
});

test("unread is what was rotated after the file of the position, however often", () => {
  assert.deepEqual(names(unreadFiles(at(THREE), SEEN).files), ["app.log.1", "app.log.2"]);
  assert.deepEqual(names(unreadFiles(at(ONE), SEEN).files), []);
  const untold = SEEN.others.map((each) => ({ ...each, bornNs: null }));
  assert.deepEqual(names(unreadFiles(at({ ...TWO, bornNs: null }), look(CURRENT, untold)).files), ["app.log.1"]);
});

test("if the file of the position is gone, those that began when it ended are unread", () => {
  const gone = file("gone", 9, 1_000, 1_999);
  assert.deepEqual(names(unreadFiles(at(gone), SEEN).files), ["app.log.1"]);
  // A position from before births were remembered.
  assert.deepEqual(names(unreadFiles(at({ ...gone, bornNs: null }), SEEN).files), ["app.log.1"]);
});

test("a file of another shape than those that were followed is a stranger, and named as such", () => {
  const others = [ONE, TWO, file("app-2.log", 8, 2_000, 3_000), file("app-2026-11-25.log", 9, 2_000, 3_000)];
  const { files, ignored } = unreadFiles(at(TWO), look(CURRENT, others));
  assert.deepEqual(names(files), ["app.log.1"]);
  assert.deepEqual(names(ignored.map((each) => each.file)), ["app-2.log", "app-2026-11-25.log"]);
});

test("without a followed file in sight, one usual shape serves, and a number within the name is none", () => {
  const gone = at(file("gone", 9, 0, 1_990));
  const within = [file("app-1.log", 5, 2_000, 3_000)];
  assert.deepEqual(names(unreadFiles(gone, look(CURRENT, within)).files), []);
  const dated = [file("app-2026-11-25.log", 6, 2_000, 3_000)];
  assert.deepEqual(names(unreadFiles(gone, look(CURRENT, dated)).files), ["app-2026-11-25.log"]);
  assert.deepEqual(names(unreadFiles(gone, look(CURRENT, [...dated, ONE])).files), ["app.log.1"]);
});

test("a file that is written to while a newer one has the followed name is another log", () => {
  const written = { ...ONE, modifiedNs: 3_100n * SECOND };
  const { files, ignored } = unreadFiles(at(TWO), look(CURRENT, [written, TWO]));
  assert.deepEqual([names(files), names(ignored.map((each) => each.file))], [[], ["app.log.1"]]);
  // A program may take a moment to open the new file.
  assert.deepEqual(names(unreadFiles(at(TWO), look(CURRENT, [{ ...ONE, modifiedNs: 3_059n * SECOND }, TWO])).files), [
    "app.log.1",
  ]);
  // The followed file is emptied each time: the copies are younger than it.
  const emptied = { ...CURRENT, bornNs: 0n };
  const copies = [file("app.log.2", 2, 2_000, 2_000), file("app.log.1", 3, 3_000, 3_000)];
  const long = file("app.log.9", 8, 2_500, 4_000);
  assert.deepEqual(names(unreadFiles(at(copies[0] ?? ONE), look(emptied, [...copies, long])).files), ["app.log.1"]);
});

test("--rotated names the files, whatever they look like", () => {
  const others = [file("app-1.log", 5, 2_000, 9_000), file("app.log.1", 6, 2_000, 3_000), TWO];
  const declared = new Set(["app-1.log"]);
  assert.deepEqual(names(unreadFiles(at(TWO), look(CURRENT, others, { declared })).files), ["app-1.log"]);
});

test("a followed link points to files of one shape", () => {
  const [yesterday, today] = [file("app-2026-11-26.log", 2, 100, 200), file("app-2026-11-27.log", 3, 200, 300)];
  const stranger = file("app-x-2026-11-26.log", 4, 100, 200);
  const seen = look(today, [yesterday, stranger], { linked: today.name });
  assert.deepEqual(names(unreadFiles(at(file("gone", 9, 0, 99)), seen).files), ["app-2026-11-26.log"]);
});

test("a known file is offered whatever its name and its time are, and an empty one never", () => {
  const known = { ...unreadFile(THREE), bytes: 10 };
  const renamed = { ...THREE, name: "app.log.bak" };
  const position = at(ONE, { known: [known], passedBornNs: 9_000n * SECOND });
  assert.deepEqual(names(unreadFiles(position, look(CURRENT, [ONE, TWO, renamed])).files), ["app.log.bak"]);
  assert.deepEqual(names(unreadFiles(position, look(CURRENT, [{ ...renamed, bytes: 0 }])).files), []);
});

test("so many files are known and no more, and a forgotten one is past because of its age", () => {
  let memory = NO_MEMORY;
  for (let n = 1; n <= KNOWN_MAX + 2; n++) memory = remember(memory, unreadFile(file("a", n, n, n)));
  assert.equal(memory.known.length, KNOWN_MAX);
  assert.equal(memory.passedBornNs, 2n * SECOND);
  assert.equal(recall(memory, file("a", 2, 2, 2)), null);
  const position = at(file("a.9", 0, 0, 0), memory);
  const others = [file("app.log.1", 2, 2, 2), file("app.log.2", 900, 3, 3), file("app.log.3", 3, 3, 3)];
  assert.deepEqual(names(unreadFiles(position, look(file("app.log", 901, 4, 4), others)).files), [
    "app.log.3",
    "app.log.2",
  ]);
});

test("an inode that is used again is another file, and a device that was mounted elsewhere is the same", () => {
  assert.ok(!isSameFile(file("a", 1, 10, 20), file("a", 1, 11, 20)));
  assert.ok(isSameFile(file("a", 1, 10, 20), { fileId: "7:1", bornNs: 10n * SECOND }));
  assert.ok(isSameFile(file("a", 1, null, 20), file("b", 1, 10, 30)));
  assert.ok(!isSameFile(file("a", 1, null, 20), { fileId: "7:1", bornNs: null }));
});

test("the file of a position is itself or, if it was emptied, a copy as new and as long", () => {
  assert.deepEqual(names(resumeCandidates(at(TWO), SEEN)), ["app.log.2", "app.log.1"]);
  const emptied = look({ ...CURRENT, bytes: 10 }, [ONE, TWO]);
  assert.deepEqual(names(resumeCandidates(at(CURRENT, { fileModifiedNs: 2_500n * SECOND }), emptied)), ["app.log.1"]);
  assert.deepEqual(names(resumeCandidates(at(TWO, { fingerprint: null }), SEEN)), ["app.log.2"]);
});

test("if the file of a position is gone, only a long beginning tells a copy from a new file", () => {
  const gone = at(file("gone", 9, 0, 1_000));
  assert.deepEqual(names(resumeCandidates(gone, SEEN)), []);
  const long = look({ ...CURRENT, bytes: 9_000 }, []);
  assert.deepEqual(names(resumeCandidates({ ...gone, byteOffset: 5_000 }, long)), ["app.log"]);
});

test("files that were there before the very first start are not read, and those rotated after it are", () => {
  const start = beginning(SEEN);
  assert.deepEqual(names(unreadFiles(start, SEEN).files), []);
  const shifted = SEEN.others.map((each) => ({ ...each, name: `${each.name}0` }));
  const rotated = { ...CURRENT, name: "app.log.1" };
  const next = file("app.log", 5, 5_000, 5_000);
  assert.deepEqual(names(unreadFiles(start, look(next, [...shifted, rotated])).files), ["app.log.1"]);
  // Written to all the time, it has changed since.
  const neighbour = file("app-2.log", 8, 500, 9_000);
  const beside = beginning(look(CURRENT, [neighbour]));
  assert.deepEqual(names(unreadFiles(beside, look(next, [neighbour, { ...CURRENT, name: "app-1.log" }])).files), [
    "app-1.log",
  ]);
});
