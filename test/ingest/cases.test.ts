/** Rotations as programs do them, to a file that is followed, or was followed before. */
import assert from "node:assert/strict";
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FollowedFile, firstPosition } from "../../src/ingest/follow.ts";
import type { Position } from "../../src/ingest/position.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import { KeptEvents } from "../support/daemon.ts";

/** The times of files are no finer than this on most systems. */
const CLOCK_TICK_MS = 10;
const TIMES = { pollMs: 2, settleMs: 40, lingerMs: 400 } as const;

let directory: string;
let path: string;
let reader: Reader;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-cases-"));
  path = join(directory, "app.log");
  // A directory that was just made does not tell yet whether births are known.
  await delay(CLOCK_TICK_MS);
});

afterEach(async () => {
  await reader.stop();
  await rm(directory, { recursive: true });
});

/** Follows the file between `start` and `stop`, and remembers its position. */
class Reader {
  readonly read: unknown[] = [];
  readonly emitted = new KeptEvents();
  readonly #path: string;
  readonly #rotated: string | null;
  #position: Position | null = null;
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor({ at = path, rotated = null }: { readonly at?: string; readonly rotated?: string | null } = {}) {
    this.#path = at;
    this.#rotated = rotated;
  }

  async start(): Promise<void> {
    this.#position ??= await firstPosition(this.#path, this.#rotated, "beginning");
    this.#stopping = new AbortController();
    this.#running = this.#follow(this.#position);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Waits until these have been read, and a little longer, in case more come. */
  async expect(...all: readonly unknown[]): Promise<void> {
    const untilMs = performance.now() + 10_000;
    while (this.read.length < all.length && performance.now() < untilMs) await delay(5);
    await delay(3 * TIMES.settleMs);
    const short = (line: unknown): unknown => (typeof line === "string" ? line.slice(0, 9) : line);
    assert.deepEqual(this.read.map(short), all.map(short));
  }

  ignored(): unknown[] {
    return this.emitted.named("file.ignored").map(({ file }) => file);
  }

  async #follow(position: Position): Promise<void> {
    const conditions = new Conditions(this.emitted);
    const options = { path: this.#path, rotated: this.#rotated, position, events: this.emitted, conditions, ...TIMES };
    const file = new FollowedFile(options);
    for (let batch = await file.next(this.#stopping.signal); batch !== null; ) {
      this.read.push(...batch.lines.map(({ bytes }) => JSON.parse(String(bytes))));
      this.#position = batch.end;
      batch = await file.next(this.#stopping.signal);
    }
    await file.close();
  }
}

/** Starts a reader that reads 1 and 2, and stops it again. */
async function readTwo(options: ConstructorParameters<typeof Reader>[0] = {}): Promise<void> {
  reader = new Reader(options);
  await reader.start();
  await reader.expect(1, 2);
  await reader.stop();
}

/** Appends them, one a line. */
async function write(to: string, ...lines: readonly unknown[]): Promise<void> {
  await appendFile(to, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await delay(CLOCK_TICK_MS);
}

test("numbers that run upwards are read upwards", async () => {
  await write(path, 1, 2);
  await readTwo();
  await write(path, 3);
  await rename(path, `${path}.1`);
  await write(path, 4, 5);
  await rename(path, `${path}.2`);
  await write(path, 6, 7);
  await reader.start();
  await reader.expect(1, 2, 3, 4, 5, 6, 7);
  await rename(path, `${path}.3`);
  await write(path, 8);
  await reader.expect(1, 2, 3, 4, 5, 6, 7, 8);
  assert.deepEqual(reader.emitted.named("file.lost"), []);
});

test("the log of a neighbour is not read, whether it was there first or came later", async () => {
  const neighbours = [
    join(directory, "app-2.log"),
    join(directory, "app-3.log"),
    join(directory, "app-2026-11-25.log"),
  ];
  const [second = "", ...later] = neighbours;
  await write(path, 1, 2);
  await write(second, "stranger");
  await readTwo();
  await write(path, 3);
  for (const each of neighbours) await write(each, "stranger");
  await rename(path, `${path}.1`);
  await write(path, 4);
  for (const each of neighbours) await write(each, "stranger");
  await reader.start();
  await reader.expect(1, 2, 3, 4);
  assert.deepEqual(reader.ignored().sort(), later.map((each) => each.slice(directory.length + 1)).sort());
});

test("--rotated names the rotated files, in another directory, too", async () => {
  await mkdir(join(directory, "old"));
  await write(path, 1, 2);
  await readTwo({ rotated: "old/*-[0-9].log" });
  await write(path, 3);
  await rename(path, join(directory, "old", "x-1.log"));
  await write(path, 4);
  await rename(path, join(directory, "old", "x-2.log"));
  await write(`${path}.1`, "stranger");
  await write(path, 5);
  await reader.start();
  await reader.expect(1, 2, 3, 4, 5);
});

test("a link with a fixed name: every file it pointed to meanwhile is read", async () => {
  const [day25, day26, day27] = [25, 26, 27].map((day) => join(directory, `app-2026-11-${day}.log`));
  assert.ok(day25 !== undefined && day26 !== undefined && day27 !== undefined);
  const link = async (to: string): Promise<void> => {
    await rm(path, { force: true });
    await symlink(to, path);
  };
  await write(day25, 1, 2);
  await link(day25);
  await readTwo();
  await write(day25, 3);
  await write(day26, 4);
  await link(day26);
  await write(join(directory, "app-error-2026-11-26.log"), "stranger");
  await write(day27, 5);
  await link(day27);
  await reader.start();
  await reader.expect(1, 2, 3, 4, 5);
  assert.deepEqual(reader.emitted.named("file.lost"), []);
});

test("a link to a file in a directory for each day, with a pattern: every file it pointed to meanwhile is read", async () => {
  const days = ["25", "26", "27"].map((day) => join(directory, `2026-11-${day}`));
  for (const day of days) await mkdir(day);
  const [day25 = "", day26 = "", day27 = ""] = days.map((day) => join(day, "app.log"));
  await write(day25, 1, 2);
  await symlink(day25, path);
  await readTwo({ rotated: "../*/app.log" });
  await write(day25, 3);
  await write(day26, 4);
  await write(day27, 5);
  await rm(path);
  await symlink(day27, path);
  await reader.start();
  await reader.expect(1, 2, 3, 4, 5);
});

test("files whose first kilobytes are equal are told apart, while one is open and afterwards", async () => {
  const banner = "x".repeat(3_000);
  await write(path, banner, 1, 2);
  reader = new Reader();
  await reader.start();
  await reader.expect(banner, 1, 2);
  // Emptied, and longer than it was before anybody looks.
  await writeFile(path, `"${banner}"\n3\n4\n5\n`);
  await reader.expect(banner, 1, 2, banner, 3, 4, 5);
  await reader.stop();
  await rename(path, `${path}.1`);
  await delay(CLOCK_TICK_MS);
  await write(path, banner, 6, 7, 8, 9);
  await reader.start();
  await reader.expect(banner, 1, 2, banner, 3, 4, 5, banner, 6, 7, 8, 9);
});

test("a file that is replaced while it is open, and one that is made anew with the same beginning, are new", async () => {
  await write(path, 1, 2);
  reader = new Reader();
  await reader.start();
  await reader.expect(1, 2);
  await write(`${path}.new`, 1, 2, 3);
  await rename(`${path}.new`, path);
  await reader.expect(1, 2, 1, 2, 3);
  await reader.stop();
  await unlink(path);
  await delay(CLOCK_TICK_MS);
  await write(path, 1, 2, 3, 4);
  await reader.start();
  await reader.expect(1, 2, 1, 2, 3, 1, 2, 3, 4);
});

test("what was read is not read again from a copy of it, nor in a file that comes back", async () => {
  await write(path, 1, 2);
  await readTwo();
  await copyFile(path, `${path}.7`);
  await delay(CLOCK_TICK_MS);
  await write(path, 3);
  await rename(path, `${path}.1`);
  await write(path, 4);
  await reader.start();
  await reader.expect(1, 2, 3, 4);
  // Unpacked from an archive by hand, and moved out of the way for a while.
  await copyFile(`${path}.1`, `${path}.5`);
  await rename(`${path}.1`, join(directory, "away"));
  await rename(path, `${path}.2`);
  await write(path, 5);
  await rename(join(directory, "away"), `${path}.1`);
  await reader.expect(1, 2, 3, 4, 5);
  await rename(path, `${path}.3`);
  await write(path, 6);
  await reader.expect(1, 2, 3, 4, 5, 6);
  assert.deepEqual(reader.ignored(), ["app.log.7", "app.log.5"]);
});

test("lines that come late to a rotated file are read after the next rotation", async () => {
  await write(path, 1, 2);
  reader = new Reader();
  await reader.start();
  await reader.expect(1, 2);
  await rename(path, `${path}.1`);
  await write(path, 3);
  await reader.expect(1, 2, 3);
  await write(`${path}.1`, "late");
  await reader.expect(1, 2, 3);
  await rename(`${path}.1`, `${path}.2`);
  await rename(path, `${path}.1`);
  await write(path, 4);
  await reader.expect(1, 2, 3, "late", 4);
});

test("a writer that keeps the old file keeps nobody from the new one", async () => {
  await write(path, 1, 2);
  reader = new Reader();
  await reader.start();
  await reader.expect(1, 2);
  await rename(path, `${path}.1`);
  await write(path, "new");
  let isOver = false;
  const writing = (async () => {
    while (!isOver) await write(`${path}.1`, "old");
  })();
  const untilMs = performance.now() + 10_000;
  while (!reader.read.includes("new") && performance.now() < untilMs) await delay(5);
  isOver = true;
  await writing;
  assert.ok(reader.read.includes("new"));
});

test("copied and emptied several times while nobody looked", async () => {
  await write(path, 1, 2);
  await readTwo();
  for (const n of [1, 2, 3]) {
    await write(path, n + 2);
    await copyFile(path, `${path}-2026112${n}`);
    await truncate(path);
    await delay(CLOCK_TICK_MS);
  }
  await write(path, 6);
  await reader.start();
  await reader.expect(1, 2, 3, 4, 5, 6);
  assert.deepEqual(reader.emitted.named("file.lost"), []);
});

test("files with the same content are read if they were seen under the followed name", async () => {
  await write(path, 1, 2);
  reader = new Reader();
  await reader.start();
  await reader.expect(1, 2);
  await rename(path, `${path}.1`);
  await write(path, 1, 2);
  await reader.expect(1, 2, 1, 2);
  await reader.stop();
  await rename(path, `${path}.2`);
  await write(path, 1, 2);
  await reader.start();
  await reader.expect(1, 2, 1, 2, 1, 2);
});

test("compressed files are not read, and named if the file of the position is among them", async () => {
  await write(path, 1, 2);
  await readTwo();
  await write(path, 3);
  await rename(path, `${path}.1`);
  await writeFile(`${path}.1.gz`, "not unpacked");
  await unlink(`${path}.1`);
  await write(path, 4);
  await reader.start();
  await reader.expect(1, 2, 4);
  assert.deepEqual(
    reader.emitted.named("file.lost").map(({ compressed, goes_on_with }) => ({ compressed, goes_on_with })),
    [{ compressed: ["app.log.1.gz"], goes_on_with: "app.log" }],
  );
});

test("a touched rotated file changes nothing", async () => {
  await write(path, 1, 2);
  await readTwo();
  await rename(path, `${path}.2`);
  await write(path, 3);
  await rename(path, `${path}.1`);
  await write(path, 4);
  await utimes(`${path}.2`, new Date(), new Date());
  await reader.start();
  await reader.expect(1, 2, 3, 4);
});
