import { type Config, readConfig } from "../config/read.ts";
import { type Connection, connectionConfig, openConnection } from "../db/connect.ts";
import { readEncoding } from "../db/encoding.ts";
import { migrate, refuseReplaced } from "../db/migrate.ts";
import { printMigration, printMigrationFor } from "../db/printMigration.ts";
import { explainRefusal, grantRoles, rolesThatLandInSchema } from "../db/roles.ts";
import { assertSchemaUsable, checkSchema } from "../db/schemaState.ts";
import { counted } from "../ground/counted.ts";
import { defineCommand, flag, notTogether } from "./command.ts";

export const command = defineCommand({
  summary: "installs or upgrades the schema",
  options: {
    print: flag("write the SQL for a DBA to run by hand; changes nothing"),
    check: flag("change nothing; exit with status 1 if the schema is behind"),
  },
  examples: ["postrider migrate", "postrider migrate --print > postrider.sql", "postrider migrate --check"],
  conflicts: (given) => notTogether(given, "print", "check"),
  run: async ({ print, check }, env) => {
    const config = readConfig(env, { name: "migrate", database: print ? "optional" : "required" });
    if (print) {
      process.stdout.write(await asReader(printed(config)));
    } else {
      await (check ? asReader(withClient(config, checkOnly)) : withClient(config, apply));
    }
    return 0;
  },
});

async function printed(config: Config): Promise<string> {
  return config.databaseUrl === null ? printMigration() : withClient(config, printMigrationFor);
}

async function apply(client: Connection): Promise<void> {
  const { applied, installed, dropped, restored, alreadyAt } = await migrate(client);
  const hasDone = [applied, installed, dropped, restored].some(({ length }) => length > 0);
  const version = applied.at(-1)?.version ?? alreadyAt;
  const lines = [
    ...restored.map((name) => `wrote the rows of postrider.${name} again, which had been emptied`),
    ...applied.map(({ name, durationMs }) => `applied ${name} in ${durationMs} ms`),
    ...(installed.length > 0
      ? [`installed ${counted(installed.length, "function or view", "functions and views")}`]
      : []),
    ...dropped.map((name) => `dropped ${name}, which is no longer part of Postrider`),
    `${hasDone ? "" : "nothing to do: "}the schema is at version ${version}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  await reportRoles(client);
  await warnOfNames(client);
  await warnOfEncoding(client);
}

async function reportRoles(client: Connection): Promise<void> {
  const { granted, missing } = await grantRoles(client);
  if (granted.length > 0) {
    process.stdout.write(`granted ${granted.join(", ")} their privileges\n`);
  }
  if (missing.length > 0) {
    const statements = missing.map((role) => `  create role ${role} nologin;\n`).join("");
    process.stdout.write(
      `some roles are missing, and this role may not create them; without them only the owner can use Postrider. A DBA can run:\n${statements}` +
        `and then, as the owner of the schema again: postrider migrate\n`,
    );
  }
}

async function warnOfNames(client: Connection): Promise<void> {
  for (const role of await rolesThatLandInSchema(client)) {
    process.stderr.write(
      `warning: the role ${role} is named like a schema of Postrider, so the tables that it makes without naming a schema ` +
        `land there; log in as another role, or run: alter role ${role} set search_path = public\n`,
    );
  }
}

async function warnOfEncoding(client: Connection): Promise<void> {
  const { warning } = await readEncoding(client);
  if (warning !== null) {
    process.stderr.write(`warning: ${warning.found}; ${warning.remedy}\n`);
  }
}

async function checkOnly(client: Connection): Promise<void> {
  await assertSchemaUsable(client);
  const state = await checkSchema(client);
  if (state.kind === "current") {
    await refuseReplaced(client);
  }
  process.stdout.write(
    state.kind === "ahead"
      ? `the schema is at version ${state.have}; this program knows version ${state.want}, and works with it\n`
      : "the schema is up to date\n",
  );
}

async function asReader<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (thrown) {
    throw explainRefusal(thrown, "postrider_reader");
  }
}

async function withClient<Result>(config: Config, use: (client: Connection) => Promise<Result>): Promise<Result> {
  const { databaseUrl } = config;
  const client = await openConnection({
    config: connectionConfig({ databaseUrl, applicationName: "postrider" }),
    purpose: "migrate",
  });
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
