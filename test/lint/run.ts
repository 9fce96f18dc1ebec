/** Biome, which is installed with its first run: `npm run check` and `npm run fix`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { messageOf } from "../../src/ground/errors.ts";
import { installPackages } from "../support/packages.ts";

await installPackages(import.meta.dirname).catch((error: unknown) => {
  console.error(`${messageOf(error)}: the first run installs the linter from npm's registry`);
  process.exit(1);
});
const biome = join(import.meta.dirname, "node_modules/.bin/biome");
const { status, error } = spawnSync(biome, process.argv.slice(2), { stdio: "inherit" });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
