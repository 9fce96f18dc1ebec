/** The bill of materials of a build is what CycloneDX's own schema says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { bundle } from "../../build.ts";
import { withNode } from "../../sbom.ts";

let directory = "";
let bom = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "postrider-sbom-"));
  await bundle({ outfile: join(directory, "postrider.mjs") });
  bom = readFileSync(join(directory, "sbom.cdx.json"), "utf8");
});

after(() => rm(directory, { recursive: true, force: true }));

test("the bill of materials of a build is valid CycloneDX, with Node in it and without", async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  assert.equal(await validator.validate(bom), null);
  assert.equal(await validator.validate(withNode(bom, "26.10.0")), null);
  assert.notEqual(await validator.validate(bom.replace('"library"', '"shelf"')), null);
});
