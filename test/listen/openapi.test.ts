import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeApp } from "../../src/listen/app.ts";
import { ListenerDatabase } from "../../src/listen/listenerDatabase.ts";

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
}

const document: Document = JSON.parse(readFileSync(new URL("../../src/listen/openapi.json", import.meta.url), "utf8"));

test("the OpenAPI description has every route, and no other", () => {
  const database = new ListenerDatabase({ databaseUrl: null, databaseUrlFile: null, preparedStatements: null });
  const vitals = { readiness: async () => ({ reasons: [], notes: [] }), metrics: async () => ({}) };
  const app = makeApp({ vitals, database, sealingKeys: [], source: "postrider", onError: assert.fail });
  const routes = app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
  );
  assert.deepEqual(described.toSorted(), routes.toSorted());
  assert.ok(routes.length > 1);
});

test("the OpenAPI description is whole: references lead somewhere, ids are unique, and each path has an audience", () => {
  const text = JSON.stringify(document);
  for (const [, pointer = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = pointer.split("/").reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document);
    assert.ok(target !== undefined, pointer);
  }
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  for (const { tags } of operations) {
    assert.ok(tags.length === 1 && ["operators", "receivers"].includes(tags[0] ?? ""));
  }
  assert.match(document.openapi, /^3\.1\./);
});
