import type { Config } from "../config/read.ts";
import { listenAddressText } from "../ground/listenAddress.ts";
import { makeApp } from "../listen/app.ts";
import { ListenerDatabase } from "../listen/listenerDatabase.ts";
import type { Vitals } from "../listen/vitals.ts";
import type { Listener } from "../serve/listener.ts";
import type { Events } from "../telemetry/bus.ts";
import { withConsoles } from "./consoling.ts";
import { serve } from "./serving.ts";

/**
 * Runs `work` beside the listener, the API and the portal, which start before it and stop after it. `work` gets the settings with the
 * addresses that they have. Rejects with PR0010 if an address that a person chose cannot be listened on.
 */
export async function withServers(
  config: Config,
  events: Events,
  vitals: Vitals,
  work: (config: Config) => Promise<void>,
): Promise<void> {
  await withListener(config, events, vitals, (listening, database) =>
    withConsoles(listening, events, { database, sealingKeys: config.encryptionKeys }, work),
  );
}

/** The same with the listener alone. `work` also gets its database, which may read what daemons may. */
export async function withListener(
  config: Config,
  events: Events,
  vitals: Vitals,
  work: (config: Config, database: ListenerDatabase) => Promise<void>,
): Promise<void> {
  const { httpListen } = config;
  const database = new ListenerDatabase(config);
  const listener = await startListener(config, events, vitals, database);
  try {
    if (listener === null || httpListen === null) {
      await work(config, database);
      return;
    }
    events.emit("http_listener.started", { address: listenAddressText(listener.address) });
    await work({ ...config, httpListen: { ...httpListen, port: listener.address.port } }, database);
  } finally {
    await listener?.stop();
    await database.stop();
  }
}

/** Null: it is switched off, or the port of the default address is taken. */
async function startListener(
  { httpListen: address, encryptionKeys: sealingKeys, source }: Config,
  events: Events,
  vitals: Vitals,
  database: ListenerDatabase,
): Promise<Listener | null> {
  if (address === null) {
    return null;
  }
  const onError = (error: string): void => events.emit("http_request.failed", { error });
  return await serve({
    ...{ address, setting: "POSTRIDER_HTTP_LISTEN" },
    app: makeApp({ vitals, database, sealingKeys, source, events, onError }),
    onBroken: onError,
    onLeftOut: (fields) => events.emit("http_listener.left_out", fields),
  });
}
