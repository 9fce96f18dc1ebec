import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { SCOPES } from "../domain/scope.ts";
import { recipes } from "./portal/recipes.ts";
import { PORTAL_ROUTES } from "./portal/routes.ts";
import { type AnyRoute, statementOf } from "./route.ts";
import { ROUTES } from "./routes.ts";
import type { Asked } from "./ui/asked.ts";
import type { Operation } from "./ui/table.ts";

const ROOT = join(import.meta.dirname, "../..");

export type PageName = "dashboard" | "portal";

interface Source {
  readonly folder: string;
  readonly routes: readonly AnyRoute[];
  /** Where they are behind /api/v1. */
  readonly base: string;
  /** Whether its forms are made from what the routes take. */
  readonly hasForms: boolean;
}

const SOURCES: Readonly<Record<PageName, Source>> = {
  dashboard: { folder: join(import.meta.dirname, "ui"), routes: ROUTES, base: "", hasForms: true },
  portal: { folder: join(import.meta.dirname, "portal/ui"), routes: PORTAL_ROUTES, base: "/portal", hasForms: false },
};

/** What a page consists of. */
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

/** Bundles a page. Rejects if esbuild finds an error or a warning. */
export async function bundleUi(name: PageName): Promise<UiBundle> {
  const source = SOURCES[name];
  const { folder } = source;
  const { outputFiles, warnings, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(folder, "main.tsx"), join(folder, "style.css")],
    outdir: folder,
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
    plugins: [writeTables(source)],
  });
  if (warnings.length > 0) {
    throw new Error(warnings.map(({ location, text }) => `${location?.file}: ${text}`).join("\n"));
  }
  const textOf = (name: string): string => outputFiles.find(({ path }) => path === join(folder, name))?.text ?? "";
  const page = await readFile(join(folder, "index.html"), "utf8");
  const others = outputFiles.filter(({ path }) => !["main.js", "style.css"].includes(basename(path)));
  const parts = Object.fromEntries(others.map(({ path, text }) => [basename(path), text]));
  const texts = { page, script: textOf("main.js"), style: textOf("style.css"), parts };
  return { texts, inputs: Object.keys(metafile.inputs) };
}

function writeTables(source: Source): Plugin {
  const files: Readonly<Record<string, string>> = {
    table: `export const SCOPES = ${JSON.stringify(SCOPES)}, OPERATIONS = ${JSON.stringify(operations(source))};`,
    asked: `export const ASKED = ${JSON.stringify(asked(source))};`,
    statements: `export const STATEMENTS = ${JSON.stringify(statements(source))};`,
    recipes: `export const RECIPES = ${JSON.stringify(recipes())};`,
  };
  return {
    name: "write-tables",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]console[\\/](portal[\\/])?ui[\\/](table|asked|statements|recipes)\.ts$/ }, ({ path }) => ({
        contents: files[basename(path, ".ts")] ?? "",
      }));
    },
  };
}

function statements({ routes }: Source): Readonly<Record<string, string>> {
  return Object.fromEntries(routes.map((route) => [route.name, statementOf(route)]));
}

function operations({ routes, base, hasForms }: Source): Readonly<Record<string, Operation>> {
  return Object.fromEntries(
    routes.map((route) => {
      const { name, method, path, scope } = route;
      const takes = Object.fromEntries(Object.entries(route.takes).map(([each, { from }]) => [each, from]));
      const asks = hasForms && method !== "GET" ? { asks: mapValues(asksOf(route), ([type]) => type) } : {};
      return [name, { name, method, path: `${base}${path}`, scope, takes, ...asks }];
    }),
  );
}

function asked({ routes }: Source): Readonly<Record<string, Readonly<Record<string, Asked>>>> {
  const writes = routes.filter(({ method }) => method !== "GET");
  return Object.fromEntries(writes.map((route) => [route.name, mapValues(asksOf(route), ([, ...rest]) => rest)]));
}

/** What the path has is known where a button stands. */
function asksOf({ takes }: AnyRoute): Readonly<Record<string, readonly [type: string, ...Asked]>> {
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
