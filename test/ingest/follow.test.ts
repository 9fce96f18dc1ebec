import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FollowedFile, firstPosition } from "../../src/ingest/follow.ts";
import { jsonOfKnown, knownOfJson, type Position } from "../../src/ingest/position.ts";
import { Conditions } from "../../src/telemetry/conditions.ts";
import { Random } from "../chaos/random.ts";
import { KeptEvents } from "../support/daemon.ts";
import { KEPT, LogWriter, NAMINGS, type Naming, type RotationKind } from "../support/logWriter.ts";

const STEPS = 40;
const ROUNDS = 4;
const LIFE_FACTOR_MAX = 32;
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
  #stored = Promise.withResolvers<void>();

  constructor(path: string, position: Position, random: Random) {
    this.#path = path;
    this.#position = position;
    this.#random = random;
  }

  /** To the line of this number, once it is known. Then it stops dying. */
  async readTo(last: () => number | null): Promise<void> {
    let lifeFactor = 1;
    while (this.stored.at(-1) !== last()) {
      const { length } = this.stored;
      await this.#live(last, lifeFactor);
      // On a busy machine no life might be long enough to read anything, and the writer waits for the reader.
      lifeFactor = this.stored.length > length ? 1 : Math.min(2 * lifeFactor, LIFE_FACTOR_MAX);
      // Now and then so long that there are several rotations meanwhile.
      await delay(this.#random.integer(0, this.#random.chance(0.2) ? 100 : 10));
    }
  }

  /** Resolves once it is so. */
  async hasStored(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#stored.promise;
  }

  async #live(last: () => number | null, lifeFactor: number): Promise<void> {
    const stop = new AbortController();
    const file = new FollowedFile({
      path: this.#path,
      rotated: null,
      position: this.#position,
      events: this.emitted,
      conditions: this.#conditions,
      ...TIMES,
    });
    if (last() === null) void delay(this.#random.integer(1, 60) * lifeFactor).then(() => stop.abort());
    while (this.stored.at(-1) !== last()) {
      const batch = await file.next(stop.signal);
      if (batch === null || (last() === null && this.#random.chance(0.1))) break;
      this.stored.push(...batch.lines.map(({ bytes }) => JSON.parse(String(bytes)).n));
      this.#position = { ...batch.end, known: knownOfJson(JSON.parse(jsonOfKnown(batch.end.known))) };
      this.#stored.resolve();
      this.#stored = Promise.withResolvers();
    }
    await file.close();
  }
}

interface Scenario {
  readonly naming: Naming;
  readonly kinds: readonly RotationKind[];
}

async function followAtRandom({ naming, kinds }: Scenario, seed: string): Promise<void> {
  const random = new Random(seed);
  const directory = await mkdtemp(join(tmpdir(), "postrider-follow-"));
  const path = join(directory, "app.log");
  const writer = new LogWriter(path, naming);
  writer.writeNeighbour("app-99.log");
  const reader = new MortalReader(path, await firstPosition(path, null, "beginning"), random.fork("reader"));
  let last: number | null = null;
  const reading = reader.readTo(() => last);
  const ends: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    writer.write(random.integer(1, random.chance(0.2) ? 300 : 10), random.chance(0.2));
    if (random.chance(0.1)) writer.writeNeighbour(random.pick(NEIGHBOURS));
    if (random.chance(0.4)) {
      // Files that are deleted unread are lost, and an order that the names do not tell takes times that differ.
      if (naming === "ascending, full")
        await reader.hasStored(() => (reader.stored.at(-1) ?? 0) >= (ends.at(1 - KEPT) ?? 0));
      // A copy with a number within its name is recognised by what was read of it, and only whole lines are read.
      if (naming === "numbered within") {
        writer.write(0);
        await reader.hasStored(() => reader.stored.length > 0);
      }
      if (naming !== "descending") await delay(CLOCK_TICK_MS);
      writer.rotate(random.pick(kinds));
      ends.push(writer.written);
    }
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

const NEIGHBOURS = ["app-99.log", "app-worker-2.log", "app2.log", "application.log.1", "app.log.bak"];
/** The times of files are no finer than this on most systems. */
const CLOCK_TICK_MS = 10;

const SCENARIOS: readonly Scenario[] = [
  ...NAMINGS.map((naming) => ({ naming, kinds: ["create"] as const })),
  ...NAMINGS.filter((naming) => !naming.endsWith("linked")).map((naming) => ({
    naming,
    kinds: ["copytruncate"] as const,
  })),
  { naming: "descending", kinds: ["create", "copytruncate"] },
];

for (const scenario of SCENARIOS) {
  const { naming, kinds } = scenario;
  test(`no line is lost or read twice, whenever the reader dies: ${kinds.join(" and ")}, ${naming}`, async (t) => {
    const given = process.env.POSTRIDER_FOLLOW_SEED;
    const seeds = given === undefined ? Array.from({ length: ROUNDS }, () => String(Math.random())) : [given];
    t.diagnostic(`POSTRIDER_FOLLOW_SEED=${seeds.join(" or ")}`);
    await Promise.all(seeds.map((seed) => followAtRandom(scenario, seed)));
  });
}
