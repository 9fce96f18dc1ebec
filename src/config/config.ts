import { readFileSync } from "node:fs";
import * as util from "node:util";
import { type Fault, PostriderError } from "../ground/errors.ts";
import { nearest } from "../ground/nearest.ts";

/**
 * The one table of settings, and the only reader of the environment.
 * `readConfig` finds everything that is wrong before it gives up, so that nobody mends one setting per start.
 */
export const SETTINGS = {
  databaseUrl: {
    name: "DATABASE_URL",
    type: "url",
    default: null,
    secret: true,
    sentence:
      "The database, as `postgres://user:password@host:port/database`. The standard `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER` and `PGPASSWORD` fill in what it leaves out, or replace it.",
  },
  listenUrl: {
    name: "POSTRIDER_LISTEN_URL",
    type: "url",
    default: null,
    secret: true,
    sentence: "A direct connection for `LISTEN`, where `DATABASE_URL` goes through a transaction pooler.",
  },
  preparedStatements: {
    name: "POSTRIDER_PREPARED_STATEMENTS",
    type: "choice",
    choices: ["on", "off"],
    default: "on",
    secret: false,
    sentence: "`off` for a pooler that cannot keep prepared statements.",
  },
  maxInFlight: {
    name: "POSTRIDER_MAX_IN_FLIGHT",
    type: "integer",
    default: 256,
    min: 1,
    max: 10_000,
    secret: false,
    sentence: "How many requests one daemon has open at a time.",
  },
  pollInterval: {
    name: "POSTRIDER_POLL_INTERVAL",
    type: "duration",
    default: "1s",
    min: "50ms",
    max: "1h",
    secret: false,
    sentence: "How often an idle daemon looks for events that no notification announced.",
  },
  shutdownGrace: {
    name: "POSTRIDER_SHUTDOWN_GRACE",
    type: "duration",
    default: "20s",
    min: "0s",
    max: "15min",
    secret: false,
    sentence: "How long a daemon that was asked to stop waits for what is in flight before it hands it back.",
  },
  retention: {
    name: "POSTRIDER_RETENTION",
    type: "duration",
    default: "30d",
    min: "1d",
    max: "3650d",
    secret: false,
    sentence:
      "How long events are kept, with their deliveries and attempts. What is undelivered is kept for longer, and whole days go at a time.",
  },
  egress: {
    name: "POSTRIDER_EGRESS",
    type: "choice",
    choices: ["public-only", "private-ok", "custom"],
    default: "public-only",
    secret: false,
    sentence:
      "Which addresses endpoints may have: public ones, private networks too, or public ones with the exceptions of the two settings below.",
  },
  egressAllow: {
    name: "POSTRIDER_EGRESS_ALLOW",
    type: "list",
    default: "",
    secret: false,
    sentence: "With `custom`: CIDRs and host patterns that are allowed besides public addresses.",
  },
  egressDeny: {
    name: "POSTRIDER_EGRESS_DENY",
    type: "list",
    default: "",
    secret: false,
    sentence: "With `custom`: CIDRs and host patterns that are refused, also where something else allows them.",
  },
  logLevel: {
    name: "POSTRIDER_LOG_LEVEL",
    type: "choice",
    choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    default: "info",
    secret: false,
    sentence:
      "The least level that is logged; `debug` adds one line per successful attempt, `warn` leaves out failed ones.",
  },
} as const satisfies Readonly<Record<string, Setting>>;

interface SettingBase {
  readonly name: string;
  /** Also given as NAME_FILE, and never shown. */
  readonly secret: boolean;
  /** Markdown, for the README. */
  readonly sentence: string;
}

interface UrlSetting extends SettingBase {
  readonly type: "url";
  readonly default: null;
}

interface ChoiceSetting<Choice extends string = string> extends SettingBase {
  readonly type: "choice";
  readonly choices: readonly Choice[];
  readonly default: Choice;
}

