import { OwnServer } from "../support/ownServer.ts";

/** Few, so that they can be used up: the daemons need eight each, and a run some twenty. */
const CONNECTIONS_MAX = 70;

/** A Postgres of this run's own, with fsync on, which is restarted, crashed and failed over in the course of it. */
export function startServer(directory: string): Promise<OwnServer> {
  return OwnServer.start({
    directory,
    settings: {
      fsync: "on",
      max_connections: String(CONNECTIONS_MAX),
      max_prepared_transactions: "20",
    },
  });
}
