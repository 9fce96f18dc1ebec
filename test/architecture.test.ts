import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import test from "node:test";

/** The invariants of src/README.md that can be read off the source. */

interface Source {
  /** Relative to src, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Imported modules: paths relative to src, package names, node: names. */
  readonly imports: readonly string[];
}

const ROOT = new URL("../src/", import.meta.url).pathname;

const sources: readonly Source[] = globSync("**/*.ts", { cwd: ROOT }).map((file) => {
  const path = file.replaceAll("\\", "/");
  const text = readFileSync(join(ROOT, file), "utf8");
  const imports = [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, name = ""]) =>
    name.startsWith(".") ? normalize(join(dirname(path), name)) : name,
  );
  return { path, text, imports };
});

function offenders(isOffence: (source: Source) => boolean): string[] {
  return sources.filter(isOffence).map(({ path }) => path);
}

test("the source has been read", () => {
  assert.ok(sources.some(({ path, imports }) => path === "db/connect.ts" && imports.includes("pg")));
  assert.ok(sources.length > 20);
});

/** The rooms of src by floor, the lowest first. A room imports only rooms on the floors below its own. */
const FLOORS: readonly (readonly string[])[] = [
  ["ground", "format", "secrets", "publish"],
  ["domain", "db", "typegen", "receive"],
  ["http", "telemetry", "serve"],
  ["config", "ingest", "apply", "listen", "console"],
  ["daemon", "dev", "processes"],
  ["cli"],
  ["main.ts"],
];

function floorOf(path: string): number {
  const [room = ""] = path.split("/");
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

test("a room imports only rooms on lower floors", () => {
  assert.deepEqual(
    offenders(({ path }) => floorOf(path) === -1),
    [],
    "every room has a floor",
  );
  const upwards = sources.flatMap(({ path, imports }) =>
    imports
      .filter((name) => name.endsWith(".ts") && name.split("/")[0] !== path.split("/")[0])
      .filter((name) => floorOf(name) >= floorOf(path))
      .map((name) => `${path} imports ${name}`),
  );
  assert.deepEqual(upwards, []);
});

test("the page on how it is built has each room on its floor, the highest first", () => {
  const page = readFileSync(join(ROOT, "README.md"), "utf8");
  const rows = [...page.matchAll(/^\| (\d) \| `([\w.]+)\/?` \|/gm)].map(([, floor, room]) => `${floor} ${room}`);
  const expected = FLOORS.flatMap((rooms, floor) => rooms.map((room) => `${floor} ${room}`));
  assert.deepEqual(rows.toSorted(), expected.toSorted());
  const floors = rows.map((row) => Number(row[0]));
  assert.deepEqual(floors, floors.toSorted().toReversed());
});

test("no modules import each other in a circle", () => {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    assert.ok(!way.includes(path), [...way, path].join(" imports "));
    if (!done.has(path)) {
      for (const next of importsOf.get(path) ?? []) {
        visit(next, [...way, path]);
      }
      done.add(path);
    }
  };
  for (const { path } of sources) {
    visit(path, []);
  }
});

test("only db imports the Postgres client and the query builder, and only the listener imports its library", () => {
  const found = offenders(
    ({ path, imports }) =>
      (!path.startsWith("db/") && imports.some((name) => ["pg", "kysely"].includes(name))) ||
      (path !== "daemon/wake/listener.ts" && imports.includes("pg-listen")),
  );
  assert.deepEqual(found, []);
});

test("a health check, which runs every few seconds, loads neither Postgres nor the listener", () => {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]));
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (!loaded.has(path)) {
      loaded.add(path);
      for (const name of importsOf.get(path) ?? []) load(name);
    }
  };
  load("cli/health.ts");
  assert.ok(loaded.has("config/listen.ts"));
  assert.deepEqual(
    [...loaded].filter((path) =>
      /^(db|daemon|http|listen|serve|console|telemetry)\/|^(pg|kysely|pino)$|hono/.test(path),
    ),
    [],
  );
});

test("nothing imports another HTTP client: all requests have one set of limits", () => {
  const clients = ["undici", "node:https", "node:http2"];
  assert.deepEqual(
    offenders(({ imports }) => clients.some((name) => imports.includes(name))),
    [],
  );
});