interface IntegerSetting extends SettingBase {
  readonly type: "integer";
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** Default and bounds are written as a person would, and read by the parser that reads the setting. */
interface DurationSetting extends SettingBase {
  readonly type: "duration";
  readonly default: string;
  readonly min: string;
  readonly max: string;
}

interface ListSetting extends SettingBase {
  readonly type: "list";
  readonly default: "";
}

type Setting = UrlSetting | ChoiceSetting | IntegerSetting | DurationSetting | ListSetting;

/** Settings of the documented interface that this version accepts and does not use yet. A trailing `*` is a group. */
export const RESERVED = [
  { name: "POSTRIDER_PROCESSES", secret: false },
  { name: "POSTRIDER_EGRESS_PROXY", secret: true },
  { name: "POSTRIDER_ENCRYPTION_KEYS", secret: true },
  { name: "POSTRIDER_HTTP_LISTEN", secret: false },
  { name: "OTEL_*", secret: false },
] as const;

export type EgressProfileName = (typeof SETTINGS.egress.choices)[number];
export type LogLevel = (typeof SETTINGS.logLevel.choices)[number];

/** What the egress policy is made of. */
export interface EgressConfig {
  readonly profile: EgressProfileName;
  /** CIDRs and host patterns; empty unless `profile` is custom. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** One thing wrong with an entry of a list. */
export interface EgressEntryProblem {
  /** `allow` or `deny`. */
  readonly setting: string;
  readonly found: string;
  readonly remedy: string;
}

/**
 * What is wrong with the entries of the egress lists.
 * Passed to `readConfig`, because what an entry may look like is for the egress policy to say.
 */
export type EgressProblems = (egress: EgressConfig) => readonly EgressEntryProblem[];

export interface Config {
  /** Null: the driver goes by the PG* variables. */
  readonly databaseUrl: string | null;
  /** Null: as `databaseUrl`. */
  readonly listenUrl: string | null;
  readonly preparedStatements: boolean;
  readonly maxInFlight: number;
  readonly pollIntervalMs: number;
  readonly shutdownGraceMs: number;
  readonly retentionMs: number;
  readonly egress: EgressConfig;
  readonly logLevel: LogLevel;
  /** Sentences about what is set and has no effect, to be logged as `settings.warned`. */
  readonly warnings: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The command that is about to run, as far as its settings go. */
export interface CommandNeeds {
  readonly name: string;
  readonly database: "required" | "optional";
}

/**
 * Reads every setting. A variable that is the empty string is not set.
 *
 * Throws PostriderError (PR0002, exit status 2) with one fault for everything that is wrong; no fault holds the value
 * of a secret, nor the path of its file.
 */
export function readConfig(env: Environment, command: CommandNeeds, egressProblems: EgressProblems): Config {
  const reading: Reading = { env, faults: [] };
  const config: Config = {
    databaseUrl: readUrl(reading, SETTINGS.databaseUrl),
    listenUrl: readUrl(reading, SETTINGS.listenUrl),
    preparedStatements: readChoice(reading, SETTINGS.preparedStatements) !== "off",
    maxInFlight: readInteger(reading, SETTINGS.maxInFlight),
    pollIntervalMs: readDurationMs(reading, SETTINGS.pollInterval),
    shutdownGraceMs: readDurationMs(reading, SETTINGS.shutdownGrace),
    retentionMs: readDurationMs(reading, SETTINGS.retention),
    egress: readEgress(reading, egressProblems),
    logLevel: readChoice(reading, SETTINGS.logLevel) ?? SETTINGS.logLevel.default,
    warnings: reservedWarnings(env),
  };
  reading.faults.push(...databaseFaults(env, command), ...unknownNameFaults(env));
  if (reading.faults.length > 0) {
    throw new PostriderError(reading.faults, 2);
  }
  return config;
}

/** What is being read, and what was found wrong so far. */
interface Reading {
  readonly env: Environment;
  readonly faults: Fault[];
}

function cannotRead(name: string, found: string, remedy: string): Fault {
  return { code: "PR0002", problem: `cannot read ${name}`, found, remedy };
}

/** The text of a setting, from its variable or the file that NAME_FILE names; null where it is not set. */
function readText(reading: Reading, setting: SettingBase): string | null {
  const { name } = setting;
  const value = given(reading.env, name);
  const path = setting.secret ? given(reading.env, fileName(name)) : null;
  if (path === null) {
    return value;
  }
  if (value !== null) {
    reading.faults.push(cannotRead(name, `both ${name} and ${fileName(name)} are set`, "set one of them"));
    return null;
  }
  return readSecretFile(reading, name, path);
}

function readSecretFile(reading: Reading, name: string, path: string): string | null {
  try {
    const text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    if (text !== "") {
      return text;
    }
    reading.faults.push(cannotRead(fileName(name), "the file is empty", "write the secret into it"));
  } catch (thrown) {
    // Not the error's own message: it holds the path, and the path may be a secret that was put there by mistake.
    const found = `the file that it names cannot be read (${reasonOf(thrown)})`;
    reading.faults.push(cannotRead(fileName(name), found, "give the path of a file that this user may read"));
  }
  return null;
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error && "errno" in thrown && typeof thrown.errno === "number") {
    // Of the whole module: imported by name, an old Node would refuse to load the bundle, and not say that it is too old.
    return util.getSystemErrorMessage(thrown.errno);
  }
  return "the path is malformed";
}

function readUrl(reading: Reading, setting: UrlSetting): string | null {
  const text = readText(reading, setting);
  if (text === null) {
    return null;
  }
  const problem = postgresUrlProblem(text);
  if (problem !== null) {
    reading.faults.push(cannotRead(setting.name, problem.found, problem.remedy));
    return null;
  }
  return text;
}

/** Says what is wrong with a connection URL without repeating any of it: it holds a password. */
function postgresUrlProblem(text: string): { readonly found: string; readonly remedy: string } | null {
  const shape = "write postgres://user:password@host:port/database";
  if (/[\r\n\t]/.test(text)) {
    return { found: "it holds a line break or a tab", remedy: shape };
  }
  if (!/^postgres(ql)?:\/\//.test(text)) {
    return { found: "it does not start with postgres:// or postgresql://", remedy: shape };
  }
  // The driver takes a URL that names no host (a socket, or the PG* variables) and stands one in the same way.
  if (!URL.canParse(text) && !URL.canParse(text.replace("@/", "@host/"))) {
    return {
      found: "it is no well-formed URL",
      remedy: `${shape}, with / ? # @ : and % in user and password percent-encoded`,
    };
  }
  return null;
}

/** Null also where the value is wrong, so that nothing is concluded from it. */
function readChoice<Choice extends string>(reading: Reading, setting: ChoiceSetting<Choice>): Choice | null {
  const text = readText(reading, setting);
  if (text === null) {
    return setting.default;
  }
  const choice = setting.choices.find((candidate) => candidate === text);
  if (choice !== undefined) {
    return choice;
  }
  const meant = nearest(text, setting.choices);
  const all = setting.choices.join(", ");
  const remedy = meant === null ? `use one of ${all}` : `did you mean "${meant}"? It is one of ${all}`;
  reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
  return null;
}

function readInteger(reading: Reading, setting: IntegerSetting): number {
  const text = readText(reading, setting);
  if (text === null) {
    return setting.default;
  }
  const value = /^\d{1,15}$/.test(text) ? Number(text) : null;
  if (value === null || value < setting.min || value > setting.max) {
    const remedy = `use a whole number from ${setting.min} to ${setting.max}`;
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
    return setting.default;
  }
  return value;
}

function readDurationMs(reading: Reading, setting: DurationSetting): number {
  const text = readText(reading, setting);
  const fallbackMs = writtenDurationMs(setting.default);
  if (text === null) {
    return fallbackMs;
  }
  const valueMs = parseDurationMs(text);
  if (valueMs === null) {
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, durationRemedy(text)));
    return fallbackMs;
  }
  if (valueMs < writtenDurationMs(setting.min) || valueMs > writtenDurationMs(setting.max)) {
    const remedy = `use ${setting.min} to ${setting.max}`;
    reading.faults.push(cannotRead(setting.name, `it is ${quoted(text)}`, remedy));
    return fallbackMs;
  }
  return valueMs;
}

