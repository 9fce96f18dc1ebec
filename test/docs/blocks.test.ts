import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf, guideBlock, guidePaths } from "../support/guides.ts";
import { SQL_BLOCKS, untestedBlocks } from "./blocks.ts";

test("each block of sh and ts in the documents is run by a test that asks for it; SQL is run in any case", () => {
  assert.ok(SQL_BLOCKS.length > 0);
  assert.deepEqual(
    untestedBlocks().map(({ guide, heading, language }) => `${guide}, ${heading}: ${language}`),
    [],
  );
});

test("every document of the project is looked at, and none of its packages", () => {
  for (const guide of ["README.md", "CHANGELOG.md", "sql/README.md", "src/README.md", "src/publish/README.md"]) {
    assert.ok(guidePaths().includes(guide), guide);
  }
  assert.deepEqual(
    guidePaths().filter((guide) => /node_modules|dist/.test(guide)),
    [],
  );
});

test("a block has the heading above it, its language, and no indentation of a list around it", () => {
  const [first] = blocksOf("README.md");
  assert.deepEqual([first?.heading, first?.language, first?.text.split("\n")[0]], ["Postrider", "sql", "begin;"]);
  const [indented] = blocksOf("sql/roles.md").filter(({ heading }) => heading === "Why");
  assert.match(indented?.text ?? "", /^revoke select/);
  assert.throws(() => guideBlock("README.md", "Postrider", "ts"), /has no block of ts below "Postrider"/);
});