test("of http, the settings know only what reads an egress policy, a proxy and certificates", () => {
  const readers = ["policy", "proxy", "certificates"].map((name) => `http/egress/${name}.ts`);
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("config/") && imports.some((name) => name.startsWith("http/") && !readers.includes(name)),
  );
  assert.deepEqual(found, []);
});

test("only telemetry/log.ts imports the logger", () => {
  assert.deepEqual(
    offenders(({ path, imports }) => path !== "telemetry/log.ts" && imports.includes("pino")),
    [],
  );
});

test("OpenTelemetry is only in what is loaded for traces, and nothing but the loader leads there", () => {
  const isTraced = (path: string) => path.startsWith("telemetry/traces/") && !/\/(load|start|traces)\.ts$/.test(path);
  const found = offenders(
    ({ path, imports, text }) =>
      !isTraced(path) &&
      (imports.some((name) => name.startsWith("@opentelemetry/")) ||
        (imports.some(isTraced) &&
          !(path.endsWith("/load.ts") && text.includes('return import("./openTelemetry.ts")')))),
  );
  assert.deepEqual(found, []);
});

test("only apply/yaml.ts imports the parser of YAML", () => {
  assert.deepEqual(
    offenders(({ path, imports }) => path !== "apply/yaml.ts" && imports.includes("yaml")),
    [],
  );
});

test("only what answers HTTP imports the HTTP framework", () => {
  const isFramework = (name: string) => /^(@hono\/|hono(\/|$))/.test(name);
  assert.deepEqual(
    offenders(({ path, imports }) => !/^(serve|listen|console)\//.test(path) && imports.some(isFramework)),
    [],
  );
});

test("only what encrypts, decrypts, and reads sets of keys imports the library of JOSE", () => {
  const paths = ["format/encrypt.ts", "receive/decrypt.ts", "receive/jwks.ts"];
  assert.deepEqual(
    offenders(({ path, imports }) => !paths.includes(path) && imports.includes("jose")),
    [],
  );
});

test("what emits events knows nothing of the log: only a command makes one", () => {
  const found = offenders(
    ({ path, imports }) => !/^(cli|telemetry)\//.test(path) && imports.includes("telemetry/log.ts"),
  );
  assert.deepEqual(found, []);
});

test("telemetry knows nothing of what it reports", () => {
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("telemetry/") &&
      imports.some((name) => name.endsWith(".ts") && !/^(telemetry|ground|domain|config)\//.test(name)),
  );
  assert.deepEqual(found, []);
});

test("ground imports nothing of the project but itself", () => {
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("ground/") && imports.some((name) => name.endsWith(".ts") && !name.startsWith("ground/")),
  );
  assert.deepEqual(found, []);
});

test("telemetry imports neither the database nor what works on it", () => {
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("telemetry/") && imports.some((name) => /^(db|http|daemon|ingest|cli|dev)\//.test(name)),
  );
  assert.deepEqual(found, []);
});

test("domain imports nothing of the project but itself", () => {
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("domain/") && imports.some((name) => name.endsWith(".ts") && !name.startsWith("domain/")),
  );
  assert.deepEqual(found, []);
});

