import type { Config } from "../config/read.ts";
import { isOutage } from "../db/pgErrors.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { listenAddressText } from "../ground/listenAddress.ts";
import { makeApp } from "../listen/app.ts";
import { Listener } from "../listen/listener.ts";
import { ListenerDatabase } from "../listen/listenerDatabase.ts";
import type { ListenerApp } from "../listen/routes.ts";
import type { Vitals } from "../listen/vitals.ts";
import type { Events } from "../telemetry/bus.ts";

/**
 * Runs `work` beside the listener, which starts before it and stops after it. `work` gets the settings with the address
 * that the listener has. Rejects with PR0010 if an address that a person chose cannot be listened on.
 */
export async function withListener(
  config: Config,
  events: Events,
  vitals: Vitals,
  work: (config: Config) => Promise<void>,
): Promise<void> {
  const { httpListen } = config;
  const database = new ListenerDatabase(config);
  const onError = (error: string): void => events.emit("http_request.failed", { error });
  const { encryptionKeys: sealingKeys, source } = config;
  const app = makeApp({ vitals, database, sealingKeys, source, onError });
  const listener = await startListener(config, events, app);
  if (listener === null || httpListen === null) {
    await work(config);
    return;
  }
  events.emit("http_listener.started", { address: listenAddressText(listener.address) });
  try {
    await work({ ...config, httpListen: { ...httpListen, port: listener.address.port } });
  } finally {
    await listener.stop();
    await database.stop();
  }
}

/** Null: it is switched off, or the port of the default address is taken. */
async function startListener({ httpListen }: Config, events: Events, app: ListenerApp): Promise<Listener | null> {
  if (httpListen === null) {
    return null;
  }
  const onBroken = (thrown: unknown): void => {
    if (!isOutage(thrown)) {
      events.emit("http_request.failed", { error: messageOf(thrown) });
    }
  };
  try {
    return await Listener.start({ address: httpListen, app, onBroken });
  } catch (thrown) {
    const address = listenAddressText(httpListen);
    const found = isTaken(thrown) ? "another program listens there" : messageOf(thrown);
    if (httpListen.isExplicit) {
      throw cannotListen(address, found);
    }
    const remedy = "set POSTRIDER_HTTP_LISTEN to a free address, or to off";
    events.emit("http_listener.left_out", { address, error: found, remedy });
    return null;
  }
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EADDRINUSE";
}

function cannotListen(address: string, found: string): PostriderError {
  return new PostriderError([
    {
      code: "PR0010",
      problem: `cannot listen on ${address}`,
      found,
      remedy: "set POSTRIDER_HTTP_LISTEN to an address of this machine with a free port, or to off",
    },
  ]);
}