function durationRemedy(text: string): string {
  if (/^\d+$/.test(text)) {
    return `say the unit: ${text}s for seconds, ${text}ms for milliseconds`;
  }
  const minutes = /^(\d+) ?m$/.exec(text)?.[1];
  return minutes === undefined ? "write 500ms, 1s, 5min, 2h or 1d" : `write ${minutes}min for minutes`;
}

const UNIT_MS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration as people write it: `500ms`, `1s`, `1.5 h`, `5 min`, `2d`. Null for anything else, and so
 * for a number without a unit: half of its readers would take it for seconds. Rounded to whole milliseconds.
 */
export function parseDurationMs(text: string): number | null {
  const parts = /^(?<count>\d{1,9}(?:\.\d{1,9})?) ?(?<unit>ms|s|min|h|d)$/.exec(text)?.groups;
  const unit = Object.entries(UNIT_MS).find(([name]) => name === parts?.unit);
  return parts === undefined || unit === undefined ? null : Math.round(Number(parts.count) * unit[1]);
}

/** A duration of the table itself, which a test reads through. */
function writtenDurationMs(text: string): number {
  const valueMs = parseDurationMs(text);
  if (valueMs === null) {
    throw new Error(`the table of settings holds the malformed duration ${text}`);
  }
  return valueMs;
}

