/** The manifests of deploy/kubernetes, and what the compiler says of them by the types that Kubernetes publishes. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { ROOT } from "../support/guides.ts";

export const KUBERNETES = join(ROOT, "deploy/kubernetes");

/** Where the type of each kind is. */
const TYPES: Readonly<Record<string, readonly [name: string, module: string]>> = {
  Deployment: ["IDeployment", "kubernetes-models/apps/v1/Deployment"],
  PodDisruptionBudget: ["IPodDisruptionBudget", "kubernetes-models/policy/v1/PodDisruptionBudget"],
  Service: ["IService", "kubernetes-models/v1/Service"],
  Ingress: ["IIngress", "kubernetes-models/networking.k8s.io/v1/Ingress"],
  Job: ["IJob", "kubernetes-models/batch/v1/Job"],
  ScaledObject: ["IScaledObject", "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject"],
  PodMonitor: ["IPodMonitor", "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor"],
  Cluster: ["Cluster", "../cloudNativePg.ts"],
};

export interface Manifest {
  readonly file: string;
  readonly kind: string;
  readonly value: object;
}

/** Every object of every file, as kubectl reads them: by YAML 1.1, where 0440 is octal. Throws if one is no YAML. */
export function readManifests(): readonly Manifest[] {
  return readdirSync(KUBERNETES)
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(KUBERNETES, file), "utf8");
      return parseAllDocuments(text, { version: "1.1" }).map((each) => ({ file, each }));
    })
    .map(({ file, each }) => {
      if (each.errors.length > 0 || each.warnings.length > 0) {
        throw new Error(`${file}: ${[...each.errors, ...each.warnings].join("; ")}`);
      }
      const value: object = each.toJS();
      return { file, kind: "kind" in value ? String(value.kind) : "", value };
    });
}

/** The one object of a kind, of a file if several have one. The caller says its type, which `typeFaults` has checked. */
export function manifestOf<Type>(kind: string, file?: string): Type {
  const [found, ...more] = readManifests().filter((each) => each.kind === kind && (file ?? each.file) === each.file);
  if (found === undefined || more.length > 0) throw new Error(`there is no ${kind}, or there are several`);
  return found.value as Type;
}

/** What the compiler has against the manifests: fields and values that do not exist. Empty if there is nothing. */
export async function typeFaults(manifests: readonly Manifest[]): Promise<string> {
  const directory = await mkdtemp(join(import.meta.dirname, "checked-"));
  try {
    const module = join(directory, "manifests.ts");
    await writeFile(module, manifests.map(declaration).join("\n"));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
    const checked = promisify(execFile)(process.execPath, [
      ...[tsc, "--ignoreConfig", "--allowImportingTsExtensions", "--types", "node", ...flags, module],
    ]);
    return await checked.then(
      () => "",
      ({ stdout }: { readonly stdout: string }) => stdout,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

function declaration({ file, kind, value }: Manifest, index: number): string {
  const [name, module] = TYPES[kind] ?? [];
  if (name === undefined || module === undefined) throw new Error(`${file}: the kind ${kind} is not known`);
  return `import type { ${name} as Type${index} } from "${module}";
/** ${file} */
export const manifest${index}: Type${index} = ${JSON.stringify(value)};`;
}
