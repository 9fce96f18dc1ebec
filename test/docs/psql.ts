/** `psql URL [-v NAME=VALUE …] -c TEXT | -f FILE`, for documents that use it: prints each result as JSON. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import pg from "pg";
import { runScript } from "../support/psqlScript.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    command: { type: "string", short: "c" },
    file: { type: "string", short: "f" },
    variable: { type: "string", short: "v", multiple: true, default: [] },
  },
});
const [url = ""] = positionals;
const script = values.command ?? readFileSync(values.file ?? "/dev/stdin", "utf8");
const variables = new Map(values.variable.map((given) => given.split("=", 2) as [string, string]));
const client = new pg.Client({ connectionString: url });
await client.connect();
try {
  for (const { rows } of await runScript(client, script, variables)) console.log(JSON.stringify(rows));
} finally {
  await client.end();
}
