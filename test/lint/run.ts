/** Biome, which is installed with its first run: `npm run check` and `npm run fix`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { installPackages } from "../support/packages.ts";

await installPackages(import.meta.dirname);
const biome = join(import.meta.dirname, "node_modules/.bin/biome");
const { status, error } = spawnSync(biome, process.argv.slice(2), { stdio: "inherit" });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
