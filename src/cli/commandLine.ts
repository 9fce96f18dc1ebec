import { parseArgs } from "node:util";
import { parseSecret } from "../format/sign.ts";
import { type Fault, PostriderError } from "../ground/errors.ts";
import { nearest } from "../ground/nearest.ts";

/** A command with its options, read and checked. `database` says whether it can do without one: see `readConfig`. */
export type Command =
  | CommandOf<"dev", DevOptions>
  | CommandOf<"migrate", MigrateOptions>
  | CommandOf<"run", Readonly<Record<never, never>>>
  | CommandOf<"adopt", AdoptOptions>
  | CommandOf<"status", StatusOptions>
  | CommandOf<"receive", ReceiveOptions>
  | CommandOf<"ingest", IngestOptions>
  | CommandOf<"types", TypesOptions>;

interface CommandOf<Name extends string, Options> {
  readonly kind: "command";
  readonly name: Name;
  readonly database: "required" | "optional";
  readonly options: Options;
}

export interface DevOptions {
  /** Null: a free one. */
  readonly port: number | null;
  /** Path, relative to the working directory. */
  readonly dataDir: string;
  readonly demo: boolean;
}

export interface MigrateOptions {
  readonly mode: "apply" | "print" | "check";
}

export interface AdoptOptions {
  readonly dryRun: boolean;
  readonly format: "text" | "json";
}

export interface StatusOptions {
  readonly format: "table" | "json";
}

export interface ReceiveOptions {
  readonly port: number;
  /** Each `whsec_…` and well-formed; empty where nothing is to be verified. */
  readonly secrets: readonly string[];
}

/** What becomes of the text. Paths are relative to the working directory. */
export type TypesOptions =
  | { readonly to: "stdout" }
  | { readonly to: "file"; readonly path: string }
  /** Compared with the file. */
  | { readonly to: "check"; readonly path: string };

export interface IngestOptions {
  /** Path, relative to the working directory; null for standard input. */
  readonly follow: string | null;
  /** Where a file begins that nothing is known of. */
  readonly from: "beginning" | "end";
  /** What its position is kept under; null for the host and the path. */
  readonly name: string | null;
  readonly eventType: string;
  readonly tenant: string;
  /** An SQL/JSON path predicate, which Postgres has yet to read. */
  readonly where: string | null;
  readonly summary: "text" | "json";
}

export type CommandLine =
  | Command
  /** Exit status 0: it was asked for, and goes to stdout. 2: no command was given, and it goes to stderr. */
  | { readonly kind: "help"; readonly text: string; readonly exitStatus: 0 | 2 }
  | { readonly kind: "version" };

interface Option {
  /** Without the dashes. */
  readonly name: string;
  readonly type: "flag" | "port" | "path" | "secrets" | "event type" | "text" | "filter";
  /** What stands for the value in usage lines; empty for a flag. */
  readonly value: string;
  /** As it would be typed; null where there is none. */
  readonly default: string | null;
  readonly sentence: string;
}

interface CommandRow {
  readonly name: Command["name"];
  readonly summary: string;
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  read(given: Given): Command;
}

/** The values of each option in the order given; `[""]` for a flag. */
type Given = ReadonlyMap<string, readonly string[]>;

const DEV_PORT: Option = {
  name: "port",
  type: "port",
  value: "N",
  default: null,
  sentence: "port of the embedded PostgreSQL; a free one unless given",
};
const DATA_DIR: Option = {
  name: "data-dir",
  type: "path",
  value: "DIR",
  default: ".postrider",
  sentence: "where the embedded PostgreSQL keeps its data",
};
const NO_DEMO: Option = {
  name: "no-demo",
  type: "flag",
  value: "",
  default: null,
  sentence: "without the demo receiver, its endpoint and the sample events",
};
const PRINT: Option = {
  name: "print",
  type: "flag",
  value: "",
  default: null,
  sentence: "write the SQL for a DBA to run by hand; touches nothing",
};
const CHECK: Option = {
  name: "check",
  type: "flag",
  value: "",
  default: null,
  sentence: "change nothing; exit status 1 if the schema is behind",
};
const DRY_RUN: Option = {
  name: "dry-run",
  type: "flag",
  value: "",
  default: null,
  sentence: "say what would be done; touches nothing",
};
const JSON_OUTPUT: Option = {
  name: "json",
  type: "flag",
  value: "",
  default: null,
  sentence: "JSON instead of text",
};
const RECEIVE_PORT: Option = {
  name: "port",
  type: "port",
  value: "N",
  default: "8428",
  sentence: "port to listen on, on 127.0.0.1; 0 is a free one",
};
const SECRET: Option = {
  name: "secret",
  type: "secrets",
  value: "S…",
  default: null,
  sentence: "secrets of the endpoint (whsec_…), to verify with; without one, signatures are not verified",
};

