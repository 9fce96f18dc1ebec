import type { Socket } from "node:net";

interface Handle {
  readonly bytesRead?: unknown;
  readonly _parent?: Handle;
}

/**
 * Bytes off the network. A TLS socket counts in `bytesRead` what it has decrypted, so it does not see requests to negotiate
 * anew, new keys and tickets, with which a receiver can keep a core busy without one byte of an answer. No documented
 * interface has the number without a socket of our own below, whose reads would cost a buffer each. A test fails if Node
 * keeps it elsewhere; then only the deadline limits those bytes.
 */
export function rawBytesRead(socket: Socket): number {
  let handle = (socket as Socket & { readonly _handle?: Handle | null })._handle ?? undefined;
  while (handle?._parent != null) {
    handle = handle._parent;
  }
  return typeof handle?.bytesRead === "number" ? handle.bytesRead : 0;
}
