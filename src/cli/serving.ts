import type { ChosenAddress } from "../config/listen.ts";
import { isOutage } from "../db/pgErrors.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { listenAddressText } from "../ground/listenAddress.ts";
import type { Limits } from "../serve/limits.ts";
import { type App, Listener } from "../serve/listener.ts";

export interface Serving {
  readonly address: ChosenAddress;
  readonly app: App;
  readonly limits?: Partial<Limits>;
  /** The setting that says where. */
  readonly setting: string;
  /** Hears why an answer broke off, unless Postgres is away. */
  readonly onBroken: (error: string) => void;
  /** Hears that the port of the default address is taken. */
  readonly onLeftOut: (fields: { readonly address: string; readonly error: string; readonly remedy: string }) => void;
}

/**
 * Starts a server of this program. Null: the default address is taken. Rejects with PR0010 if an address that a person
 * chose cannot be listened on.
 */
export async function serve(serving: Serving): Promise<Listener | null> {
  const { address, app, limits, setting, onBroken, onLeftOut } = serving;
  try {
    return await Listener.start({
      ...{ address, app, ...(limits && { limits }) },
      onBroken: (thrown) => (isOutage(thrown) ? undefined : onBroken(messageOf(thrown))),
    });
  } catch (thrown) {
    const place = listenAddressText(address);
    const found = isTaken(thrown) ? "another program listens there" : messageOf(thrown);
    if (address.isExplicit) {
      throw cannotListen(place, found, setting);
    }
    onLeftOut({ address: place, error: found, remedy: `set ${setting} to a free address, or to off` });
    return null;
  }
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
