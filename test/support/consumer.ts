/** The package as its users have it: packed and installed by npm into a separate directory. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { buildPackage } from "../../build.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const STRICT = ["--ignoreConfig", "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUnusedLocals"];
const LANGUAGE = ["--target", "es2022", "--lib", "es2022", "--module", "nodenext", "--allowImportingTsExtensions"];

const run = promisify(execFile);

/** A project that has installed the package and nothing else. */
export class Consumer {
  readonly #directory: string;
  /** Where the project lies. */
  readonly path: string;
  /** Where the package was installed. */
  readonly installed: string;
  /** What npm packed, by relative path. */
  readonly packed: readonly string[];

  private constructor(directory: string, path: string, packed: readonly string[]) {
    this.#directory = directory;
    this.path = path;
    this.installed = join(path, "node_modules/postrider");
    this.packed = packed;
  }

  /** Its sources are copied from `sources`. */
  static async create(sources: string): Promise<Consumer> {
    const directory = mkdtempSync(join(tmpdir(), "postrider-package-"));
    const [dist, path] = [join(directory, "dist"), join(directory, "consumer")];
    await buildPackage(dist);
    cpSync(sources, path, { recursive: true });
    writeFileSync(join(path, "package.json"), '{ "type": "module" }');
    // Neither the network nor the npm configuration of the person who runs this.
    const flags = ["--ignore-scripts", "--offline", "--no-update-notifier", "--cache", join(directory, "cache")];
    const { stdout } = await run("npm", ["pack", dist, "--json", ...flags], { cwd: directory });
    const [tarball] = JSON.parse(stdout) as readonly { filename: string; files: readonly { path: string }[] }[];
    const file = join(directory, tarball?.filename ?? "");
    await run("npm", ["install", file, "--engine-strict", "--no-audit", "--no-fund", ...flags], { cwd: path });
    return new Consumer(directory, path, tarball?.files.map((packed) => packed.path) ?? []);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  /** Makes a package that lies in `modules` one of the project's. */
  link(modules: string, name: string): void {
    symlinkSync(join(modules, name), join(this.path, "node_modules", name), "dir");
  }

  /** What a strict compiler finds wrong with these files; empty if nothing. */
  problems(...args: readonly string[]): Promise<string> {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    return run(process.execPath, [tsc, ...STRICT, ...LANGUAGE, ...args], { cwd: this.path }).then(
      ({ stdout }) => stdout,
      (thrown: { stdout?: string; message: string }) => thrown.stdout || thrown.message,
    );
  }
}
