import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import { messageOf } from "../ground/errors.ts";

/** False: without TLS. */
export type Way = false | ConnectionOptions;

/**
 * The ways in which a connection may be made, in the order of an sslmode: `prefer` goes without TLS if the server has none,
 * and `allow` with it if the server insists. What the server asked for is tried first from then on.
 */
export class Tls {
  /** The first one is tried first. */
  ways: readonly Way[];

  constructor(ways: readonly [Way, ...Way[]]) {
    this.ways = ways;
  }

  /** Resolves with what `connect` resolves with. Rejects with its first error, or the second one if that says more. */
  async connect<Connected>(connect: (way: Way) => Promise<Connected>): Promise<Connected> {
    const [first = false, second] = this.ways;
    try {
      return await connect(first);
    } catch (thrown) {
      if (second === undefined || !mayTryOther(thrown, first)) {
        throw thrown;
      }
      const connected = await connect(second);
      // A handshake may fail once, on a restart or a bad link. TLS must not be given up for good because of that.
      if (isRefused(thrown)) {
        this.ways = [second, first];
      }
      return connected;
    }
  }
}

/** pg_hba.conf may have a line for connections of the other kind. Also told by the message: a listener has nothing else. */
const NOT_IN_HBA = "28000";

/** Whether it may be TLS that is in the way, or its absence. A server that cannot be reached cannot be in either way. */
function mayTryOther(thrown: unknown, way: Way): boolean {
  return isRefused(thrown) || (way !== false && isFailedHandshake(thrown));
}

/** The server has said that it takes no such connection. */
function isRefused(thrown: unknown): boolean {
  return thrown instanceof pg.DatabaseError
    ? thrown.code === NOT_IN_HBA
    : /no pg_hba\.conf entry|does not support SSL/.test(messageOf(thrown));
}

function isFailedHandshake(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || thrown instanceof pg.DatabaseError) {
    return false;
  }
  const code = "code" in thrown ? String(thrown.code) : "";
  return /SSL connection/.test(thrown.message) || /^(ERR_SSL|ERR_TLS|EPROTO|ECONNRESET)/.test(code);
}
