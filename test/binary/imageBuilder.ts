/**
 * Builds images with buildah, which needs no daemon, on bases made of this machine, because there may be no registry to
 * pull from.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { noNamespaces } from "./namespaces.ts";

const execute = promisify(execFile);

/** Why no image can be built and run here, or null. */
export async function noBuilder(): Promise<string | null> {
  const hasBuilder = await execute("buildah", ["--version"]).then(
    () => true,
    () => false,
  );
  return hasBuilder ? noNamespaces() : "buildah is not installed";
}

export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly [string, ...string[]];
  readonly Cmd: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal: string;
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  /** Of the format of Docker alone; times are in nanoseconds. */
  readonly Healthcheck: Readonly<Record<string, unknown>>;
}

export class ImageBuilder {
  readonly #storage: readonly string[];

  /** Everything is kept in the directory, and is gone with it. */
  constructor(directory: string) {
    const storage = ["--root", join(directory, "storage"), "--runroot", join(directory, "run")];
    this.#storage = [...storage, "--storage-driver", "vfs"];
  }

  async build(context: string, tag: string, options: readonly string[] = []): Promise<void> {
    const how = ["--isolation", "chroot", "--format", "docker", "--pull-never"];
    await this.#buildah("build", ...how, "--tag", tag, ...options, context);
  }

  /** Makes a container of the image, and resolves with its root directory. */
  async unpack(tag: string): Promise<string> {
    return this.#buildah("mount", await this.#buildah("from", "--pull-never", tag));
  }

  async config(tag: string): Promise<ImageConfig> {
    const { Docker } = JSON.parse(await this.#buildah("inspect", "--type", "image", tag));
    return Docker.config;
  }

  async #buildah(command: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await execute("buildah", [...this.#storage, command, ...args], { maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  }
}

/**
 * Writes the context of a base like distroless: the shared libraries that a program is linked with, except those named, and
 * nothing that could be run.
 */
export async function writeRunBase(context: string, program: string, without: RegExp): Promise<void> {
  const root = join(context, "root");
  await writeMergedUsr(root);
  const { stdout } = await execute("ldd", [program]);
  for (const library of stdout.match(/(?<=\s)\/\S+(?= \()/g) ?? []) {
    if (!without.test(library)) {
      await mkdir(dirname(join(root, library)), { recursive: true });
      await cp(await realpath(library), join(root, library));
    }
  }
  await writeFile(join(context, "Dockerfile"), "FROM scratch\nCOPY root /\n");
}

/** Where the volumes of the build base put this npm, its Node, its cache and its certificates. */
const NPM = "/opt/npm";
const NODE = "/opt/node";
const CACHE = "/opt/cache";
const CERTIFICATES = "/opt/certificates.pem";

/**
 * Writes the context of a base with this machine's /usr, npm and Node, and resolves with the volumes that bring them in.
 * npm takes the packages from this machine's cache, and those that are not there as it does here.
 */
export async function writeBuildBase(context: string): Promise<readonly string[]> {
  const { npm_execpath: npm, npm_config_cache: cache, npm_config_cafile: certificates } = process.env;
  if (npm === undefined || cache === undefined) {
    throw new Error("npm's variables are not set: run this test by npm");
  }
  const root = join(context, "root");
  await writeMergedUsr(root);
  await mkdir(join(root, "opt/bin"), { recursive: true });
  await symlink(`${NPM}/bin/npm-cli.js`, join(root, "opt/bin/npm"));
  await symlink(NODE, join(root, "opt/bin/node"));
  const environment = {
    PATH: "/opt/bin:/usr/bin",
    ...settingsOfNpm(),
    npm_config_cache: CACHE,
    npm_config_prefer_offline: "true",
    ...(certificates ? { npm_config_cafile: CERTIFICATES } : {}),
  };
  const lines = Object.entries(environment).map(([name, value]) => `ENV ${name}=${JSON.stringify(value)}`);
  await writeFile(join(context, "Dockerfile"), ["FROM scratch", "COPY root /", ...lines, ""].join("\n"));
  return [
    "/usr:/usr:ro",
    `${dirname(dirname(npm))}:${NPM}:ro`,
    `${process.execPath}:${NODE}:ro`,
    `${cache}:${CACHE}`,
    ...(certificates ? [`${certificates}:${CERTIFICATES}:ro`] : []),
  ];
}

/** How npm reaches its registry here, as far as that is set. */
function settingsOfNpm(): Readonly<Record<string, string>> {
  const names = ["registry", "proxy", "https_proxy", "noproxy"].map((name) => `npm_config_${name}`);
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Directories that a runtime mounts something on, and Debian's links into /usr. */
async function writeMergedUsr(root: string): Promise<void> {
  for (const name of ["proc", "dev", "sys", "etc", "tmp"]) {
    await mkdir(join(root, name), { recursive: true });
  }
  for (const name of ["bin", "lib", "lib64"]) {
    await mkdir(join(root, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
}
