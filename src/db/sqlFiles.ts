import { readdirSync, readFileSync } from "node:fs";

/**
 * All SQL text comes through this module, which reads the disk. In the bundle, build.ts replaces it by a module that has
 * the same exports and holds the texts, so the command is one file.
 *
 * Line ends are always LF, even if a checkout changed them, because checksums of schema files and names of prepared
 * statements are computed from these texts.
 */

/** A file that makes or changes tables. It runs once. */
export interface TableFile {
  /** 1 for 01_events.sql. */
  readonly version: number;
  /** "01_events", the file's name without `.sql`. */
  readonly name: string;
  readonly text: string;
}

/** A file that holds one function or view of the same name. It is installed again whenever its text has changed. */
export interface FunctionFile {
  /** "publish", the file's name without folder and `.sql`. */
  readonly name: string;
  readonly text: string;
}

/** What a database is migrated to. */
export interface SchemaFiles {
  /** sql/schema and sql/upgrades, in the order of their numbers. */
  readonly tables: readonly TableFile[];
  /** sql/functions, sorted by name. */
  readonly functions: readonly FunctionFile[];
  /** sql/migrate/finish.sql, which every migration ends with. */
  readonly finish: string;
}

const SQL_DIRECTORY = new URL("../../sql/", import.meta.url);

const statements = new Map<string, string>();

/** The schema of this program. Throws if a file has a wrong name. */
export function schemaFiles(): SchemaFiles {
  return {
    tables: [...tableFiles("schema/", /^(\d{2})_[a-z0-9_]+$/), ...tableFiles("upgrades/", /^(\d{4})_[a-z0-9_]+$/)],
    functions: functionFiles(),
    finish: readSql("migrate/finish"),
  };
}

/** sql/migrate/bootstrap.sql, which every migration begins with. */
export function bootstrapText(): string {
  return readSql("migrate/bootstrap");
}

/** The names that statementText knows, sorted. */
export function statementNames(): readonly string[] {
  return sqlNames("statements/");
}

/** The text of sql/statements/NAME.sql. Throws if there is no such statement. */
export function statementText(name: string): string {
  return textIn("statements", name);
}

/** The names that consoleText knows, sorted. */
export function consoleNames(): readonly string[] {
  return sqlNames("console/");
}

/** The text of sql/console/NAME.sql, which the API runs. Throws if there is no such statement. */
export function consoleText(name: string): string {
  return textIn("console", name);
}

function textIn(folder: "statements" | "console", name: string): string {
  const known = statements.get(`${folder}/${name}`);
  if (known !== undefined) {
    return known;
  }
  if (!sqlNames(`${folder}/`).includes(name)) {
    throw new Error(`there is no statement "${name}" in sql/${folder}`);
  }
  const text = readSql(`${folder}/${name}`);
  statements.set(`${folder}/${name}`, text);
  return text;
}

function tableFiles(folder: string, pattern: RegExp): readonly TableFile[] {
  return sqlNames(folder).map((name) => {
    const version = pattern.exec(name)?.[1];
    if (version === undefined) {
      throw new Error(`sql/${folder}${name}.sql must be named by a number, "_" and a name in small letters`);
    }
    return { version: Number(version), name, text: readSql(`${folder}${name}`) };
  });
}

function functionFiles(): readonly FunctionFile[] {
  const subjects = readdirSync(new URL("functions/", SQL_DIRECTORY));
  return subjects
    .flatMap((subject) => sqlNames(`functions/${subject}/`).map((name) => ({ subject, name })))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ subject, name }) => ({ name, text: readSql(`functions/${subject}/${name}`) }));
}

function sqlNames(folder: string): readonly string[] {
  return readdirSync(new URL(folder, SQL_DIRECTORY))
    .filter((file) => file.endsWith(".sql"))
    .map((file) => file.slice(0, -".sql".length))
    .sort();
}

function readSql(name: string): string {
  return readFileSync(new URL(`${name}.sql`, SQL_DIRECTORY), "utf8")
    .replace(/^\uFEFF/, "")
    .replaceAll("\r\n", "\n");
}
