import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeApp } from "../../src/listen/app.ts";
import { ListenerDatabase } from "../../src/listen/listenerDatabase.ts";
import { undescribed } from "../support/listenerAnswers.ts";

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

test("an answer that the OpenAPI description lacks is found in any test of the listener", () => {
  const faultsOf = (path: string, status: number, type: string | null, method = "GET") => {
    const headers: Record<string, string> = type === null ? {} : { "content-type": type };
    return undescribed(new Request(`http://test${path}`, { method }), new Response(null, { status, headers }));
  };
  const problem = "application/problem+json";
  assert.deepEqual(faultsOf("/readyz", 503, "application/json; charset=utf-8"), []);
  assert.deepEqual(faultsOf("/readyz", 404, problem), [], "a proxy passed it on");
  assert.deepEqual(faultsOf("/payloads/x?limit=1&after=y", 200, "application/x-ndjson", "HEAD"), []);
  assert.deepEqual(faultsOf("/payloads/x", 405, problem, "POST"), []);
  assert.deepEqual(faultsOf("/none", 404, problem), []);
  assert.deepEqual(faultsOf("/none", 200, "text/plain"), ["GET /none: 200 is on no path of openapi.json"]);
  assert.deepEqual(faultsOf("/payloads/x", 403, problem), ["GET /payloads/x: 403 is not described"]);
  assert.deepEqual(faultsOf("/healthz", 200, "text/html"), [
    "GET /healthz: 200 is described as text/plain, and is text/html",
  ]);
  assert.deepEqual(faultsOf("/payloads/x?part=1", 200, "application/json"), ["GET /payloads/x: 200: part"]);
});
