import { readConfig } from "../config/read.ts";
import { readStatus } from "../db/status.ts";
import { defineCommand, flag } from "./command.ts";
import { statusJson, statusText } from "./statusText.ts";
import { withDatabase } from "./withDatabase.ts";

export const command = defineCommand({
  summary: "shows what waits, what was not delivered, and the daemons; exits with 1 if nothing is sent",
  options: { json: flag("print JSON instead of text") },
  examples: ["postrider status", "postrider status --json | jq ."],
  run: async ({ json }, env) => {
    const status = await withDatabase(
      readConfig(env, { name: "status", database: "required" }),
      { role: "postrider_reader" },
      readStatus,
    );
    process.stdout.write(json ? statusJson(status) : statusText(status));
    return status.delivers ? 0 : 1;
  },
});