function readEgress(reading: Reading, egressProblems: EgressProblems): EgressConfig {
  const profile = readChoice(reading, SETTINGS.egress);
  const allow = readList(reading, SETTINGS.egressAllow);
  const deny = readList(reading, SETTINGS.egressDeny);
  reading.faults.push(
    ...idleListFaults(profile, SETTINGS.egressAllow, allow),
    ...idleListFaults(profile, SETTINGS.egressDeny, deny),
    ...entryFaults(egressProblems({ profile: "custom", allow, deny })),
  );
  return { profile: profile ?? SETTINGS.egress.default, allow, deny };
}

function readList(reading: Reading, setting: ListSetting): readonly string[] {
  return (readText(reading, setting) ?? setting.default)
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** A list that nobody looks at is refused, not ignored: who wrote it believes that it permits or protects something. */
function idleListFaults(
  profile: EgressProfileName | null,
  setting: ListSetting,
  entries: readonly string[],
): readonly Fault[] {
  if (entries.length === 0 || profile === null || profile === "custom") {
    return [];
  }
  const found = `${SETTINGS.egress.name} is ${profile}, which takes no list`;
  return [cannotRead(setting.name, found, `set ${SETTINGS.egress.name}=custom, or leave out ${setting.name}`)];
}

function entryFaults(problems: readonly EgressEntryProblem[]): readonly Fault[] {
  return problems.map(({ setting, found, remedy }) =>
    cannotRead(setting === "deny" ? SETTINGS.egressDeny.name : SETTINGS.egressAllow.name, found, remedy),
  );
}

/** The variables from which the driver can tell which server is meant. It does not read PGSERVICE. */
const PG_VARIABLES = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER"] as const;

function databaseFaults(env: Environment, command: CommandNeeds): readonly Fault[] {
  const { name } = SETTINGS.databaseUrl;
  const isNamed = [name, fileName(name), ...PG_VARIABLES].some((variable) => given(env, variable) !== null);
  if (command.database === "optional" || isNamed) {
    return [];
  }
  const service = given(env, "PGSERVICE") === null ? "" : " (PGSERVICE is set, but service files are not read)";
  return [
    {
      code: "PR0002",
      problem: `cannot tell which database postrider ${command.name} is for`,
      found: `neither ${name} nor ${PG_VARIABLES.join(", ")} is set${service}`,
      remedy: `set ${name}=postgres://user:password@host:port/database`,
    },
  ];
}

const PREFIX = "POSTRIDER_";

// For tests of the program itself; no setting, and none of a user's business.
const TEST_PREFIX = "POSTRIDER_TEST_";

/** A POSTRIDER_ name that nobody reads is a slip: without a word, its setting would keep its default. */
function unknownNameFaults(env: Environment): readonly Fault[] {
  const known = new Set<string>(knownNames());
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !name.startsWith(TEST_PREFIX))
    .filter((name) => !known.has(name) && given(env, name) !== null && !isServiceVariable(env, name))
    .map((name) => ({
      code: "PR0002",
      problem: "cannot read the environment",
      found: `${name} is not a setting`,
      remedy: unknownNameRemedy(name),
    }));
}

