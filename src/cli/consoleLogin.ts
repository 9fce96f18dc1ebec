import type { Config } from "../config/read.ts";
import { CONNECTIONS_MAX } from "../console/consoleDatabase.ts";
import { type ApiLogin, apiLoginOf } from "../db/apiLogin.ts";
import { type Connection, connectionConfig, openConnection } from "../db/connect.ts";
import { counted } from "../ground/counted.ts";
import { messageOf } from "../ground/errors.ts";
import type { Checked, Finding, Problem } from "./finding.ts";

export interface LoggedIn {
  readonly config: Config;
  readonly login: ApiLogin;
  /** What is wrong with the login, whatever it serves. */
  readonly problems: readonly Problem[];
  /** By the login. */
  readonly connection: Connection;
}

interface Served {
  /** In a sentence: "the API". */
  readonly name: string;
  /** A login that is fit for it. */
  readonly example: string;
}

/** What the login in POSTRIDER_API_DATABASE_URL is worth. Nothing of it stops delivery, so nothing is a fault. */
export async function lookAtLogin(
  { name, example }: Served,
  { client, config }: Checked,
  judge: (loggedIn: LoggedIn) => Promise<Finding>,
): Promise<Finding> {
  const { apiDatabaseUrl: databaseUrl, apiDatabaseUrlFile: urlFile } = config;
  try {
    const settings = connectionConfig({ databaseUrl, urlFile, applicationName: "postrider" });
    const connection = await openConnection({ config: settings, purpose: "console" });
    try {
      const [login, daemon] = [await apiLoginOf(connection), await apiLoginOf(client)];
      if (login === null || login.place !== daemon?.place) {
        return elsewhere();
      }
      const remedy = `make a login for it: ${example}`;
      const problems = tooMuch(login, daemon).map((what) => ({ found: `${name} logs in as ${what}`, remedy }));
      return await judge({ config, login, problems, connection });
    } finally {
      await connection.end();
    }
  } catch (thrown) {
    const found = `${name} cannot log in by POSTRIDER_API_DATABASE_URL: ${messageOf(thrown)}`;
    return { state: "warning", found, remedy: "look at its host, password and database" };
  }
}

function elsewhere(): Finding {
  const found = "POSTRIDER_API_DATABASE_URL leads to another database than DATABASE_URL";
  return { state: "warning", found, remedy: "set it to the same database, with another login" };
}

/** A mistake in the API or the portal must not reach what the daemon may do. */
function tooMuch({ login, is_superuser, is_owner, reads_secrets }: ApiLogin, daemon: ApiLogin): readonly string[] {
  if (is_superuser) return [`${login}, a superuser`];
  if (is_owner) return [`${login}, which owns the schema`];
  if (login === daemon.login) return [`${login}, like the daemon`];
  return reads_secrets ? [`${login}, which may read the secrets of endpoints`] : [];
}

/** If the role may have fewer connections than what logs in by it. */
export function tooFewConnections(
  { login, connections_max }: ApiLogin,
  services: readonly string[],
): readonly Problem[] {
  const needed = services.length * CONNECTIONS_MAX;
  if (connections_max === null || connections_max >= needed) {
    return [];
  }
  const verb = services.length === 1 ? "uses" : "use";
  return [
    {
      found: `${login} may have ${counted(connections_max, "connection")}, and ${services.join(" and ")} ${verb} up to ${needed}`,
      remedy: `alter role ${login} connection limit ${needed}`,
    },
  ];
}
