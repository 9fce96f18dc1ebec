import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { SCOPES } from "../domain/scope.ts";
import { type Route, statementOf } from "./route.ts";
import { ROUTES } from "./routes.ts";
import type { Asked } from "./ui/asked.ts";
import type { Operation } from "./ui/table.ts";

const UI = join(import.meta.dirname, "ui");
const ROOT = join(import.meta.dirname, "../..");

/** What the dashboard consists of. */
export interface UiTexts {
  /** HTML, with {script} and {style} where their addresses go. */
  readonly page: string;
  readonly script: string;
  readonly style: string;
  /** What the script loads when it is first wanted, by name. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface UiBundle {
  readonly texts: UiTexts;
  /** Modules inside, relative to the project. */
  readonly inputs: readonly string[];
}

/** Bundles the dashboard. Rejects if esbuild finds an error or a warning. */
export async function bundleUi(): Promise<UiBundle> {
  const { outputFiles, warnings, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(UI, "main.tsx"), join(UI, "style.css")],
    outdir: UI,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    splitting: true,
    platform: "browser",
    // What has light-dark(), which the style needs, has all of this.
    target: "es2023",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "silent",
    plugins: [writeTables],
  });
  if (warnings.length > 0) {
    throw new Error(warnings.map(({ location, text }) => `${location?.file}: ${text}`).join("\n"));
  }
  const textOf = (name: string): string => outputFiles.find(({ path }) => path === join(UI, name))?.text ?? "";
  const page = await readFile(join(UI, "index.html"), "utf8");
  const others = outputFiles.filter(({ path }) => !["main.js", "style.css"].includes(basename(path)));
  const parts = Object.fromEntries(others.map(({ path, text }) => [basename(path), text]));
  const texts = { page, script: textOf("main.js"), style: textOf("style.css"), parts };
  return { texts, inputs: Object.keys(metafile.inputs) };
}

const writeTables: Plugin = {
  name: "write-tables",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]ui[\\/]table\.ts$/ }, () => ({
      contents: `export const SCOPES = ${JSON.stringify(SCOPES)}, OPERATIONS = ${JSON.stringify(operations())};`,
    }));
    onLoad({ filter: /[\\/]ui[\\/]asked\.ts$/ }, () => ({
      contents: `export const ASKED = ${JSON.stringify(asked())};`,
    }));
    onLoad({ filter: /[\\/]ui[\\/]statements\.ts$/ }, () => ({
      contents: `export const STATEMENTS = ${JSON.stringify(statements())};`,
    }));
  },
};

function statements(): Readonly<Record<string, string>> {
  return Object.fromEntries(ROUTES.map((route) => [route.name, statementOf(route)]));
}

function operations(): Readonly<Record<string, Operation>> {
  return Object.fromEntries(
    ROUTES.map((route) => {
      const { name, method, path, scope } = route;
      const takes = Object.fromEntries(Object.entries(route.takes).map(([each, { from }]) => [each, from]));
      const asks = method === "GET" ? {} : { asks: mapValues(asksOf(route), ([type]) => type) };
      return [name, { name, method, path, scope, takes, ...asks }];
    }),
  );
}

function asked(): Readonly<Record<string, Readonly<Record<string, Asked>>>> {
  const writes = ROUTES.filter(({ method }) => method !== "GET");
  return Object.fromEntries(writes.map((route) => [route.name, mapValues(asksOf(route), ([, ...rest]) => rest)]));
}

/** What the path has is known where a button stands. */
function asksOf({ takes }: Route): Readonly<Record<string, readonly [type: string, ...Asked]>> {
  return Object.fromEntries(
    Object.entries(takes).flatMap(([name, parameter]): [string, readonly [string, ...Asked]][] => {
      const { from, type, isOptional, sentence, members = {} } = parameter;
      switch (from) {
        case "body":
        case "query":
        case "content":
          return [[name, [type, isOptional, sentence]]];
        case "members":
          return Object.entries(members).map(([member, memberType]) => [member, [memberType, true, ""]]);
        default:
          return [];
      }
    }),
  );
}

function mapValues<In, Out>(
  record: Readonly<Record<string, In>>,
  map: (value: In) => Out,
): Readonly<Record<string, Out>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
