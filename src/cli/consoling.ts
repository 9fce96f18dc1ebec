import type { Config } from "../config/read.ts";
import { makeConsoleApp } from "../console/app.ts";
import { ConsoleDatabase } from "../console/consoleDatabase.ts";
import { CONSOLE_LIMITS } from "../console/limits.ts";
import { makeRequestComposer, type Secrets } from "../daemon/preview.ts";
import { listenAddressText } from "../ground/listenAddress.ts";
import type { Listener } from "../serve/listener.ts";
import type { Events } from "../telemetry/bus.ts";
import { serve } from "./serving.ts";

/**
 * Runs `work` beside the API, which starts before it and stops after it. `work` gets the settings with the address that the
 * API has. `secrets` sign requests that people look at; null: none is signed. Rejects with PR0010 if an address that a person
 * chose cannot be listened on.
 */
export async function withConsole(
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
