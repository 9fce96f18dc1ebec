import type { ChosenAddress } from "../config/listen.ts";
import { isOutage } from "../db/pgErrors.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { type ListenAddress, listenAddressText } from "../ground/listenAddress.ts";
import type { Limits } from "../serve/limits.ts";
import { type App, Listener } from "../serve/listener.ts";

export interface Serving {
  readonly address: ListenAddress;
  readonly app: App;
  readonly limits?: Partial<Limits>;
  /** The setting that says where. */
  readonly setting: string;
  /** Hears why an answer broke off, unless Postgres is away. */
  readonly onBroken: (error: string) => void;
}

export interface OptionalServing extends Serving {
  readonly address: ChosenAddress;
  /** Hears that the port of the default address is taken. */
  readonly onLeftOut: (fields: { readonly address: string; readonly error: string; readonly remedy: string }) => void;
}

/**
 * Starts a server of this program. Null: the default address is taken. Rejects with PR0010 if an address that a person
 * chose cannot be listened on.
 */
export async function serve(serving: OptionalServing): Promise<Listener | null> {
  const { address, setting, onLeftOut } = serving;
  if (address.isExplicit) {
    return serveChosen(serving);
  }
  try {
    return await start(serving);
  } catch (thrown) {
    const remedy = `set ${setting} to a free address, or to off`;
    onLeftOut({ address: listenAddressText(address), error: foundOf(thrown), remedy });
    return null;
  }
}

/** The same at an address that a person chose. */
export async function serveChosen(serving: Serving): Promise<Listener> {
  try {
    return await start(serving);
  } catch (thrown) {
    throw cannotListen(listenAddressText(serving.address), foundOf(thrown), serving.setting);
  }
}

function start({ address, app, limits, onBroken }: Serving): Promise<Listener> {
  return Listener.start({
    ...{ address, app, ...(limits && { limits }) },
    onBroken: (thrown) => (isOutage(thrown) ? undefined : onBroken(messageOf(thrown))),
  });
}

function foundOf(thrown: unknown): string {
  return isTaken(thrown) ? "another program listens there" : messageOf(thrown);
}

function isTaken(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EADDRINUSE";
}

function cannotListen(address: string, found: string, setting: string): PostriderError {
  return new PostriderError([
    {
      code: "PR0010",
      problem: `cannot listen on ${address}`,
      found,
      remedy: `set ${setting} to an address of this machine with a free port, or to off`,
    },
  ]);
}
