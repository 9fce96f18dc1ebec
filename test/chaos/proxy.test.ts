import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { until } from "../support/until.ts";
import { FaultProxy, PASS, resetSocket } from "./proxy.ts";

/** Sends back whatever it gets, and ends when it is asked to. */
let echo: Server;
const sockets = new Set<Socket>();

before(async () => {
  echo = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
});
after(async () => {
  echo.close();
  await once(echo, "close");
});

class Peer {
  readonly socket: Socket;
  received = "";
  error: string | null = null;
  hasEnded = false;

  constructor(proxy: FaultProxy) {
    this.socket = connect({ port: proxy.port, host: "127.0.0.1" });
    this.socket.setEncoding("utf8");
    this.socket.on("data", (text: string) => {
      this.received += text;
    });
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    this.socket.on("close", () => {
      this.hasEnded = true;
    });
  }

  async says(text: string): Promise<void> {
    this.socket.write(text);
    const wanted = this.received.length + text.length;
    await until("it comes back", () => this.received.length >= wanted);
  }
}

async function startProxy(): Promise<FaultProxy> {
  const address = echo.address();
  assert.ok(address !== null && typeof address === "object");
  return FaultProxy.start(() => address.port);
}

test("bytes and the end pass, and closing leaves nothing", async () => {
  const proxy = await startProxy();
  const peer = new Peer(proxy);
  await peer.says("x".repeat(300_000));
  peer.socket.end();
  await until("the peer has ended", () => peer.hasEnded);
  const other = new Peer(proxy);
  await other.says("still open");
  await proxy.close();
  await until("the other peer has ended", () => other.hasEnded);
  await until("the target has no connection", () => sockets.size === 0);
  assert.equal(proxy.stats.open, 0);
  assert.equal(proxy.stats.upBytes, 300_010);
});

test("cut resets what there is and what comes, until it passes again", async () => {
  const proxy = await startProxy();
  const peer = new Peer(proxy);
  await peer.says("before");
  proxy.set({ kind: "cut" });
  await until("the peer is reset", () => peer.error === "ECONNRESET");
  const refused = new Peer(proxy);
  await until("the new peer is reset", () => refused.hasEnded);
  proxy.set(PASS);
  const again = new Peer(proxy);
  await again.says("after");
  await proxy.close();
  assert.deepEqual([proxy.stats.refused, proxy.stats.open], [1, 0]);
});

test("half-open swallows silently, and a link that has swallowed something stays silent", async () => {
  const proxy = await startProxy();
  const peer = new Peer(proxy);
  const idle = new Peer(proxy);
  await peer.says("before");
  await idle.says("before");
  proxy.set({ kind: "half_open", direction: "down", afterwards: "silent" });
  peer.socket.write("lost");
  await until("it is swallowed", () => proxy.stats.swallowedBytes === 4);
  proxy.set(PASS);
  await idle.says("whole");
  peer.socket.write("lost too");
  await until("that is swallowed as well", () => proxy.stats.swallowedBytes === 12);
  assert.deepEqual([peer.received, peer.hasEnded], ["before", false]);
  await proxy.close();
});

test("half-open in both directions accepts, and resets afterwards if told to", async () => {
  const proxy = await startProxy();
  proxy.set({ kind: "half_open", direction: "both", afterwards: "reset" });
  const peer = new Peer(proxy);
  peer.socket.write("hello?");
  await until("it is swallowed", () => proxy.stats.swallowedBytes === 6);
  assert.deepEqual([peer.received, peer.hasEnded], ["", false]);
  proxy.set(PASS);
  await until("the peer is reset", () => peer.error === "ECONNRESET");
  await proxy.close();
});

test("cut_after lets so many bytes of an answer through", async () => {
  const proxy = await startProxy();
  proxy.set({ kind: "cut_after", direction: "down", bytes: 7 });
  const peer = new Peer(proxy);
  peer.socket.write("0123456789");
  await until("the peer is reset", () => peer.hasEnded);
  assert.ok("0123456".startsWith(peer.received), peer.received);
  await proxy.close();
});

test("slow delays and trickles, in order", async () => {
  const proxy = await startProxy();
  proxy.set({ kind: "slow", latencyMs: 30, bytesPerSecond: 2_000 });
  const peer = new Peer(proxy);
  const startedMs = performance.now();
  await peer.says("a".repeat(300) + "b".repeat(100));
  // Up and down: twice the latency, and at least once 400 bytes at 100 in 50 ms.
  assert.ok(performance.now() - startedMs > 200);
  assert.match(peer.received, /^a{300}b{100}$/);
  proxy.set(PASS);
  await peer.says("quick");
  await proxy.close();
});

test("a socket that is just being shut down can be reset, and closes", async () => {
  for (const isConnected of [true, false]) {
    const proxy = await startProxy();
    const peer = new Peer(proxy);
    if (isConnected) await once(peer.socket, "connect");
    peer.socket.end();
    resetSocket(peer.socket);
    await until("it is closed", () => peer.hasEnded);
    await proxy.close();
  }
});
