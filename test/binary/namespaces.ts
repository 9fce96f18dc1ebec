import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Why a test cannot start a process as a container's runtime does, or null. */
export async function noNamespaces(): Promise<string | null> {
  if (process.getuid?.() !== 0) {
    return "namespaces need root";
  }
  return promisify(execFile)("unshare", ["--mount", "--pid", "--fork", "true"]).then(
    () => null,
    () => "this machine does not allow namespaces",
  );
}
