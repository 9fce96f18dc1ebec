import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../src/config/read.ts";
import { BUDGET_BYTES } from "../../src/daemon/deliver/budget.ts";
import { deliveriesInHandMax, memoryBoundBytes } from "../../src/daemon/memory.ts";
import { SENT_BYTES_MAX } from "../../src/domain/event.ts";
import { guideText } from "../support/guides.ts";

const MIB = 1_048_576;
const { maxInFlight: DEFAULT_IN_FLIGHT } = readConfig({}, { name: "run", database: "optional" });

test("the bound of memory that the guide states is the one that follows from the limits", () => {
  const mib = Math.ceil(memoryBoundBytes(DEFAULT_IN_FLIGHT) / MIB);
  const text = guideText("src/config/README.md").replaceAll("\n", " ");
  const [, stated] = /at most (\d+) MiB of memory/.exec(text) ?? [];
  assert.equal(stated, String(mib));
  const [, large = "", rest = ""] =
    /(\d+) MiB, is for payloads larger[^;]+; without those, (\d+) MiB are enough/.exec(text) ?? [];
  assert.equal(Number(large), (BUDGET_BYTES / MIB) * 3, "three copies of each");
  assert.ok(mib - Number(large) <= Number(rest) && Number(rest) < mib - Number(large) + 10);
});

test("the sum of which the page about the daemon tells has every limit", () => {
  const [, table = ""] =
    /`daemon\/memory\.ts` adds up the limits:\n\n((?:\|.*\n)+)/.exec(guideText("src/README.md")) ?? [];
  const parts = [...table.matchAll(/\| (\d+) MiB \|$/gm)].map(([, mib]) => Number(mib));
  const sum = parts.reduce((total, mib) => total + mib, 0);
  // Each is rounded.
  assert.ok(
    Math.abs(sum - memoryBoundBytes(DEFAULT_IN_FLIGHT) / MIB) <= parts.length / 2,
    `${parts.join(" + ")} = ${sum}`,
  );
});

test("half of the memory for large payloads, which no receivers that hang can take, has room for the largest", () => {
  assert.equal(BUDGET_BYTES / 2, SENT_BYTES_MAX);
});

test("deliveries in hand grow with the slots, and memory with the deliveries in hand", () => {
  assert.equal(deliveriesInHandMax(1), 1_000);
  assert.equal(deliveriesInHandMax(1_000), 6_000);
  // A payload of 64 KiB in memory and an answer of 32 for each of the 4,500 more.
  assert.ok(memoryBoundBytes(1_000) - memoryBoundBytes(250) >= 4_500 * 96 * 1_024);
});
