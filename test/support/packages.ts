/** The packages that only some tests need: each set lies below the tests, with a manifest and a lock file. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The lock file that the installed packages follow. npm's own note of it drops what other platforms install. */
const INSTALLED = "node_modules/installed-lock.json";

/** Installs what the directory's lock file says, unless it is installed. */
export async function installPackages(directory: string): Promise<void> {
  if (await isInstalled(directory)) return;
  console.log(`installing the packages of ${directory}`);
  const npm = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: directory, stdio: "inherit" });
  const [code] = await once(npm, "exit");
  if (code !== 0) throw new Error(`npm ci failed in ${directory}`);
  await copyFile(join(directory, "package-lock.json"), join(directory, INSTALLED));
}

async function isInstalled(directory: string): Promise<boolean> {
  const [wanted, installed] = await Promise.all([
    readFile(join(directory, "package-lock.json"), "utf8"),
    readFile(join(directory, INSTALLED), "utf8").catch(() => ""),
  ]);
  return wanted === installed;
}
