/** PostgreSQL's own load generator: a client in Node would take more of the machine than what it measures. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const THREADS = 2;
const OUTPUT_BYTES_MAX = 1_048_576;
const run = promisify(execFile);

/** The embedded server comes without it; distributions have it in the server's or the contrib package. */
export async function hasPgbench(): Promise<boolean> {
  return run("pgbench", ["--version"]).then(
    () => true,
    () => false,
  );
}

export interface PgbenchLoad {
  readonly url: string;
  /** One statement, which each client commits again and again; `:name` is a parameter. */
  readonly sql: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly clients: number;
}

export interface PgbenchResult {
  readonly transactions: number;
  readonly perSecond: number;
}

export async function pgbench({ url, sql, variables, clients }: PgbenchLoad, seconds: number): Promise<PgbenchResult> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-pgbench-"));
  try {
    const script = join(directory, "script.sql");
    await writeFile(script, `${sql};\n`);
    const load = ["--client", String(clients), "--jobs", String(THREADS), "--time", String(seconds)];
    const flags = ["--no-vacuum", "--protocol=prepared", ...load, "--file", script];
    const defined = Object.entries(variables).map(([name, value]) => `--define=${name}=${value}`);
    const { stdout } = await run("pgbench", [...flags, ...defined, url], { maxBuffer: OUTPUT_BYTES_MAX });
    const transactions = figureIn(stdout, /transactions actually processed: (\d+)/);
    // It gives no rate if not one was finished, which a busy machine can bring about.
    return { transactions, perSecond: transactions === 0 ? 0 : figureIn(stdout, /tps = ([\d.]+)/) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function figureIn(output: string, pattern: RegExp): number {
  const figure = pattern.exec(output)?.[1];
  if (figure === undefined) {
    throw new Error(`pgbench said ${JSON.stringify(output)}`);
  }
  return Number(figure);
}
