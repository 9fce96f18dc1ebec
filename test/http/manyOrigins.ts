/** A sender in a world of origins that come and go: what is left of them once they are gone. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Sender } from "../../src/http/send.ts";
import { policyOf } from "../support/egress.ts";
import { until } from "../support/until.ts";
import { answerOf } from "./receiver.ts";
import { attempt, requestTo } from "./sending.ts";

const AT_A_TIME = 64;
/** Beyond what caches with a limit hold. */
const GROWTH_BYTES_MAX = 8 * 1_048_576;

/** Of 127.0.0.0/8, all of which is this machine. */
function addressOf(origin: number): string {
  return `127.${1 + Math.floor(origin / 62_500)}.${1 + (Math.floor(origin / 250) % 250)}.${1 + (origin % 250)}`;
}

/** What the origin does with a request, by its number: most answer and keep the connection. */
function answer(socket: Socket): void {
  switch (Number(socket.localAddress?.split(".").at(-1)) % 10) {
    case 0:
      socket.resetAndDestroy();
      return;
    case 1:
      socket.end(answerOf("200 OK", "bye", "connection: close\r\n"));
      return;
    case 2:
      socket.write(answerOf("200 OK", "gone"), () => socket.destroy());
      return;
    default:
      socket.write(answerOf("200 OK", "ok"));
  }
}

/** Sends so many requests to so many origins, a few to each before the next come, and compares what there was and is. */
export async function comeAndGo(origins: number, requests: number): Promise<void> {
  const before = resources();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => answer(socket));
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  const port = portOf(server);
  const closed = createServer().listen(0, "0.0.0.0");
  await once(closed, "listening");
  const closedPort = portOf(closed);
  closed.close();
  await once(closed, "close");
  const policy = policyOf({ profile: "custom", allow: ["127.0.0.0/8"], deny: [] });
  const sender = new Sender({ policy, originsMax: 128, idleMax: 64, keepAliveMs: 200, originIdleMs: 300 });
  const withServer = resources();
  let sent = 0;
  let succeeded = 0;
  const sendUntil = async (end: number) => {
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        while (sent < end) {
          const origin = Math.floor((sent * origins) / requests);
          // One in ten listens no more.
          const url = `http://${addressOf(origin)}:${origin % 10 === 9 ? closedPort : port}/hooks`;
          sent += 1;
          const { failureKind } = await attempt(sender, requestTo(url));
          succeeded += failureKind === null ? 1 : 0;
        }
      }),
    );
    await until("every origin is left", () => sender.stats.originsOpen === 0 && sender.stats.socketsOpen === 0);
    await until("its handles are gone", () => same(resources(), withServer));
  };
  try {
    await sendUntil(requests / 2);
    const halfway = heapBytes();
    await sendUntil(requests);
    const grown = heapBytes() - halfway;
    assert.ok(grown < GROWTH_BYTES_MAX, `${grown} bytes more after the second half`);
    assert.ok(succeeded > requests * 0.6, `${succeeded} of ${requests} requests succeeded`);
    assert.equal(sender.stats.requestsInFlight, 0);
  } finally {
    await sender.close();
    server.close();
  }
  await until("all is as it was before", () => same(resources(), before));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Those of the test itself: its output, files, and turns of the event loop. */
const NOT_OURS = ["PipeWrap", "TTYWrap", "FSReqCallback", "FSReqPromise", "Immediate"];
/** The pause of `until` is over when it looks; the test's own deadline may begin meanwhile. */
const OTHER_TIMERS_MAX = 1;

/** How many there are of each kind: sockets, servers, timers, look-ups. */
function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!NOT_OURS.includes(kind)) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  }
  return counts;
}

function same(now: ReadonlyMap<string, number>, then: ReadonlyMap<string, number>): boolean {
  return [...now].every(
    ([kind, count]) => count <= (then.get(kind) ?? 0) + (kind === "Timeout" ? OTHER_TIMERS_MAX : 0),
  );
}

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