const FOLLOW: Option = {
  name: "follow",
  type: "path",
  value: "FILE",
  default: null,
  sentence: "follow a file across its rotations, from where the last run got to; standard input unless given",
};
const FROM_END: Option = {
  name: "from-end",
  type: "flag",
  value: "",
  default: null,
  sentence: "with --follow, the first time: begin at the end of the file, not at its beginning",
};
const INGEST_NAME: Option = {
  name: "name",
  type: "text",
  value: "NAME",
  default: null,
  sentence: "with --follow: what its position is kept under; the host and the file's path unless given",
};
const EVENT_TYPE: Option = {
  name: "type",
  type: "event type",
  value: "T",
  default: "log.line",
  sentence: "event type of the events",
};
const TENANT: Option = {
  name: "tenant",
  type: "text",
  value: "T",
  default: null,
  sentence: "tenant of the events; none unless given",
};
const WHERE: Option = {
  name: "where",
  type: "filter",
  value: "JSONPATH",
  default: null,
  sentence: "only lines that match, by an SQL/JSON path predicate such as '$.level >= 50'",
};
const JSON_SUMMARY: Option = {
  name: "json",
  type: "flag",
  value: "",
  default: null,
  sentence: "the summary at the end as JSON",
};
const OUTPUT: Option = {
  name: "output",
  type: "path",
  value: "FILE",
  default: null,
  sentence: "write this file, if it is not the same already; stdout unless given",
};
const CHECK_FILE: Option = {
  name: "check",
  type: "path",
  value: "FILE",
  default: null,
  sentence: "write nothing; exit status 1 if this file is not what would be written",
};