test("no stage of the daemon imports another; only the loop and the composition know them", () => {
  const rooms = new Set(sources.flatMap(({ path }) => /^daemon\/(\w+)\//.exec(path)?.[1] ?? []));
  assert.deepEqual(rooms, new Set(["wake", "claim", "deliver", "record", "upkeep"]));
  const roomOf = (path: string) => /^daemon\/(\w+)\//.exec(path)?.[1];
  const found = sources.flatMap(({ path, imports }) => {
    const room = roomOf(path);
    const others = imports.filter((name) => name.startsWith("daemon/") && room !== undefined && roomOf(name) !== room);
    return others.filter((name) => name !== "daemon/agenda.ts").map((name) => `${path} imports ${name}`);
  });
  assert.deepEqual(found, []);
  const knowing = sources.filter(({ path }) => roomOf(path) === undefined && path !== "daemon/memory.ts");
  const composers = knowing.filter(({ imports }) => imports.some((name) => roomOf(name) !== undefined));
  assert.deepEqual(composers.map(({ path }) => path).toSorted(), [
    "daemon/daemon.ts",
    "daemon/loop.ts",
    "daemon/parts.ts",
    // Makes requests that people look at, as the step that delivers would.
    "daemon/preview.ts",
  ]);
});

/** The modules that an entry loads: at once, or at some time. */
function loadedBy(entry: string, isAtOnce: boolean): ReadonlySet<string> {
  const loaded = new Set([entry]);
  for (const path of loaded) {
    const text = sources.find((source) => source.path === path)?.text ?? "";
    const pattern = isAtOnce ? /^(?:import|export) (?!type )[^;]*?from "([^"]+)"/gms : /(?:from|import\()\s*"([^"]+)"/g;
    for (const [, name = ""] of text.matchAll(pattern)) {
      loaded.add(name.startsWith(".") ? normalize(join(dirname(path), name)) : name);
    }
  }
  return loaded;
}

test("the receiver kit imports nothing but itself, what its bundle holds, and of that nothing at once", () => {
  const isOwn = (name: string) => name.startsWith("receive/");
  const all = loadedBy("receive/receive.ts", false);
  assert.deepEqual([...all].filter((name) => !isOwn(name)).toSorted(), ["jose", "saxes"]);
  const atOnce = loadedBy("receive/receive.ts", true);
  assert.ok(atOnce.has("receive/signature.ts"));
  assert.deepEqual(
    [...atOnce].filter((name) => !isOwn(name)),
    [],
  );
});

test("only receive/xmlReader.ts imports the parser of XML", () => {
  assert.deepEqual(
    offenders(({ path, imports }) => path !== "receive/xmlReader.ts" && imports.includes("saxes")),
    [],
  );
});

test("the receiver kit imports nothing of the project but itself, and nothing of Node", () => {
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("receive/") &&
      imports.some((name) => name.startsWith("node:") || (name.endsWith(".ts") && !name.startsWith("receive/"))),
  );
  assert.deepEqual(found, []);
});

test("what applications import to publish imports nothing but itself", () => {
  const published = sources.filter(({ path }) => path.startsWith("publish/"));
  assert.ok(published.length > 3);
  assert.deepEqual(
    published.flatMap(({ imports }) => imports.filter((name) => !name.startsWith("publish/"))),
    [],
  );
});

test("types are made of a catalogue without a look at anything else", () => {
  const found = offenders(
    ({ path, imports }) =>
      path.startsWith("typegen/") &&
      imports.some((name) => !name.startsWith("typegen/") && name !== "ground/printable.ts"),
  );
  assert.deepEqual(found, []);
});

test("nothing below the composition root imports the commands or the development server", () => {
  const found = offenders(
    ({ path, imports }) =>
      /^(db|domain|format|http|telemetry|ground|daemon\/.*)\//.test(path) &&
      imports.some((name) => /^(dev\/|cli\/|main\.ts|daemon\/daemon\.ts)/.test(name)),
  );
  assert.deepEqual(found, []);
});

test("only config/ and the way into the program read the environment", () => {
  const found = offenders(({ path, text }) => /process\.env\b/.test(text) && !["main.ts"].includes(path));
  assert.deepEqual(found, []);
});

test("only main.ts ends the process", () => {
  assert.deepEqual(
    offenders(({ path, text }) => /process\.exit\(/.test(text) && path !== "main.ts"),
    [],
  );
});

test("the pipeline parses no payload", () => {
  assert.deepEqual(
    offenders(({ path, text }) => /JSON\.parse/.test(text) && /^(domain|format|daemon|http)\//.test(path)),
    [],
  );
});

test("time is read in ground/clock.ts alone, and in the pages that run in a browser", () => {
  const found = offenders(
    ({ path, text }) =>
      path !== "ground/clock.ts" &&
      !/^console\/(portal\/)?ui\//.test(path) &&
      /Date\.now\(|new Date\(\)|performance\.now\(/.test(text),
  );
  assert.deepEqual(found, []);
});

test("what is spread over time draws its randomness from the two files of backoff alone", () => {
  const paths = ["ground/backoff.ts", "receive/backoff.ts"];
  assert.deepEqual(
    offenders(({ path, text }) => !paths.includes(path) && /Math\.random\(/.test(text)),
    [],
  );
});
