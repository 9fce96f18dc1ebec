import type { Config } from "../config/read.ts";
import { ROLES } from "../console/caller.ts";
import { type ApiLogin, apiKeysFor } from "../db/apiLogin.ts";
import { counted } from "../ground/counted.ts";
import { type LoggedIn, lookAtLogin, tooFewConnections } from "./consoleLogin.ts";
import { type Checked, type Finding, warningOf } from "./finding.ts";

const EXAMPLE =
  "create role ops_api login password '…' in role postrider_reader, postrider_operator, postrider_publisher";

/** How the API logs in. */
export async function lookAtApi(checked: Checked): Promise<Finding> {
  const { apiDatabaseUrl, apiListen } = checked.config;
  if (apiDatabaseUrl === null) {
    return { state: "ok", found: "there is no API, because POSTRIDER_API_DATABASE_URL is not set" };
  }
  return apiListen === null
    ? { state: "ok", found: "there is no API, because POSTRIDER_API_LISTEN is off" }
    : lookAtLogin({ name: "the API", example: EXAMPLE }, checked, judge);
}

async function judge({ config, login, problems, connection }: LoggedIn): Promise<Finding> {
  const name = login.login;
  const roles = rolesOf(login);
  const reads = login.is_reader || login.is_operator;
  const { keys, unserved, such_as } = reads
    ? await apiKeysFor(connection, login)
    : { keys: 0, unserved: 0, such_as: null };
  const lacking = lackingRoles(login, config);
  const all = [
    ...problems,
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
    ...tooFewConnections(login, config.portalListen === null ? ["the API"] : ["the API", "the portal"]),
  ];
  return warningOf(all, `the API logs in as ${name}, which may take ${roles.join(", ")}; ${counted(keys, "key")}`);
}

function rolesOf({ is_reader, is_operator, is_publisher }: ApiLogin): readonly string[] {
  return [
    ...(is_reader ? ["postrider_reader"] : []),
    ...(is_operator ? ["postrider_operator"] : []),
    ...(is_publisher ? ["postrider_publisher"] : []),
  ];
}

function lackingRoles(login: ApiLogin, { trustedUsers }: Config): readonly string[] {
  const held = rolesOf(login);
  const needed = [...(trustedUsers?.scopesOf.values() ?? [])].flat().map((scope) => ROLES[scope]);
  return [...new Set(needed)].filter((role) => !held.includes(role));
}
