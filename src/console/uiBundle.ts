import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { statementOf } from "./route.ts";
import { ROUTES } from "./routes.ts";
import type { Operation } from "./ui/table.ts";

const UI = join(import.meta.dirname, "ui");
const ROOT = join(import.meta.dirname, "../..");

/** What the dashboard consists of. */
export interface UiTexts {
  /** HTML, with {script} and {style} where their addresses go. */
  readonly page: string;
  readonly script: string;
  readonly style: string;
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
    platform: "browser",
    // What has light-dark(), which the style needs, has all of this.
    target: "es2023",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "silent",
    plugins: [writeOperations],
  });
  if (warnings.length > 0) {
    throw new Error(warnings.map(({ location, text }) => `${location?.file}: ${text}`).join("\n"));
  }
  const textOf = (name: string): string => outputFiles.find(({ path }) => path === join(UI, name))?.text ?? "";
  const page = await readFile(join(UI, "index.html"), "utf8");
  const texts = { page, script: textOf("main.js"), style: textOf("style.css") };
  return { texts, inputs: Object.keys(metafile.inputs) };
}

const writeOperations: Plugin = {
  name: "write-operations",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]ui[\\/]table\.ts$/ }, () => ({
      contents: `export const OPERATIONS = ${JSON.stringify(operations())};`,
    }));
  },
};

function operations(): Readonly<Record<string, Operation>> {
  return Object.fromEntries(
    ROUTES.map((route) => {
      const { name, method, path, scope } = route;
      const takes = Object.fromEntries(Object.entries(route.takes).map(([each, { from }]) => [each, from]));
      return [name, { method, path, scope, takes, sql: statementOf(route) }];
    }),
  );
}
