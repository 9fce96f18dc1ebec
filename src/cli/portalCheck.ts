import type { Config } from "../config/read.ts";
import { type ApiLogin, readRelations } from "../db/apiLogin.ts";
import type { Connection } from "../db/connect.ts";
import { type LoggedIn, lookAtLogin, tooFewConnections } from "./consoleLogin.ts";
import { type Checked, type Finding, type Problem, warningOf } from "./finding.ts";

const EXAMPLE = "create role portal_api login password '…' in role postrider_portal";

/** How the portal logs in. Without a login it is a fault: a daemon with these settings does not start. */
export async function lookAtPortal(checked: Checked): Promise<Finding> {
  const { apiDatabaseUrl, portalListen } = checked.config;
  if (portalListen === null) {
    return { state: "ok", found: "there is no portal, because POSTRIDER_PORTAL_LISTEN is off" };
  }
  return apiDatabaseUrl === null
    ? {
        state: "fault",
        found: "POSTRIDER_PORTAL_LISTEN is set, and POSTRIDER_API_DATABASE_URL is not, so a daemon does not start",
        remedy: `set it to a login for the portal (${EXAMPLE}), or unset POSTRIDER_PORTAL_LISTEN`,
      }
    : lookAtLogin({ name: "the portal", example: EXAMPLE }, checked, judge);
}

async function judge({ config, login, problems, connection }: LoggedIn): Promise<Finding> {
  const name = login.login;
  if (!login.is_portal) {
    const found = `the portal logs in as ${name}, which may not take postrider_portal`;
    return warningOf([...problems, { found, remedy: `grant postrider_portal to ${name}` }], "");
  }
  // One login for both has the roles of both.
  const alone = config.apiListen === null;
  const all = [
    ...problems,
    ...(alone && problems.length === 0 ? await tooMuch(login, connection) : []),
    ...(await strayGrants(connection)),
    ...(alone ? tooFewConnections(login, ["the portal"]) : []),
  ];
  const reads = alone ? ", and reads no table" : "";
  return warningOf(all, `the portal logs in as ${name}, which may take postrider_portal${reads}; ${placeOf(config)}`);
}

/** A process that serves tenants alone should be able to do nothing else. */
async function tooMuch(login: ApiLogin, connection: Connection): Promise<readonly Problem[]> {
  const name = login.login;
  const others = [
    ...(login.is_reader ? ["postrider_reader"] : []),
    ...(login.is_operator ? ["postrider_operator"] : []),
    ...(login.is_publisher ? ["postrider_publisher"] : []),
    ...(login.is_daemon ? ["postrider_daemon"] : []),
  ];
  if (others.length > 0) {
    const found = `the portal needs postrider_portal alone, and ${name} may also take ${others.join(", ")}`;
    return [{ found, remedy: `revoke ${others.join(", ")} from ${name}` }];
  }
  const { by_login, by_login_such_as } = await readRelations(connection);
  return by_login === 0
    ? []
    : [
        {
          found: `${name} may read what the portal does not show, such as ${by_login_such_as}`,
          remedy: `revoke select on ${by_login_such_as} from ${name}, or the role that grants it`,
        },
      ];
}

/** What somebody has granted to the role of the portal. Its views show a tenant's rows, its tables everybody's. */
async function strayGrants(connection: Connection): Promise<readonly Problem[]> {
  const { by_portal, by_portal_such_as } = await readRelations(connection);
  return by_portal === 0
    ? []
    : [
        {
          found: `postrider_portal may read ${by_portal_such_as}, which has the rows of every tenant`,
          remedy: "let the owner of the schema run: select * from postrider.grant_roles()",
        },
      ];
}

function placeOf({ portalHosts, portalOrigins }: Config): string {
  const names = ["localhost", "addresses", ...portalHosts].join(", ");
  const frames = portalOrigins.length === 0 ? "it may be in no frame" : `${portalOrigins.join(", ")} may frame it`;
  return `it answers under ${names}; ${frames}`;
}
