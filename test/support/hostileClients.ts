/** Clients that want to cost a server as much as they can. */
import { connect, type Socket } from "node:net";

export interface HostileClients {
  /** Connections that the server has not closed. */
  readonly open: () => number;
  /** Connections that were made. */
  readonly made: () => number;
  stop(): void;
}

export interface HostileOptions {
  readonly port: number;
  /** How many there are at a time. */
  readonly count: number;
  /** Loopback addresses that they come from. */
  readonly addresses: readonly string[];
  /** What one of them does with its connection, a moment after the other. */
  readonly deeds?: readonly Deed[];
  /** How often those that were cut off come back, and each does something. Default: 100. */
  readonly pauseMs?: number;
}

export type Deed = (socket: Socket) => void;

/** Bytes of a request that never ends. */
const drip: Deed = (socket) => void socket.write(socket.bytesWritten === 0 ? "GET /readyz HTTP/1.1\r\nx: " : "x");
const garbage: Deed = (socket) => void socket.write(Buffer.alloc(4_096, 0xff));
const hugeHeader: Deed = (socket) => void socket.write(`GET / HTTP/1.1\r\nx: ${"x".repeat(65_536)}\r\n\r\n`);
const pipeline: Deed = (socket) => void socket.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100));
const body: Deed = (socket) =>
  void socket.write(`POST /readyz HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(4_096)}`);
const nothing: Deed = () => {};

export const EVERY_DEED: readonly Deed[] = [drip, garbage, hugeHeader, pipeline, body, nothing];
export const HOLDING: readonly Deed[] = [drip, nothing];

/** Whoever is cut off comes back. */
export function startHostileClients({
  port,
  count,
  addresses,
  deeds = EVERY_DEED,
  pauseMs = 100,
}: HostileOptions): HostileClients {
  const sockets = new Set<Socket>();
  let made = 0;
  const add = () => {
    const localAddress = addresses[made % addresses.length] ?? "127.0.0.1";
    const deed = deeds[made % deeds.length] ?? nothing;
    made += 1;
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    const again = setInterval(() => deed(socket), pauseMs);
    sockets.add(socket);
    socket.on("error", () => {}).on("connect", () => deed(socket));
    socket.resume().on("close", () => {
      clearInterval(again);
      sockets.delete(socket);
    });
  };
  const fill = () => {
    while (sockets.size < count) {
      add();
    }
  };
  fill();
  const filling = setInterval(fill, pauseMs);
  return {
    open: () => [...sockets].filter(({ readyState }) => readyState === "open").length,
    made: () => made,
    stop: () => {
      clearInterval(filling);
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}
