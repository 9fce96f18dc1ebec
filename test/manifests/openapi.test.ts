/** The OpenAPI document of the API, as a linter sees it. That it is the one that is served, test/console compares. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";

test("the OpenAPI document of the API pleases a linter, and each operation says what it does, needs and may answer", async () => {
  const path = new URL("../../src/console/openapi.json", import.meta.url).pathname;
  const config = await createConfig({
    extends: ["recommended-strict"],
    rules: {
      "operation-description": "error",
      "operation-operationId": "error",
      "operation-singular-tag": "error",
      "parameter-description": "error",
      "operation-parameters-unique": "error",
      "no-invalid-media-type-examples": "error",
      "no-invalid-schema-examples": "error",
      "no-invalid-parameter-examples": "error",
    },
  });
  const problems = await lintFromString({ source: readFileSync(path, "utf8"), absoluteRef: path, config });
  assert.deepEqual(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${location[0]?.pointer} ${message}`),
    [],
  );
});
