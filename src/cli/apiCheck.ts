import type { Config } from "../config/read.ts";
import { ROLES } from "../console/caller.ts";
import { CONNECTIONS_MAX } from "../console/consoleDatabase.ts";
import { type ApiLogin, apiKeysFor, apiLoginOf } from "../db/apiLogin.ts";
import { connectionConfig, openConnection } from "../db/connect.ts";
import { counted } from "../ground/counted.ts";
import { messageOf } from "../ground/errors.ts";
import { type Checked, type Finding, warningOf } from "./finding.ts";

const LOGIN_REMEDY =
  "make a login for it: create role ops_api login password '…' in role postrider_reader, postrider_operator, postrider_publisher";

/** How the API logs in. Nothing of it stops delivery, so nothing is a fault. */
export async function lookAtApi({ client, config }: Checked): Promise<Finding> {
  if (config.apiDatabaseUrl === null) {
    return { state: "ok", found: "there is no API, because POSTRIDER_API_DATABASE_URL is not set" };
  }
  try {
    const url = {
      databaseUrl: config.apiDatabaseUrl,
      urlFile: config.apiDatabaseUrlFile,
      applicationName: "postrider",
    };
    const api = await openConnection({ config: connectionConfig(url), purpose: "console" });
    try {
      const login = await apiLoginOf(api);
      const daemon = await apiLoginOf(client);
      return login === null || login.place !== daemon?.place
        ? elsewhere()
        : await judge(login, daemon, config, async () => apiKeysFor(api, login));
    } finally {
      await api.end();
    }
  } catch (thrown) {
    const found = `the API cannot log in by POSTRIDER_API_DATABASE_URL: ${messageOf(thrown)}`;
    return { state: "warning", found, remedy: "look at its host, password and database" };
  }
}

function elsewhere(): Finding {
  const found = "POSTRIDER_API_DATABASE_URL leads to another database than DATABASE_URL";
  return { state: "warning", found, remedy: "set it to the same database, with another login" };
}

async function judge(
  login: ApiLogin,
  daemon: ApiLogin,
  config: Config,
  countKeys: () => ReturnType<typeof apiKeysFor>,
): Promise<Finding> {
  const name = login.login;
  const roles = rolesOf(login);
  const reads = login.is_reader || login.is_operator;
  const { keys, unserved, such_as } = reads ? await countKeys() : { keys: 0, unserved: 0, such_as: null };
  const lacking = lackingRoles(login, config);
  const problems = [
    ...tooMuch(login, daemon).map((found) => ({ found, remedy: LOGIN_REMEDY })),
    ...(roles.length > 0
      ? []
      : [
          {
            found: `the API logs in as ${name}, which may take no role of Postrider`,
            remedy: `grant postrider_reader to ${name}`,
          },
        ]),
    ...(unserved === 0
      ? []
      : [
          {
            found: `${counted(unserved, "key")} of the API, such as ${such_as}, may do more than the roles that ${name} may take`,
            remedy: `grant the others to ${name}, or revoke the keys: postrider.revoke_api_key(key_id)`,
          },
        ]),
    ...(lacking.length === 0
      ? []
      : [
          {
            found: `POSTRIDER_TRUSTED_GROUPS gives scopes that need ${lacking.join(" and ")}, which ${name} may not take`,
            remedy: `grant ${lacking.join(", ")} to ${name}`,
          },
        ]),
    ...(login.connections_max === null || login.connections_max >= CONNECTIONS_MAX
      ? []
      : [
          {
            found: `${name} may have ${counted(login.connections_max, "connection")}, and the API uses up to ${CONNECTIONS_MAX}`,
            remedy: `alter role ${name} connection limit ${CONNECTIONS_MAX}`,
          },
        ]),
  ];
  return warningOf(problems, `the API logs in as ${name}, which may take ${roles.join(", ")}; ${counted(keys, "key")}`);
}

function rolesOf({ is_reader, is_operator, is_publisher }: ApiLogin): readonly string[] {
  return [
    ...(is_reader ? ["postrider_reader"] : []),
    ...(is_operator ? ["postrider_operator"] : []),
    ...(is_publisher ? ["postrider_publisher"] : []),
  ];
}

/** A mistake in the API must not reach what the daemon may do. */
function tooMuch({ login, is_superuser, is_owner, reads_secrets }: ApiLogin, daemon: ApiLogin): readonly string[] {
  if (is_superuser) return [`the API logs in as ${login}, a superuser`];
  if (is_owner) return [`the API logs in as ${login}, which owns the schema`];
  if (login === daemon.login) return [`the API logs in as ${login}, like the daemon`];
  return reads_secrets ? [`the API logs in as ${login}, which may read the secrets of endpoints`] : [];
}

function lackingRoles(login: ApiLogin, { trustedUsers }: Config): readonly string[] {
  const held = rolesOf(login);
  const needed = [...(trustedUsers?.scopesOf.values() ?? [])].flat().map((scope) => ROLES[scope]);
  return [...new Set(needed)].filter((role) => !held.includes(role));
}