/** The one table of commands: parsing, help and the README go by it. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: "dev",
    summary: "everything on one machine: an embedded PostgreSQL, the daemon and a demo receiver",
    options: [DEV_PORT, DATA_DIR, NO_DEMO],
    examples: ["postrider dev", "postrider dev --port 5433 --no-demo", "DATABASE_URL=postgres://… postrider dev"],
    read: (given) => ({
      kind: "command",
      name: "dev",
      database: "optional",
      options: {
        port: optionalPort(given, DEV_PORT),
        dataDir: lastValue(given, DATA_DIR) ?? "",
        demo: !given.has(NO_DEMO.name),
      },
    }),
  },
  {
    name: "migrate",
    summary: "installs or upgrades the schema",
    options: [PRINT, CHECK],
    examples: ["postrider migrate", "postrider migrate --print > postrider.sql", "postrider migrate --check"],
    read: (given) => ({
      kind: "command",
      name: "migrate",
      database: given.has(PRINT.name) ? "optional" : "required",
      options: { mode: migrateMode(given) },
    }),
  },
  {
    name: "run",
    summary: "the daemon, against DATABASE_URL",
    options: [],
    examples: ["DATABASE_URL=postgres://… postrider run"],
    read: () => ({ kind: "command", name: "run", database: "required", options: {} }),
  },
  {
    name: "adopt",
    summary: "lets daemons work in a database that was restored or copied from another one",
    options: [DRY_RUN, JSON_OUTPUT],
    examples: ["postrider adopt --dry-run", "postrider adopt"],
    read: (given) => ({
      kind: "command",
      name: "adopt",
      database: "required",
      options: { dryRun: given.has(DRY_RUN.name), format: given.has(JSON_OUTPUT.name) ? "json" : "text" },
    }),
  },
  {
    name: "status",
    summary: "backlog, oldest undelivered event, health of endpoints, daemons",
    options: [JSON_OUTPUT],
    examples: ["postrider status", "postrider status --json | jq ."],
    read: (given) => ({
      kind: "command",
      name: "status",
      database: "required",
      options: { format: given.has(JSON_OUTPUT.name) ? "json" : "table" },
    }),
  },
  {
    name: "receive",
    summary: "a local receiver that verifies and prints what arrives",
    options: [RECEIVE_PORT, SECRET],
    examples: ["postrider receive", "postrider receive --port 9000 --secret whsec_…"],
    read: (given) => ({
      kind: "command",
      name: "receive",
      database: "optional",
      options: { port: optionalPort(given, RECEIVE_PORT) ?? 0, secrets: given.get(SECRET.name) ?? [] },
    }),
  },
  {
    name: "ingest",
    summary: "log lines into events: NDJSON from standard input or a followed file",
    options: [FOLLOW, FROM_END, INGEST_NAME, EVENT_TYPE, TENANT, WHERE, JSON_SUMMARY],
    examples: [
      "app | postrider ingest --type app.log --where '$.level >= 50'",
      "postrider ingest --follow /var/log/nginx/access.json --type nginx.request --where '$.status >= 500'",
    ],
    read: (given) => ({
      kind: "command",
      name: "ingest",
      database: "required",
      options: {
        follow: lastValue(given, FOLLOW),
        from: given.has(FROM_END.name) ? "end" : "beginning",
        name: lastValue(given, INGEST_NAME),
        eventType: lastValue(given, EVENT_TYPE) ?? "",
        tenant: lastValue(given, TENANT) ?? "",
        where: lastValue(given, WHERE),
        summary: given.has(JSON_SUMMARY.name) ? "json" : "text",
      },
    }),
  },
  {
    name: "types",
    summary: "writes TypeScript types for the event-type catalogue",
    options: [OUTPUT, CHECK_FILE],
    examples: [
      "postrider types --output src/postrider-events.ts",
      "postrider types --check src/postrider-events.ts",
      "postrider types | less",
    ],
    read: (given) => ({ kind: "command", name: "types", database: "required", options: typesOptions(given) }),
  },
];

/**
 * Reads the command line, without the node and script that `process.argv` starts with.
 *
 * `--help` and `--version` win over anything else that is there, right or wrong. Throws PostriderError (PR0001, exit
 * status 2) with one fault for everything that is wrong; no fault holds a secret.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const [first, ...rest] = argv;
  if (first === undefined) {
    return { kind: "help", text: overview(), exitStatus: 2 };
  }
  if (first === "help" || HELP_OPTIONS.has(first)) {
    const [topic] = rest;
    return { kind: "help", text: topic === undefined ? overview() : helpOf(findCommand(topic)), exitStatus: 0 };
  }
  if (VERSION_OPTIONS.has(first)) {
    return { kind: "version" };
  }
  if (first.startsWith("-")) {
    throw wrongUsage([misplacedOption(first)]);
  }
  return parseCommand(findCommand(first), rest);
}

const HELP_OPTIONS: ReadonlySet<string> = new Set(["--help", "-h"]);
const VERSION_OPTIONS: ReadonlySet<string> = new Set(["--version", "-v"]);

function findCommand(word: string): CommandRow {
  const row = COMMANDS.find(({ name }) => name === word);
  if (row !== undefined) {
    return row;
  }
  const meant = nearest(
    word,
    COMMANDS.map(({ name }) => name),
  );
  throw wrongUsage([
    {
      code: "PR0001",
      problem: `cannot run ${JSON.stringify(word)}`,
      found: "it is not a command",
      remedy: `${meant === null ? "" : `did you mean "${meant}"? `}postrider --help lists the commands`,
    },
  ]);
}

function misplacedOption(argument: string): Fault {
  const name = argument.replace(/^--?/, "").replace(/=.*$/s, "");
  const isKnown = COMMANDS.some(({ options }) => options.some((option) => option.name === name));
  const meant = isKnown ? null : nearest(name, ["help", "version"]);
  return {
    code: "PR0001",
    problem: `cannot use --${name}`,
    found: isKnown ? "it stands before the command" : "it is not an option",
    remedy:
      meant === null ? "write postrider COMMAND --option; postrider --help lists both" : `did you mean --${meant}?`,
  };
}

function parseCommand(row: CommandRow, args: readonly string[]): CommandLine {
  const tokens = tokensOf(row, args);
  const asked = tokens.flatMap((token) => (token.kind === "option" ? token.rawName : []));
  if (asked.some((name) => HELP_OPTIONS.has(name))) {
    return { kind: "help", text: helpOf(row), exitStatus: 0 };
  }
  if (asked.some((name) => VERSION_OPTIONS.has(name))) {
    return { kind: "version" };
  }
  const { given, faults } = readTokens(row, tokens);
  const allFaults = [
    ...faults,
    ...row.options.flatMap((option) => badValues(option, given.get(option.name) ?? [])),
    ...conflicts(row, given),
  ];
  if (allFaults.length > 0) {
    throw wrongUsage(allFaults);
  }
  return row.read(given);
}

type Token = ReturnType<typeof tokensOf>[number];

function tokensOf(row: CommandRow, args: readonly string[]) {
  // Only the tokens are taken: the parser's own strictness stops at the first mistake and knows no near misses.
  return parseArgs({
    args: [...args],
    options: parserOptions(row),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

/** What options were given, and what was wrong with their names or the presence of their values. */
function readTokens(row: CommandRow, tokens: readonly Token[]): { given: Given; faults: readonly Fault[] } {
  const given = new Map<string, string[]>();
  const faults: Fault[] = [];
  // Whose value an argument without dashes is: `--secret A B` says what `--secret A --secret B` says, and what follows
  // a wrong option is taken for its value, so that one slip is one fault.
  let owner: Option | "wrong option" | null = null;
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (owner === null) {
        faults.push(unexpectedArgument(row, token.value));
      } else if (owner === "wrong option") {
        owner = null;
      } else {
        given.get(owner.name)?.push(token.value);
      }
    } else if (token.kind === "option") {
      const option = row.options.find(({ name }) => `--${name}` === token.rawName);
      const fault = option === undefined ? unknownOption(row, token.rawName) : valueFault(option, token);
      if (option === undefined || fault !== null) {
        faults.push(...(fault === null ? [] : [fault]));
        owner = "wrong option";
      } else {
        given.set(option.name, [...(given.get(option.name) ?? []), token.value ?? ""]);
        owner = option.type === "secrets" ? option : null;
      }
    } else {
      owner = null;
    }
  }
  return { given, faults };
}

