import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FollowedFile, firstPosition } from "../../src/ingest/follow.ts";
import type { Position } from "../../src/ingest/rotation.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import { Random } from "../chaos/random.ts";
import { KeptEvents } from "../support/daemon.ts";
import { LogWriter, type RotationKind } from "../support/logWriter.ts";

const STEPS = 40;
const ROUNDS = 4;
/** So short that in a run there are many; a writer of these tests leaves a file at once. */
const TIMES = { pollMs: 2, settleMs: 10 } as const;

/** Follows a file and dies repeatedly, each time losing what it had not stored. */
class MortalReader {
  readonly stored: number[] = [];
  readonly emitted = new KeptEvents();
  #position: Position;
  readonly #path: string;
  readonly #random: Random;
  readonly #conditions = new Conditions(this.emitted);

  constructor(path: string, position: Position, random: Random) {
    this.#path = path;
    this.#position = position;
    this.#random = random;
  }

  /** To the line of this number, once it is known. Then, too, it stops dying: on a busy machine lives may be too short. */
  async readTo(last: () => number | null): Promise<void> {
    while (this.stored.at(-1) !== last()) {
      await this.#live(last);
      await delay(this.#random.integer(0, 10));
    }
  }

  async #live(last: () => number | null): Promise<void> {
    const stop = new AbortController();
    const file = new FollowedFile({
      path: this.#path,
      position: this.#position,
      events: this.emitted,
      conditions: this.#conditions,
      ...TIMES,
    });
    if (last() === null) void delay(this.#random.integer(1, 60)).then(() => stop.abort());
    while (this.stored.at(-1) !== last()) {
      const batch = await file.next(stop.signal);
      if (batch === null || (last() === null && this.#random.chance(0.1))) break;
      this.stored.push(...batch.lines.map(({ bytes }) => JSON.parse(String(bytes)).n));
      this.#position = batch.end;
    }
    await file.close();
  }
}

async function followAtRandom(kinds: readonly RotationKind[], seed: string): Promise<void> {
  const random = new Random(seed);
  const directory = await mkdtemp(join(tmpdir(), "postrider-follow-"));
  const path = join(directory, "app.log");
  const writer = new LogWriter(path);
  const reader = new MortalReader(path, await firstPosition(path, "beginning"), random.fork("reader"));
  let last: number | null = null;
  const reading = reader.readTo(() => last);
  for (let step = 0; step < STEPS; step++) {
    writer.write(random.integer(1, random.chance(0.2) ? 300 : 10), random.chance(0.2));
    if (random.chance(0.4)) writer.rotate(random.pick(kinds));
    if (random.chance(0.5)) await delay(random.integer(0, 15));
  }
  writer.write(1);
  last = writer.written;
  await reading;
  writer.close();
  await rm(directory, { recursive: true });
  const all = Array.from({ length: last }, (_, n) => n + 1);
  assert.deepEqual(reader.stored, all, seed);
  assert.equal(reader.emitted.named("file.lost").length, 0, seed);
}

const ROTATIONS: Readonly<Record<string, readonly RotationKind[]>> = {
  "gets a new name": ["create"],
  "is copied and emptied": ["copytruncate"],
  "is treated now so, now so": ["create", "copytruncate"],
};

for (const [what, kinds] of Object.entries(ROTATIONS)) {
  test(`no line is lost or read twice if the file ${what}, whenever the reader dies`, async (t) => {
    const given = process.env.POSTRIDER_FOLLOW_SEED;
    const seeds = given === undefined ? Array.from({ length: ROUNDS }, () => String(Math.random())) : [given];
    t.diagnostic(`POSTRIDER_FOLLOW_SEED=${seeds.join(" or ")}`);
    await Promise.all(seeds.map((seed) => followAtRandom(kinds, seed)));
  });
}
