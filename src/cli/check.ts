import type { Environment } from "../config/environment.ts";
import { type Config, readConfig } from "../config/read.ts";
import { type Connection, connectionConfig, openConnection, targetOf } from "../db/connect.ts";
import { classifyPostgresError, copyFault, isOutage } from "../db/pgErrors.ts";
import { explainRefusal } from "../db/roles.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { printable } from "../ground/printable.ts";
import { CHECKS } from "./checks.ts";
import { defineCommand, flag } from "./command.ts";
import type { Check, Finding } from "./finding.ts";

export const command = defineCommand({
  summary: "says what is wrong with the settings and the database; exits with 1 if anything would stop delivery",
  options: { json: flag("print JSON instead of text") },
  examples: ["postrider check", "postrider check --json | jq ."],
  run: async ({ json }, env) => {
    const lines = await lookAtAll(env);
    process.stdout.write(json ? `${JSON.stringify({ checks: lines }, null, 2)}\n` : textOf(lines));
    return lines.some(({ state }) => state === "fault") ? 1 : 0;
  },
});

/** What `--json` prints of each check. Members are added, never renamed. */
interface Line {
  readonly name: string;
  /** `skipped`: it could not be looked at, because of a fault before it. */
  readonly state: Finding["state"] | "skipped";
  readonly found: string | null;
  readonly remedy: string | null;
}

async function lookAtAll(env: Environment): Promise<readonly Line[]> {
  const settings = await attempted("configuration", async () => readSettings(env));
  if (settings.value === null) {
    return [...settings.lines, ...["connection", ...CHECKS.map(({ name }) => name)].map(skipped)];
  }
  const config = settings.value;
  const connection = await attempted("connection", () => connect(config));
  if (connection.value === null) {
    return [...settings.lines, ...connection.lines, ...CHECKS.map(({ name }) => skipped(name))];
  }
  const client = connection.value;
  const lines = [...settings.lines, ...connection.lines];
  try {
    for (const check of CHECKS) {
      lines.push(...(await looked(check, lines, config, client)));
    }
  } finally {
    await client.end();
  }
  return lines;
}

interface Attempted<Value> {
  /** Null after a fault. */
  readonly value: Value | null;
  readonly lines: readonly Line[];
}

/** Each fault of a PostriderError is a line. What Postgres refuses unexpectedly is one, too, and ends no other check. */
async function attempted<Value>(
  name: string,
  attempt: () => Promise<{ readonly value: Value; readonly finding: Finding }>,
): Promise<Attempted<Value>> {
  try {
    const { value, finding } = await attempt();
    return { value, lines: [lineOf(name, finding)] };
  } catch (thrown) {
    const explained = copyFault(thrown) ?? explainRefusal(thrown, "postrider_daemon");
    if (explained instanceof PostriderError) {
      const lines = explained.faults.map(({ problem, found, remedy }) =>
        lineOf(name, { state: "fault", found: `${problem}: ${found}`, remedy }),
      );
      return { value: null, lines };
    }
    if (classifyPostgresError(thrown).sqlstate === null && !isOutage(thrown)) {
      throw thrown;
    }
    return {
      value: null,
      lines: [lineOf(name, { state: "fault", found: messageOf(thrown), remedy: UNEXPECTED_REMEDY })],
    };
  }
}

const UNEXPECTED_REMEDY = "look at the server's log, and whether the schema was changed by hand";

async function readSettings(env: Environment): Promise<{ readonly value: Config; readonly finding: Finding }> {
  const value = readConfig(env, { name: "check", database: "required", traces: true });
  const finding: Finding =
    value.warnings.length === 0
      ? { state: "ok", found: "every setting can be read" }
      : { state: "warning", found: value.warnings.join("; "), remedy: "leave them out" };
  return { value, finding };
}

async function connect(config: Config): Promise<{ readonly value: Connection; readonly finding: Finding }> {
  const connection = connectionConfig({ databaseUrl: config.databaseUrl, applicationName: "postrider" });
  // With the purpose of what writes, so that a server that takes no writes is a fault.
  const value = await openConnection({ config: connection, purpose: "pipeline" });
  const { host, port, database, user } = targetOf(connection);
  const found = `connected to ${host.startsWith("/") ? host : `${host}:${port}`}, database ${database}, as ${user}`;
  return { value, finding: { state: "ok", found } };
}

async function looked(
  { name, needs, look }: Check,
  before: readonly Line[],
  config: Config,
  client: Connection,
): Promise<readonly Line[]> {
  if (before.some((line) => needs.includes(line.name) && line.state !== "ok")) {
    return [skipped(name)];
  }
  const { lines } = await attempted(name, async () => ({ value: true, finding: await look({ config, client }) }));
  return lines;
}

function lineOf(name: string, finding: Finding): Line {
  return { name, state: finding.state, found: finding.found, remedy: "remedy" in finding ? finding.remedy : null };
}

function skipped(name: string): Line {
  return { name, state: "skipped", found: null, remedy: null };
}

function textOf(lines: readonly Line[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length));
  return lines
    .map(({ name, state, found, remedy }) => {
      const head = `${state.padEnd("skipped".length)}  ${name.padEnd(width)}`;
      const text = found === null ? head.trimEnd() : `${head}  ${printable(found)}`;
      return `${text}\n${remedy === null ? "" : `${" ".repeat(head.length + 2)}do: ${printable(remedy)}\n`}`;
    })
    .join("");
}
