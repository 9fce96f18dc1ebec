import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What a build holds, as CycloneDX 1.6. Nothing in it depends on when or where it was made, so that two builds of one commit
 * have the same: no time, no serial number. The packages are those of the modules that are inside, each with its licence
 * and the digest that npm verified when it was installed.
 */

const ROOT = dirname(fileURLToPath(import.meta.url));

interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly cpe?: string;
  readonly purl: string;
  readonly licenses: readonly { readonly expression: string }[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** The folders of the packages that these modules belong to, relative to the project, each once. */
export function packageFolders(inputs: readonly string[]): readonly string[] {
  return [...new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []))].sort();
}

/** The text of the bill of materials. */
export function sbomOf(inputs: readonly string[]): string {
  return textOf(packageFolders(inputs).map(packageComponent));
}

/** The same bill with Node added. */
export function withNode(text: string, node: string): string {
  const { components } = JSON.parse(text) as { readonly components: readonly Component[] };
  return textOf([nodeComponent(node), ...components]);
}

function textOf(components: readonly Component[]): string {
  const { name, version, license } = manifestIn(".");
  const purl = `pkg:npm/${name}@${version}`;
  const own: Component = {
    ...{ type: "application", "bom-ref": purl, name, version, purl },
    licenses: [{ expression: license }],
  };
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: own },
    components,
    dependencies: [
      { ref: purl, dependsOn: components.map((each) => each["bom-ref"]) },
      ...components.map((each) => ({ ref: each["bom-ref"] })),
    ],
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

function packageComponent(folder: string): Component {
  const { name, version, license } = manifestIn(folder);
  const [, scope, own = name] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const content = digestOf(folder);
  return {
    ...{ type: "library", "bom-ref": purl },
    ...(scope !== undefined && { group: scope }),
    ...{ name: own, version, purl, licenses: [{ expression: license }] },
    ...(content !== null && { hashes: [{ alg: "SHA-512", content }] }),
  };
}

/** With the name by which advisories know it. */
function nodeComponent(version: string): Component {
  const purl = `pkg:generic/node@${version}`;
  return {
    ...{ type: "platform", "bom-ref": purl, name: "node", version },
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl,
    licenses: [{ expression: "MIT" }],
  };
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as Manifest;
}

/** Of the archive that npm installed, in hex; null if the lock file has none in SHA-512. */
function digestOf(folder: string): string | null {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
  };
  const [, base64] = /^sha512-(\S+)/.exec(packages[folder]?.integrity ?? "") ?? [];
  return base64 === undefined ? null : Buffer.from(base64, "base64").toString("hex");
}
