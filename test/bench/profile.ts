/** Where the daemon's CPU time goes, by its CPU profiles. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const ENTRIES_SHOWN = 25;

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The functions with the most time of their own, over all profiles whose name begins so. */
export async function summariseProfiles(directory: string, prefix: string): Promise<string> {
  const byFunction = new Map<string, number>();
  const byOwner = new Map<string, number>();
  let busy = 0;
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix) || !name.endsWith(".cpuprofile")) {
      continue;
    }
    const profile = JSON.parse(await readFile(join(directory, name), "utf8")) as Profile;
    const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
    profile.samples.forEach((sample, index) => {
      const node = nodes.get(sample);
      const spent = profile.timeDeltas[index] ?? 0;
      if (node !== undefined && node.callFrame.functionName !== "(idle)") {
        busy += spent;
        add(byFunction, placeOf(node), spent);
        add(byOwner, ownerOf(node), spent);
      }
    });
  }
  return [
    `self time of ${prefix}, of ${Math.round(busy / 1000)} ms that it was busy`,
    ...linesOf(byOwner, busy),
    "",
    ...linesOf(byFunction, busy),
    "",
  ].join("\n");
}

function add(micros: Map<string, number>, name: string, spent: number): void {
  micros.set(name, (micros.get(name) ?? 0) + spent);
}

function linesOf(micros: ReadonlyMap<string, number>, busy: number): string[] {
  return [...micros]
    .sort((a, b) => b[1] - a[1])
    .slice(0, ENTRIES_SHOWN)
    .map(([name, spent]) => `${((100 * spent) / busy).toFixed(1).padStart(6)} %  ${name}`);
}

/** A package, a folder of this project, Node's own JavaScript, or what is below it. */
function ownerOf({ callFrame }: ProfileNode): string {
  const { functionName, url } = callFrame;
  const [, packageName] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  const [, folder] = /\/(src\/[^/]+)/.exec(url) ?? [];
  if (packageName !== undefined) {
    return packageName;
  }
  return folder ?? (url.startsWith("node:") ? "node" : url === "" ? `native ${functionName}` : "other");
}

/** Files by their last two names, which are enough to find them on any machine. */
function placeOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame;
  const file = url.split("/").slice(-2).join("/");
  return file === "" ? functionName : `${functionName || "(anonymous)"} ${file}:${lineNumber + 1}`;
}