function parserOptions(row: CommandRow): Record<string, { type: "boolean" | "string"; short?: string }> {
  const own = row.options.map(({ name, type }) => [name, { type: type === "flag" ? "boolean" : "string" }] as const);
  return {
    ...Object.fromEntries(own),
    help: { type: "boolean", short: "h" },
    version: { type: "boolean", short: "v" },
  };
}

function unknownOption(row: CommandRow, rawName: string): Fault {
  const meant = nearest(rawName.replace(/^-+/, ""), [...row.options.map(({ name }) => name), "help", "version"]);
  return {
    code: "PR0001",
    problem: `cannot use ${rawName}`,
    found: `it is not an option of postrider ${row.name}`,
    remedy: `${meant === null ? "" : `did you mean --${meant}? `}postrider ${row.name} --help lists the options`,
  };
}

function unexpectedArgument(row: CommandRow, argument: string): Fault {
  // Where a secret was meant, it lost its --secret; it is not repeated into a terminal's log.
  const shown = /^wh(sec|sk)_/.test(argument) ? "the secret that stands alone" : JSON.stringify(argument);
  return {
    code: "PR0001",
    problem: `cannot use ${shown}`,
    found: `postrider ${row.name} takes options only`,
    remedy: `postrider ${row.name} --help lists them`,
  };
}