function unknownNameRemedy(name: string): string {
  const plain = Object.values(SETTINGS).find((setting) => fileName(setting.name) === name);
  if (plain !== undefined) {
    return `only secrets are read from files: set ${plain.name} itself`;
  }
  // The prefix is shared by all, and would make everything near everything.
  const endings = knownNames()
    .filter((known) => known.startsWith(PREFIX))
    .map((known) => known.slice(PREFIX.length));
  const meant = nearest(name.slice(PREFIX.length), endings);
  return meant === null ? "unset it; the README lists the settings" : `did you mean ${PREFIX}${meant}?`;
}

function knownNames(): readonly string[] {
  return [...Object.values(SETTINGS), ...RESERVED].flatMap((row) =>
    row.secret ? [row.name, fileName(row.name)] : row.name,
  );
}

/**
 * Whether Kubernetes made the variable: a Service called `postrider` puts POSTRIDER_SERVICE_HOST, POSTRIDER_PORT and a
 * dozen more into every pod of its namespace, the daemon's own included.
 */
function isServiceVariable(env: Environment, name: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(env[name] ?? ""))
  );
}

function reservedWarnings(env: Environment): readonly string[] {
  return RESERVED.flatMap(({ name, secret }) => {
    const isSet = Object.keys(env).some(
      (variable) => given(env, variable) !== null && isReservedAs(name, secret, variable),
    );
    return isSet ? [`${name} is set, but this version does not use it yet`] : [];
  });
}

function isReservedAs(name: string, secret: boolean, variable: string): boolean {
  return name.endsWith("*")
    ? variable.startsWith(name.slice(0, -1))
    : variable === name || (secret && variable === fileName(name));
}

/** What a variable says; null where it is missing or empty, since many tools cannot unset one. */
function given(env: Environment, name: string): string | null {
  const value = env[name];
  return value === undefined || value === "" ? null : value;
}

function fileName(name: string): string {
  return `${name}_FILE`;
}

const QUOTED_CHARS_MAX = 80;

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text);
}

/** The README's table of settings, as Markdown. */
export function settingsTable(): string {
  const rows = Object.values(SETTINGS).map((setting: Setting) => {
    const name = setting.secret ? `\`${setting.name}\`, \`${fileName(setting.name)}\`` : `\`${setting.name}\``;
    return `| ${name} | ${describedValues(setting)} | ${describedDefault(setting)} | ${setting.sentence} |`;
  });
  return ["| setting | value | default | what it does |", "|---|---|---|---|", ...rows].join("\n");
}

function describedValues(setting: Setting): string {
  switch (setting.type) {
    case "url":
      return "connection URL, secret";
    case "choice":
      return setting.choices.map((choice) => `\`${choice}\``).join(", ");
    case "integer":
      return `whole number, ${setting.min} to ${setting.max}`;
    case "duration":
      return `duration, \`${setting.min}\` to \`${setting.max}\``;
    case "list":
      return "list, separated by commas";
  }
}

function describedDefault(setting: Setting): string {
  return setting.default === null || setting.default === "" ? "" : `\`${setting.default}\``;
}
