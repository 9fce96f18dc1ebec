import type { Peer } from "./peers/peer.ts";

/** The files in peers, which import packages that are installed only where the peers are measured. */
export const PEERS = {
  "graphile-worker": "graphileWorker.ts",
  "pg-boss": "pgBoss.ts",
  "batched loop": "batchedLoop.ts",
  "naive loop": "naiveLoop.ts",
} as const;

export type PeerName = keyof typeof PEERS;

export function isPeer(name: string): name is PeerName {
  return Object.hasOwn(PEERS, name);
}

export async function loadPeer(name: string): Promise<Peer> {
  if (!isPeer(name)) {
    throw new Error(`there is no peer "${name}"`);
  }
  const { peer }: { readonly peer: Peer } = await import(`./peers/${PEERS[name]}`);
  return peer;
}
