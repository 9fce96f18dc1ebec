import type { Config } from "../config/read.ts";
import { SETTINGS } from "../config/settings.ts";
import { makeConsoleApp } from "../console/app.ts";
import { ConsoleDatabase } from "../console/consoleDatabase.ts";
import { CONSOLE_LIMITS, PORTAL_LIMITS } from "../console/limits.ts";
import { makePortalApp } from "../console/portal/app.ts";
import { makeRequestComposer, type Secrets } from "../daemon/preview.ts";
import { PostriderError } from "../ground/errors.ts";
import { listenAddressText } from "../ground/listenAddress.ts";
import type { Listener } from "../serve/listener.ts";
import type { Events } from "../telemetry/bus.ts";
import { serve, serveChosen } from "./serving.ts";

/**
 * Runs `work` beside the API and the portal. `work` gets the settings with the addresses that they have. Rejects with
 * PR0010 if an address that a person chose cannot be listened on.
 */
export function withConsoles(
  config: Config,
  events: Events,
  secrets: Secrets | null,
  work: (config: Config) => Promise<void>,
): Promise<void> {
  return withConsole(config, events, secrets, (serving) => withPortal(serving, events, work));
}

/**
 * Runs `work` beside the API, which starts before it and stops after it. `work` gets the settings with the address that the
 * API has. `secrets` sign requests that people look at; null: none is signed. Rejects with PR0010 if an address that a person
 * chose cannot be listened on.
 */
async function withConsole(
  config: Config,
  events: Events,
  secrets: Secrets | null,
  work: (config: Config) => Promise<void>,
): Promise<void> {
  const { apiDatabaseUrl, apiListen } = config;
  if (apiDatabaseUrl === null || apiListen === null) {
    await work(config);
    return;
  }
  const database = new ConsoleDatabase(config);
  const server = await startConsole(apiListen, config, events, database, secrets);
  if (server !== null) {
    events.emit("console.started", { address: listenAddressText(server.address) });
  }
  try {
    await work(server === null ? config : { ...config, apiListen: { ...apiListen, port: server.address.port } });
  } finally {
    await server?.stop();
    await database.stop();
  }
}

/** The same with the portal. It has connections of its own, so that tenants do not keep operators waiting. */
async function withPortal(config: Config, events: Events, work: (config: Config) => Promise<void>): Promise<void> {
  const { portalListen: address, portalHosts: hosts, portalOrigins: origins } = config;
  if (address === null) {
    await work(config);
    return;
  }
  if (config.apiDatabaseUrl === null) {
    throw withoutLogin();
  }
  const database = new ConsoleDatabase(config);
  const onError = (error: string): void => events.emit("portal_request.failed", { error });
  const server = await serveChosen({
    ...{ address, limits: PORTAL_LIMITS, setting: "POSTRIDER_PORTAL_LISTEN" },
    app: makePortalApp({ database, hosts, origins, onError }),
    onBroken: onError,
  });
  events.emit("portal.started", { address: listenAddressText(server.address) });
  try {
    await work({ ...config, portalListen: { ...address, port: server.address.port } });
  } finally {
    await server.stop();
    await database.stop();
  }
}

function withoutLogin(): PostriderError {
  const { apiDatabaseUrl, portalListen } = SETTINGS;
  const fault = {
    code: "PR0002",
    problem: "cannot serve the portal",
    found: `${portalListen.name} is set, and ${apiDatabaseUrl.name} is not`,
    remedy: `set ${apiDatabaseUrl.name} to a login that is a member of postrider_portal, or unset ${portalListen.name}`,
  } as const;
  return new PostriderError([fault], 2);
}

/** Null: the port of the default address is taken. */
function startConsole(
  address: NonNullable<Config["apiListen"]>,
  { apiHosts: hosts, trustedUsers: users, source, publicUrl }: Config,
  events: Events,
  database: ConsoleDatabase,
  secrets: Secrets | null,
): Promise<Listener | null> {
  const compose = makeRequestComposer({ source, publicUrl, secrets });
  const onError = (error: string): void => events.emit("console_request.failed", { error });
  return serve({
    ...{ address, limits: CONSOLE_LIMITS, setting: "POSTRIDER_API_LISTEN" },
    app: makeConsoleApp({ database, hosts, users, compose, onError }),
    onBroken: onError,
    onLeftOut: (fields) => events.emit("console.left_out", fields),
  });
}
