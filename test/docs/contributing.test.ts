/** What CONTRIBUTING.md tells a newcomer to type exists. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { guideBlocks, guideText, ROOT } from "../support/guides.ts";
import { notePrograms } from "../support/notedPrograms.ts";

const GUIDE = "CONTRIBUTING.md";

test("the ten minutes run scripts that exist, on tests that exist", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "postrider-contributing-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const noted = await notePrograms(directory, ["npm"]);
  const commands = guideBlocks("CONTRIBUTING.md", "Ten minutes", "sh").join("");
  await promisify(execFile)("bash", ["-euc", commands], { env: noted.env });
  const calls = await noted.calls();
  assert.deepEqual(calls[0], ["npm", "ci"]);
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const [, first = "", second = "", path] of calls.slice(1)) {
    assert.ok(Object.hasOwn(scripts, first === "run" ? second : first), `npm ${first} ${second}`);
    assert.ok(path === undefined || existsSync(join(ROOT, path)), `${path}`);
  }
  assert.equal(calls.length, 6);
});

test("the folders of tests that it names are there", () => {
  const named = [...guideText(GUIDE).matchAll(/`npm test -- ([^`]+)`/g)].flatMap(([, paths = ""]) => paths.split(" "));
  assert.ok(named.length > 5);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});
