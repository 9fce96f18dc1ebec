import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { CONDITIONS } from "../../src/telemetry/conditions.ts";
import { EVENTS } from "../../src/telemetry/events.ts";

const SRC = new URL("../../src/", import.meta.url).pathname;

test("every event has a name of two parts, and one sentence or more on what it means", () => {
  for (const [name, { meaning }] of Object.entries(EVENTS)) {
    assert.match(name, /^[a-z]+(_[a-z]+)?\.[a-z]+(_[a-z]+)?$/);
    assert.match(meaning, /^[A-Z].{20,}\.$/);
  }
});

test("every declared event is emitted somewhere, and every condition starts and ends", () => {
  const files = globSync("**/*.ts", { cwd: SRC }).filter(
    (file) => !/telemetry.(events|log|conditions)\.ts$/.test(file),
  );
  const source = files.map((file) => readFileSync(SRC + file, "utf8")).join("\n");
  const unended = Object.keys(CONDITIONS).filter((name) => !new RegExp(`\\.end\\(\\s*"${name}"`).test(source));
  assert.deepEqual(unended, []);
  const ends = new Set<string>(Object.values(CONDITIONS).map((condition) => condition.ends));
  // A family of events is emitted with a template: `partition.${outcome}`.
  const families = [...source.matchAll(/emit\(`([a-z]+\.)\$\{/g)].map(([, family = ""]) => family);
  const missing = Object.keys(EVENTS).filter(
    (name) => !ends.has(name) && !source.includes(`"${name}"`) && !families.some((family) => name.startsWith(family)),
  );
  assert.deepEqual(missing, []);
});
