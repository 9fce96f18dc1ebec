/** Everything that the documents name exists: files, headings, scripts, commands, settings, schema objects, log events. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { COMMAND_NAMES, loadCommand } from "../../src/cli/commands.ts";
import { settingsTable } from "../../src/config/settingsTable.ts";
import { EVENTS } from "../../src/telemetry/events.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { guidePaths, guideText, linksOf, ROOT } from "../support/guides.ts";

const database = useDatabase();

/** Names that follow `postrider.` but are not objects of the schema: settings of a session, names of files. */
const NOT_IN_SCHEMA = ["wake", "traceparent", "on_behalf_of", "place", "mjs", "dump", "service", "yaml"].map(
  (name) => `postrider.${name}`,
);
/** Functions that a guide calls and Postgres does not have, and methods of SQL/JSON paths. */
const NOT_IN_POSTGRES = ["publishMany", "postgresInbox", "memoryInbox", "create", "keyvalue", "size", "double"];
/** Files that a build makes. */
const BUILT = /^dist\//;

/** All matches of a pattern in the documents, as `guide: first group`, except the correct ones. */
function mistakes(pattern: RegExp, isRight: (found: string, guide: string) => boolean, text = guideText): string[] {
  return guidePaths().flatMap((guide) =>
    [...text(guide).matchAll(pattern)]
      .map(([, found = ""]) => found)
      .filter((found) => !isRight(found, guide))
      .map((found) => `${guide}: ${found}`),
  );
}

/** Text in backticks within a line, each on a separate line. */
function inlineCode(guide: string): string {
  const prose = guideText(guide).replaceAll(/^ *```.*?^ *```$/gms, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code).join("\n");
}

test("links lead to files and headings that are there", () => {
  const broken = (link: string) => {
    const [path = "", anchor] = link.split("#");
    return !existsSync(join(ROOT, path)) || (anchor !== undefined && !anchorsOf(path).includes(anchor));
  };
  const links = guidePaths().flatMap((guide) => linksOf(guide).map((link) => ({ guide, link })));
  assert.deepEqual(
    links.filter(({ link }) => broken(link)),
    [],
  );
});

/** As GitHub makes them of headings. */
function anchorsOf(guide: string): readonly string[] {
  return [...guideText(guide).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("paths in backticks are those of files and folders", () => {
  const isRight = (path: string, guide: string) =>
    BUILT.test(path) || [ROOT, join(ROOT, dirname(guide))].some((folder) => existsSync(join(folder, path)));
  assert.deepEqual(mistakes(/^((?:[\w-]+\/)+(?:[\w-]+\.(?:ts|sql|md|mjs))?)$/gm, isRight, inlineCode), []);
});

test("scripts of npm exist, and parts of the benchmark", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  assert.deepEqual(
    mistakes(/\bnpm run (?:-s )?([\w:]+)/g, (script) => Object.hasOwn(scripts, script)),
    [],
  );
  const bench = readFileSync(join(ROOT, "test/bench/run.ts"), "utf8");
  assert.deepEqual(
    mistakes(/ --parts (\w+)/g, (part) => new RegExp(`^ +${part}: `, "m").test(bench)),
    [],
  );
});

test("commands exist, with their options", async () => {
  const options = new Map(
    await Promise.all(COMMAND_NAMES.map(async (name) => [name as string, (await loadCommand(name)).options] as const)),
  );
  const isRight = (command: string) => {
    const [name = "", ...words] = command.split(" ");
    const given = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? []);
    return given.every((option) => Object.hasOwn(options.get(name) ?? {}, option)) && options.has(name);
  };
  assert.deepEqual(mistakes(/^postrider ([a-z].*)$/gm, isRight, inlineCode), []);
});

test("settings exist", () => {
  const table = settingsTable();
  const isRight = (name: string) => table.includes(`\`${name}\``);
  assert.deepEqual(mistakes(/\b(POSTRIDER_(?!TEST_)\w+)/g, isRight), []);
});

test("tables, views, columns and functions exist", async () => {
  const names = await rowsOf<{ name: string; schema: string }>(
    database.pool,
    `select relname as name, relnamespace::regnamespace::text as schema from pg_class
     union select proname, pronamespace::regnamespace::text from pg_proc`,
  );
  const own = new Set(names.map(({ schema, name }) => `${schema}.${name}`));
  assert.deepEqual(
    mistakes(/\b(postrider(?:_internal)?\.\w+)/g, (name) => own.has(name) || NOT_IN_SCHEMA.includes(name)),
    [],
  );
  const all = new Set(names.map(({ name }) => name));
  assert.deepEqual(
    mistakes(/^(\w+)\(.*\)$/gm, (name) => all.has(name) || NOT_IN_POSTGRES.includes(name), inlineCode),
    [],
  );
});

test("every name that looks like a log event is one, or is a column of a table", async () => {
  const subjects = new Set(Object.keys(EVENTS).map((name) => name.split(".")[0]));
  const columns = await rowsOf<{ name: string }>(
    database.pool,
    "select format('%s.%s', table_name, column_name) as name from information_schema.columns where table_schema = 'postrider'",
  );
  const known = new Set([...Object.keys(EVENTS), ...columns.map(({ name }) => name)]);
  const isRight = (name: string) =>
    known.has(name) || /\.(ts|sql|yaml)$/.test(name) || !subjects.has(name.split(".")[0] ?? "");
  assert.deepEqual(mistakes(/^([a-z_]+\.[a-z_]+)$/gm, isRight, inlineCode), []);
});
