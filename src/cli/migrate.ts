import type { Config } from "../config/config.ts";
import { type Connection, connectionConfig, openConnection } from "../db/connect.ts";
import { assertSchemaUsable, checkSchema, migrate, printMigrations, printMigrationsFor } from "../db/migrate.ts";
import { grantRoles } from "../db/roles.ts";
import type { MigrateOptions } from "./commandLine.ts";

/** `postrider migrate`. Resolves with the exit status; rejects with PostriderError where the schema is not as it should be. */
export async function migrateCommand({ mode }: MigrateOptions, config: Config): Promise<0> {
  switch (mode) {
    case "apply":
      await withClient(config, apply);
      return 0;
    case "check":
      await withClient(config, check);
      return 0;
    case "print":
      process.stdout.write(
        config.databaseUrl === null ? printMigrations({ from: 0 }) : await withClient(config, printMigrationsFor),
      );
      return 0;
  }
}

async function apply(client: Connection): Promise<void> {
  const { applied, alreadyAt } = await migrate(client, {
    onApplied: ({ name, durationMs }) => process.stdout.write(`applied ${name} in ${durationMs} ms\n`),
  });
  const version = applied.at(-1)?.version ?? alreadyAt;
  process.stdout.write(
    applied.length === 0
      ? `nothing to do: the schema is at version ${version}\n`
      : `the schema is at version ${version}\n`,
  );
  await tellOfRoles(client);
}

async function tellOfRoles(client: Connection): Promise<void> {
  const { granted, missing } = await grantRoles(client);
  if (granted.length > 0) {
    process.stdout.write(`granted ${granted.join(", ")} what they are to have\n`);
  }
  if (missing.length > 0) {
    const statements = missing.map((role) => `  create role ${role} nologin;\n`).join("");
    process.stdout.write(
      `some roles are missing, and this one may not make them; only the owner can use Postrider without them. A DBA runs:\n${statements}` +
        `and after that, as the owner of the schema again: postrider migrate\n`,
    );
  }
}

async function check(client: Connection): Promise<void> {
  await assertSchemaUsable(client);
  const state = await checkSchema(client);
  process.stdout.write(
    state.kind === "ahead"
      ? `the schema is at version ${state.have}; this program knows version ${state.want}, and works with it\n`
      : "the schema is up to date\n",
  );
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
