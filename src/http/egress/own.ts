/**
 * The servers that a daemon is made of, such as its Postgres. A profile may open the network that they are in, and an
 * allow list their address, but no setting opens their ports: whoever writes endpoint URLs would otherwise speak to the
 * database that the daemon trusts.
 */
import { networkInterfaces } from "node:os";
import { type Address, type Cidr, classify, parseAddress, reachedBy } from "./addresses.ts";
import { canonicalName } from "./rules.ts";

export interface OwnServer {
  /** For the sentence of a refusal. */
  readonly what: string;
  /** A name, an address, or the directory of a Unix socket, whose server may listen on this machine's addresses, too. */
  readonly host: string;
  readonly port: number;
}

/** Where a connection to Postgres has led, or where the Postgres at its end said that it listens. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Resolves with no addresses if there are none to be had. */
export type ResolveName = (hostname: string) => Promise<readonly string[]>;

const THIS_MACHINE = "127.0.0.1";
/** For the sentence of a refusal. */
export const OWN_POSTGRES = "the daemon's own Postgres";

export class OwnServers {
  readonly #servers: readonly OwnServer[];
  readonly #peers: () => Iterable<Peer>;
  readonly #nat64: readonly Cidr[];

  /**
   * @param peers Where connections to Postgres have led so far, because a name may lead elsewhere since; and what is behind poolers.
   * @param nat64 The network's prefixes, besides the well-known one.
   */
  constructor(servers: readonly OwnServer[], peers: () => Iterable<Peer> = () => [], nat64: readonly Cidr[] = []) {
    this.#servers = servers.map(({ what, host, port }) => ({
      what,
      host: host.startsWith("/") ? THIS_MACHINE : canonicalName(host.replace(/^\[(.*)\]$/, "$1")),
      port,
    }));
    this.#peers = peers;
    this.#nat64 = nat64;
  }

  /** Why nothing may be sent there; undefined if it is none of them. `hostname` is a name, or an address without brackets. */
  async refusalOf(
    hostname: string,
    port: number,
    addresses: readonly string[],
    resolve: ResolveName,
  ): Promise<string | undefined> {
    const servers = this.#servers.filter((server) => server.port === port);
    const peers = [...this.#peers()].filter((peer) => peer.port === port).map(({ address }) => address);
    if (servers.length === 0 && peers.length === 0) {
      // The only case that is not rare, so it costs nothing more.
      return undefined;
    }
    const placesOf = (address: string) => placesAt(address, this.#nat64);
    const sought = new Set(addresses.flatMap(placesOf));
    if (peers.flatMap(placesOf).some((place) => sought.has(place))) {
      return refusal(OWN_POSTGRES);
    }
    for (const server of servers) {
      const isNamed = server.host === canonicalName(hostname);
      if (isNamed || (await addressesOf(server, resolve)).flatMap(placesOf).some((place) => sought.has(place))) {
        return refusal(server.what);
      }
    }
    return undefined;
  }
}

function refusal(what: string): string {
  return `it is ${what}, which no setting allows`;
}

async function addressesOf({ host }: OwnServer, resolve: ResolveName): Promise<readonly string[]> {
  return parseAddress(host) === undefined ? resolve(host) : [host];
}

/**
 * An address in a form that can be compared. All addresses of this machine are one place, because a server listens on
 * several of them; an address behind NAT64 is also the one that it embeds.
 */
function placesAt(text: string, nat64: readonly Cidr[]): readonly string[] {
  const address = parseAddress(text);
  if (address === undefined) {
    return [];
  }
  return reachedBy(nat64, address).map((each) =>
    isThisMachine(each) ? "this machine" : `${each.family} ${each.value}`,
  );
}

function isThisMachine(address: Address): boolean {
  const addressClass = classify(address);
  return (
    addressClass === "loopback" ||
    addressClass === "unspecified" ||
    Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .some((each) => isSame(parseAddress(each.address), address))
  );
}

function isSame(one: Address | undefined, other: Address): boolean {
  return one?.family === other.family && one.value === other.value;
}
