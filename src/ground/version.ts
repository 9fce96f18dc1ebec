import { readFileSync } from "node:fs";

/** The version in package.json. The bundle carries this module with the number written in (see build.ts). */
export const VERSION: string = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    const { version } = manifest;
    if (typeof version === "string") {
      return version;
    }
  }
  throw new Error("package.json has no version");
}
