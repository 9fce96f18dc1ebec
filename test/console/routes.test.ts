/** The table of the API's routes, compared with its statements, with a server, and with what it is described as. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { makeConsoleApp } from "../../src/console/app.ts";
import { ConsoleDatabase } from "../../src/console/consoleDatabase.ts";
import { openApi } from "../../src/console/openapi.ts";
import { makePortalApp } from "../../src/console/portal/app.ts";
import { portalOpenApi } from "../../src/console/portal/openapi.ts";
import { PORTAL_ROUTES } from "../../src/console/portal/routes.ts";
import { type AnyRoute, jsonStatementOf, type Route, statementOf } from "../../src/console/route.ts";
import { ROUTES } from "../../src/console/routes.ts";
import { CHOICES } from "../../src/console/ui/choices.ts";
import { consoleNames, consoleText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";
import { describeStatement, typeName } from "../support/described.ts";
import { askFor, rowsOf } from "../support/engine.ts";

const database = useDatabase();

const TABLE: readonly AnyRoute[] = [...ROUTES, ...PORTAL_ROUTES];

test("every statement of sql/console is run by one route, and no route has another", () => {
  const searches = new Set(TABLE.flatMap(({ answer }) => (answer.kind === "page" ? (answer.search?.name ?? []) : [])));
  assert.deepEqual([...TABLE.map(({ name }) => name), ...searches].toSorted(), consoleNames());
});

test("each statement says what its parameters are", () => {
  for (const name of consoleNames()) {
    const text = consoleText(name);
    const header = /^(?:--.*\n)+/.exec(text)?.[0] ?? "";
    const used = new Set([...statementOf({ name }).matchAll(/\$\d+/g)].map(([parameter]) => parameter));
    assert.deepEqual(
      [...header.matchAll(/\$\d+/g)].map(([parameter]) => parameter),
      [...used].toSorted((one, other) => Number(one.slice(1)) - Number(other.slice(1))),
      name,
    );
  }
});

describe("a statement takes and gives what its route says", { concurrency: false }, () => {
  for (const route of TABLE) {
    test(route.name, async () => {
      const described = await describeStatement(database.pool, `api_${route.name}`, statementOf(route));
      assert.deepEqual(
        described.params,
        Object.values(route.takes).map(({ type }) => typeName(type)),
      );
      assert.deepEqual(
        described.columns.filter(({ type }) => type !== "void"),
        Object.entries(route.gives).map(([name, type]) => ({ name, type: typeName(type) })),
      );
      const notNull = Object.keys(route.gives).filter((name) => route.gives[name]?.endsWith("?") === false);
      assert.deepEqual(
        described.nullable.filter((name) => notNull.includes(name)),
        [],
        "these columns may be null",
      );
      await describeStatement(database.pool, `json_${route.name}`, jsonStatementOf(route));
    });
  }
});

test("the API shows every option of an endpoint that is no secret, and changes every one but its kind", async () => {
  const options = await rowsOf<{ name: string; is_secret: boolean }>(
    database.pool,
    "select name, is_secret from postrider_internal.endpoint_options()",
  );
  const shown = Object.keys(routeOf("read_endpoint").gives);
  const changed = Object.keys(routeOf("change_endpoint").takes.settings?.members ?? {});
  for (const { name, is_secret } of options) {
    assert.equal(shown.includes(name), !is_secret, `${name} is shown`);
    assert.equal(changed.includes(name), name !== "kind", `${name} is changed`);
  }
});

function routeOf(name: string): Route {
  const route = ROUTES.find((each) => each.name === name);
  assert.ok(route !== undefined, name);
  return route;
}

test("the dashboard offers every value of the settings that have a few, and no other", async () => {
  const checks = await rowsOf<{ column: string; definition: string }>(
    database.pool,
    `select a.attname as column, pg_get_constraintdef(c.oid) as definition
     from pg_attribute a join pg_constraint c on c.contypid = a.atttypid
     where a.attrelid = 'postrider.endpoint'::regclass
     union all
     select 'unknown_types', pg_get_constraintdef(c.oid) from pg_constraint c
     where c.conrelid = 'postrider.event_type_policy'::regclass and c.contype = 'c'`,
  );
  for (const [name, values] of Object.entries(CHOICES).filter(([each]) => each !== "states")) {
    const known = checks
      .filter(({ column }) => column === name)
      .flatMap(({ definition }) => [...definition.matchAll(/'([^']+)'::text/g)].map(([, value]) => value));
    assert.deepEqual(values.toSorted(), known.toSorted(), name);
  }
  const id = await askFor(database.pool, "select endpoint_id from postrider.create_endpoint('https://receiver.test/')");
  await assert.rejects(
    database.pool.query("select postrider.replay($1, '-infinity', states => '{other}')", [id]),
    ({ hint }: { hint: string }) => hint === `The states are: ${CHOICES.states?.join(", ")}.`,
  );
});

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, unknown>>;
  readonly "x-sql"?: string;
  readonly "x-sql-parameters"?: readonly string[];
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const committed: Readonly<Record<"api" | "portal", Document>> = {
  api: documentIn("openapi.json"),
  portal: documentIn("portal/openapi.json"),
};

function documentIn(path: string): Document {
  return JSON.parse(readFileSync(new URL(`../../src/console/${path}`, import.meta.url), "utf8"));
}

test("the OpenAPI documents that are committed are those that are served", () => {
  assert.deepEqual(committed, JSON.parse(JSON.stringify({ api: openApi(), portal: portalOpenApi() })));
});

test("the OpenAPI documents have every route of their servers, and no other", () => {
  const consoleDatabase = new ConsoleDatabase({
    apiDatabaseUrl: "postgres://127.0.0.1:1/none",
    apiDatabaseUrlFile: null,
  });
  const options = { database: consoleDatabase, hosts: [], onError: assert.fail };
  const apps = {
    api: makeConsoleApp({ ...options, compose: () => assert.fail() }),
    portal: makePortalApp({ ...options, origins: [] }),
  };
  const pages = ["GET /", "GET /assets/:name"];
  for (const name of ["api", "portal"] as const) {
    const served = apps[name].routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path}`);
    const described = Object.entries(committed[name].paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
    );
    assert.deepEqual([...described, "GET /openapi.json", ...pages].toSorted(), served.toSorted());
  }
});

test("each route is reached under its address, whatever other addresses look like it", async () => {
  const consoleDatabase = new ConsoleDatabase({
    apiDatabaseUrl: "postgres://127.0.0.1:1/none",
    apiDatabaseUrlFile: null,
  });
  const options = { database: consoleDatabase, hosts: [], onError: assert.fail };
  const tables = [
    ["/api/v1", ROUTES, makeConsoleApp({ ...options, compose: () => assert.fail() })],
    ["/api/v1/portal", PORTAL_ROUTES, makePortalApp({ ...options, origins: [] })],
  ] as const;
  for (const [base, routes, app] of tables) {
    for (const { method, path, name } of routes) {
      const asked = { method, headers: { host: "localhost" } };
      const response = await app.request(`${base}${path}`, asked, { incoming: { rawHeaders: [], socket: {} } });
      assert.equal(response.status, 401, name);
    }
  }
});

test("the OpenAPI documents are whole: references lead somewhere, and ids are unique", () => {
  for (const document of Object.values(committed)) {
    for (const [, pointer = ""] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = pointer.split("/").reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document);
      assert.ok(target !== undefined, pointer);
    }
    const operations = operationsOf(document);
    assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  }
});

test("each operation of the API has its SQL in the document", () => {
  for (const operation of operationsOf(committed.api).filter(({ operationId }) => !operationId.endsWith("_session"))) {
    const parameters = operation["x-sql-parameters"] ?? [];
    const used = new Set([...(operation["x-sql"] ?? "").matchAll(/\$\d+/g)].map(([parameter]) => parameter));
    assert.equal(used.size, parameters.length, operation.operationId);
  }
});

function operationsOf({ paths }: Document): readonly Operation[] {
  return Object.values(paths).flatMap((methods) => Object.values(methods));
}

test("what reads is a GET, and nothing else is", () => {
  // A request with its signature is no secret of a reader's.
  const isReader = ({ scope, answer }: Route) => ["read", "payload"].includes(scope) || answer.kind === "request";
  assert.deepEqual(
    ROUTES.filter((route) => isReader(route) !== (route.method === "GET")).map(({ name }) => name),
    [],
  );
});
