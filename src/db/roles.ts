import { messageOf, PostriderError } from "../ground/errors.ts";
import type { Connection } from "./connect.ts";
import { classifyPostgresError, hintOf } from "./pgErrors.ts";
import { defineStatement } from "./statements.ts";

const ungrantedRoles = defineStatement("ungranted_roles", { params: {}, columns: { role_name: "text" } });
const grantRolesStatement = defineStatement("grant_roles", {
  params: {},
  columns: { role_name: "text", outcome: ["granted", "missing"] },
});

export interface RoleGrants {
  /** Roles that were granted their privileges just now. */
  readonly granted: readonly string[];
  /** Roles that do not exist, and that this role may not create. */
  readonly missing: readonly string[];
}

/**
 * Grants privileges to roles that a DBA created after the migration, which may lack the right to create roles.
 * Throws PR0009 if the connection's role does not own the schema.
 */
export async function grantRoles(client: Connection): Promise<RoleGrants> {
  const { rows: ungranted } = await client.run(ungrantedRoles, {});
  if (ungranted.length === 0) {
    return { granted: [], missing: [] };
  }
  try {
    const { rows } = await client.run(grantRolesStatement, {});
    const named = (outcome: "granted" | "missing") =>
      rows.filter((row) => row.outcome === outcome).map(({ role_name }) => role_name);
    const before = new Set(ungranted.map(({ role_name }) => role_name));
    return { granted: named("granted").filter((role) => before.has(role)), missing: named("missing") };
  } catch (thrown) {
    throw new PostriderError(
      [
        {
          code: "PR0009",
          problem: "cannot grant the roles of Postrider their privileges",
          found: messageOf(thrown),
          remedy: "run it as the owner of the schema postrider",
        },
      ],
      1,
      { cause: thrown },
    );
  }
}

const rolesNamedAsSchema = defineStatement("roles_named_as_schema", { params: {}, columns: { role_name: "text" } });

/** Roles whose unqualified tables are made in a schema of ours, because "$user" on their search_path is its name. */
export async function rolesThatLandInSchema(client: Connection): Promise<readonly string[]> {
  const { rows } = await client.run(rolesNamedAsSchema, {});
  return rows.map(({ role_name }) => role_name);
}

const INSUFFICIENT_PRIVILEGE = "42501";

export type NeededRole = "postrider_daemon" | "postrider_reader" | "postrider_operator" | "postrider_publisher";

/** The error that a command throws: PR0013, with what the server advises if it does, if a privilege was missing; otherwise the same one. */
export function explainRefusal(thrown: unknown, needed: NeededRole): unknown {
  if (thrown instanceof PostriderError || classifyPostgresError(thrown).sqlstate !== INSUFFICIENT_PRIVILEGE) {
    return thrown;
  }
  return new PostriderError(
    [
      {
        code: "PR0013",
        problem: "cannot do this with the role that DATABASE_URL logs in as",
        found: messageOf(thrown),
        remedy: hintOf(thrown) ?? `log in as the owner of the schema, or have a DBA run "grant ${needed} to" that role`,
      },
    ],
    1,
    { cause: thrown },
  );
}