interface OptionToken {
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** A flag with a value, or an option without one. `--port --json` is the latter: no value starts with a dash. */
function valueFault(option: Option, token: OptionToken): Fault | null {
  const problem = `cannot use --${option.name}`;
  if (option.type === "flag") {
    return token.value === undefined
      ? null
      : { code: "PR0001", problem, found: "it takes no value", remedy: `write --${option.name} alone` };
  }
  const isMissing =
    token.value === undefined || token.value === "" || (!token.inlineValue && token.value.startsWith("-"));
  return isMissing
    ? { code: "PR0001", problem, found: "it has no value", remedy: `write --${option.name} ${option.value}` }
    : null;
}

function badValues(option: Option, values: readonly string[]): readonly Fault[] {
  switch (option.type) {
    case "flag":
    case "path":
    case "filter": // Postgres reads it
      return [];
    case "port":
      return values.filter((value) => portOf(value) === null).map((value) => badPort(option, value));
    case "secrets":
      return values.flatMap((value) => badSecret(option, value));
    case "event type":
      return values.filter((value) => !isEventType(value)).map((value) => badEventType(option, value));
    case "text":
      return values.filter((value) => value.length > TEXT_CHARS_MAX).map((value) => longText(option, value));
  }
}

function badPort(option: Option, value: string): Fault {
  return {
    code: "PR0001",
    problem: `cannot use --${option.name}`,
    found: `it is ${JSON.stringify(value)}`,
    remedy: `use a whole number from 0 to ${PORT_MAX}`,
  };
}

function isEventType(text: string): boolean {
  return /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/.test(text) && text.length <= TEXT_CHARS_MAX;
}

function badEventType(option: Option, value: string): Fault {
  return {
    code: "PR0001",
    problem: `cannot use --${option.name}`,
    found: `it is ${JSON.stringify(value)}`,
    remedy: `use words of letters, digits and underscores with dots between them, such as ${option.default}`,
  };
}

function longText(option: Option, value: string): Fault {
  return {
    code: "PR0001",
    problem: `cannot use --${option.name}`,
    found: `it has ${value.length} characters`,
    remedy: `use ${TEXT_CHARS_MAX} at most`,
  };
}

/** What the columns of the outbox take. */
const TEXT_CHARS_MAX = 255;

function badSecret(option: Option, value: string): readonly Fault[] {
  const parsed = parseSecret(value);
  if (parsed.kind === "key") {
    return [];
  }
  return [
    {
      code: "PR0001",
      problem: `cannot use --${option.name}`,
      found: `the secret ${parsed.problem}`,
      remedy: "use it as create_endpoint or rotate_secret returned it",
    },
  ];
}

/** Each of the two does something else. */
const ALTERNATIVES: readonly { readonly command: Command["name"]; readonly options: readonly [Option, Option] }[] = [
  { command: "migrate", options: [PRINT, CHECK] },
  { command: "types", options: [OUTPUT, CHECK_FILE] },
];

function conflicts(row: CommandRow, given: Given): readonly Fault[] {
  return [...contradictions(row, given), ...(row.name === "ingest" ? positionFaults(given) : [])];
}

function contradictions(row: CommandRow, given: Given): readonly Fault[] {
  return ALTERNATIVES.filter(
    ({ command, options }) => command === row.name && options.every(({ name }) => given.has(name)),
  ).map(({ options: [one, other] }) =>
    conflict(`--${one.name} and --${other.name}`, "both are given, and each does something else", "choose one"),
  );
}

function positionFaults(given: Given): readonly Fault[] {
  return [FROM_END, INGEST_NAME]
    .filter(({ name }) => given.has(name) && !given.has(FOLLOW.name))
    .map(({ name }) =>
      conflict(`--${name}`, "standard input is read, and has no position", `give --${FOLLOW.name} FILE, too`),
    );
}

function conflict(options: string, found: string, remedy: string): Fault {
  return { code: "PR0001", problem: `cannot use ${options}`, found, remedy };
}

const PORT_MAX = 65_535;

function portOf(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : null;
  return port === null || port > PORT_MAX ? null : port;
}

function optionalPort(given: Given, option: Option): number | null {
  const text = lastValue(given, option);
  return text === null ? null : portOf(text);
}

/** What was given last, as shells' users expect of a repeated option; else the default. */
function lastValue(given: Given, option: Option): string | null {
  return given.get(option.name)?.at(-1) ?? option.default;
}

function migrateMode(given: Given): MigrateOptions["mode"] {
  if (given.has(PRINT.name)) {
    return "print";
  }
  return given.has(CHECK.name) ? "check" : "apply";
}

function typesOptions(given: Given): TypesOptions {
  const output = lastValue(given, OUTPUT);
  const check = lastValue(given, CHECK_FILE);
  if (check !== null) {
    return { to: "check", path: check };
  }
  return output === null ? { to: "stdout" } : { to: "file", path: output };
}

function wrongUsage(faults: readonly Fault[]): PostriderError {
  return new PostriderError(faults, 2);
}

/** `postrider receive [--port N] [--secret S…]`. */
function usageOf(row: CommandRow): string {
  return ["postrider", row.name, ...row.options.map((option) => `[${typed(option)}]`)].join(" ");
}

function typed(option: Option): string {
  return option.value === "" ? `--${option.name}` : `--${option.name} ${option.value}`;
}

function overview(): string {
  return [
    "postrider: insert a row into Postgres, and every matching endpoint gets a signed webhook.",
    "",
    "Usage: postrider COMMAND [options]",
    "",
    "Commands:",
    ...columns(COMMANDS.map(({ name, summary }) => [name, summary])),
    "",
    "Options:",
    ...columns(GLOBAL_OPTIONS),
    "",
    "postrider COMMAND --help says more about one. Settings are environment variables; the README lists them.",
    "",
  ].join("\n");
}

const GLOBAL_OPTIONS: readonly (readonly [string, string])[] = [
  ["-h, --help", "this text, or that of a command"],
  ["-v, --version", "the version"],
];

function helpOf(row: CommandRow): string {
  const options = row.options.map((option) => [typed(option), describedOption(option)] as const);
  return [
    `postrider ${row.name}: ${row.summary}.`,
    "",
    `Usage: ${usageOf(row)}`,
    "",
    "Options:",
    ...columns([...options, ["-h, --help", "this text"]]),
    "",
    "Examples:",
    ...row.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

function describedOption(option: Option): string {
  return option.default === null ? option.sentence : `${option.sentence} (default: ${option.default})`;
}

/** Two columns, the first as wide as its longest entry. */
function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
