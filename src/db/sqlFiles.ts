import { readdirSync, readFileSync } from "node:fs";

/**
 * The one door to SQL text. Here it reads the disk; in the bundle, build.ts puts a module with the same exports
 * and the texts written in its place, so that the command is one file.
 *
 * Line ends are always LF, whatever a checkout made of them: checksums of migrations and names of prepared
 * statements are taken over these texts.
 */

export interface SqlFile {
  /** 1 for 0001_tables.sql. */
  readonly version: number;
  /** "0001_tables", the file's name without `.sql`. */
  readonly name: string;
  readonly text: string;
}

const SQL_DIRECTORY = new URL("../../sql/", import.meta.url);
const MIGRATION_NAME = /^(\d{4})_[a-z0-9_]+$/;

const statements = new Map<string, string>();

/** sql/migrations/NNNN_name.sql in the order of their numbers. Throws where a file is named otherwise. */
export function migrationFiles(): readonly SqlFile[] {
  return sqlNames("migrations/").map((name) => {
    const version = MIGRATION_NAME.exec(name)?.[1];
    if (version === undefined) {
      throw new Error(`sql/migrations/${name}.sql is not named NNNN_name.sql in small letters`);
    }
    return { version: Number(version), name, text: readSql(`migrations/${name}`) };
  });
}

/** The names that statementText knows, sorted. */
export function statementNames(): readonly string[] {
  return sqlNames("statements/");
}

/** The text of sql/statements/NAME.sql. Throws where there is no such statement. */
export function statementText(name: string): string {
  const known = statements.get(name);
  if (known !== undefined) {
    return known;
  }
  if (!statementNames().includes(name)) {
    throw new Error(`there is no statement "${name}" in sql/statements`);
  }
  const text = readSql(`statements/${name}`);
  statements.set(name, text);
  return text;
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
