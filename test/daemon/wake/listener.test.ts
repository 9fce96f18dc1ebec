/** The wake session notices whatever keeps it from hearing notifications, reports it, and recovers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, Socket } from "node:net";
import { describe, type Mock, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { WakeSession, type WakeTiming } from "../../../src/daemon/wake/session.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { makeEvents } from "../../../src/telemetry/bus.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { FaultProxy, PASS, type ProxyMode } from "../../chaos/proxy.ts";
import { useDatabase } from "../../support/database.ts";
import { askFor, openSession } from "../../support/engine.ts";
import { startAnotherServer } from "../../support/testServer.ts";
import { until } from "../../support/until.ts";

const CHANNEL = "postrider";
const QUICK: WakeTiming = { checkIntervalMs: 50, checkTimeoutMs: 10_000, pauseFirstMs: 10, pauseLastMs: 80 };
/** Timeouts for links that fall silent. Other links are busy, and a sound one must not be given up. */
const IMPATIENT: WakeTiming = { ...QUICK, checkTimeoutMs: 500 };
/** The outage that pg-listen by itself would tolerate. */
const PG_LISTEN_PATIENCE_MS = 3_000;
/** How long an attempt to connect takes through a link that has become half open. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Each makes two connections, the listener and the gate. */
const RECONNECTS = 500;
/** Some 10 s on a machine that does nothing else. */
const RECONNECT_MS_MAX = 60_000;
const LISTENERS = 8;

const database = useDatabase({ template: "empty" });

interface Running {
  readonly session: WakeSession;
  readonly name: string;
  /** Why it lost its connections or could not open them. */
  readonly errors: string[];
  /** Two for each attempt to connect: the listener and the gate. */
  readonly sockets: Socket[];
  /** When each loss or failed attempt was reported. */
  readonly lostAtMs: number[];
  heard: number;
  listened: number;
  onListening: () => void;
}

/** Counts the reports that real conditions would send once. */
class CountingConditions extends Conditions {
  readonly #onBegin: (error: string) => void;
  readonly #onEnd: () => void;

  constructor(onBegin: (error: string) => void, onEnd: () => void) {
    super(makeEvents());
    this.#onBegin = onBegin;
    this.#onEnd = onEnd;
  }

  override begin(...[, , fields]: Parameters<Conditions["begin"]>): void {
    this.#onBegin("error" in fields ? String(fields.error) : "");
  }

  override end(): void {
    this.#onEnd();
  }
}

let listenerCount = 0;

function make(t: TestContext, url: string, timing: Partial<WakeTiming> = QUICK): Running {
  listenerCount += 1;
  const name = `listener${listenerCount}`;
  const conditions = new CountingConditions(
    (error) => {
      running.errors.push(error);
      running.lostAtMs.push(performance.now());
    },
    () => {
      running.listened += 1;
      running.onListening();
    },
  );
  const running: Running = {
    session: new WakeSession({
      config: {
        ...connectionConfig({ databaseUrl: url, applicationName: name }),
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        stream: () => {
          const socket = new Socket();
          running.sockets.push(socket);
          return socket;
        },
      },
      events: makeEvents(),
      conditions,
      onWake: () => {
        running.heard += 1;
      },
      timing,
    }),
    name,
    errors: [],
    sockets: [],
    lostAtMs: [],
    heard: 0,
    listened: 0,
    onListening: () => {},
  };
  t.after(() => running.session.stop());
  return running;
}

function isListening({ session }: Running): boolean {
  return session.state === "awake";
}

async function start(t: TestContext, url: string, timing: Partial<WakeTiming> = QUICK): Promise<Running> {
  const running = make(t, url, timing);
  await running.session.start();
  await until("it listens", () => isListening(running));
  return running;
}

/** Only the listener's pauses are this short. These are the requested lengths; the machine decides how long they last. */
function pausesOf(setTimeouts: Mock<typeof setTimeout>, longestMs: number): number[] {
  return setTimeouts.mock.calls.map(({ arguments: [, ms] }) => Number(ms)).filter((ms) => ms < longestMs);
}

async function startProxy(t: TestContext): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const proxy = await FaultProxy.start(() => Number(new URL(database.url).port));
  t.after(() => proxy.close());
  return { proxy, url: through(proxy.port) };
}

function through(port: number): string {
  const url = new URL(database.url);
  url.port = String(port);
  return url.href;
}

async function assertHears(running: Running): Promise<void> {
  const before = running.heard;
  await database.pool.query(`notify ${CHANNEL}`);
  await until("it has heard", () => running.heard > before);
}

function sessionsOf(name: string, purpose = "listen"): Promise<number> {
  return askFor(
    database.pool,
    "select count(*) from pg_stat_activity where datname = current_database() and application_name like $1",
    [`${name}/${purpose}`],
  ).then(Number);
}

async function assertNoSession(name: string): Promise<void> {
  await until("no session is left", async () => (await sessionsOf(name, "%")) === 0);
}

describe("hearing", () => {
  test("hears whatever the payload is, and nothing of other channels or of itself", async (t) => {
    const one = await start(t, database.url);
    const begun = one.heard;
    for (const payload of ["", "x", "{", "null", "'); drop table", "\u{1F426}".repeat(1_000)]) {
      await database.pool.query("select pg_notify($1, $2)", [CHANNEL, payload]);
    }
    await until("it has heard them all", () => one.heard === begun + 6);
    await database.pool.query("select pg_notify('other', 'x'), pg_notify('Postrider', '')");
    await assertHears(one);
    assert.equal(one.heard, begun + 7);
    assert.deepEqual(one.lostAtMs, []);
  });

  test("asks for a look once it listens, because it heard nothing before", async (t) => {
    const one = await start(t, database.url);
    assert.deepEqual([one.listened, one.heard], [1, 1]);
  });

  test("checks itself over and over, and stays", async (t) => {
    const session = await openSession(t, database.url);
    let echoes = 0;
    const one = await start(t, database.url, { ...QUICK, checkIntervalMs: 10 });
    session.on("notification", () => {
      echoes += 1;
    });
    const channel = await askFor(
      session,
      "select regexp_replace(query, '^NOTIFY ', '') from pg_stat_activity where application_name = $1",
      [`${one.name}/listen`],
    );
    assert.match(String(channel), /postrider_echo_[0-9a-f]{16}/);
    await session.query(`listen ${String(channel).replace("LISTEN ", "")}`);
    await until("it has checked itself ten times", () => echoes >= 10);
    assert.deepEqual([one.lostAtMs, one.heard, one.listened], [[], 1, 1]);
  });
});

/** When it last notified itself. */
const CHECK =
  "select query_start::text from pg_stat_activity where application_name = $1 and state = 'idle' and query ilike 'notify%'";

describe("losing the link", () => {
  test("survives an outage longer than pg-listen's own limit", async (t) => {
    const { proxy, url } = await startProxy(t);
    const one = await start(t, url);
    proxy.set({ kind: "cut" });
    const cutAtMs = performance.now();
    await until(
      "it has tried for long enough",
      () => (one.lostAtMs.at(-1) ?? 0) > cutAtMs + PG_LISTEN_PATIENCE_MS + 500,
    );
    assert.equal(isListening(one), false);
    proxy.set(PASS);
    await until("it listens again", () => isListening(one));
    await assertHears(one);
  });

  test("retries with pauses that grow up to a limit, each of a different length", async (t) => {
    const { proxy, url } = await startProxy(t);
    const one = await start(t, url, { ...QUICK, checkIntervalMs: 60_000 });
    const setTimeouts = t.mock.method(globalThis, "setTimeout");
    proxy.set({ kind: "cut" });
    await until("it has tried often", () => one.lostAtMs.length > 20);
    const pauses = pausesOf(setTimeouts, 2 * QUICK.pauseLastMs);
    assert.ok(pauses.length > 20);
    const parts = pauses.map((ms, index) => ms / Math.min(QUICK.pauseLastMs, QUICK.pauseFirstMs * 2 ** index));
    assert.ok(
      parts.every((part) => part >= 0.5 && part < 1.5),
      String(pauses),
    );
    assert.ok(new Set(parts).size > 10, String(pauses));
    proxy.set(PASS);
    await until("it listens again", () => isListening(one));
  });

  test("pauses also grow if each connection is lost right after it began to listen", async (t) => {
    const { proxy, url } = await startProxy(t);
    const one = await start(t, url, { ...QUICK, checkIntervalMs: 60_000, pauseLastMs: 200 });
    const setTimeouts = t.mock.method(globalThis, "setTimeout");
    while (one.lostAtMs.length < 7) {
      await until("it listens", () => isListening(one));
      const before = one.lostAtMs.length;
      proxy.sever();
      await until("it is lost", () => one.lostAtMs.length > before);
    }
    const last = pausesOf(setTimeouts, 400).at(-1) ?? 0;
    assert.ok(last >= 100, `the last pause was ${last} ms`);
  });

  test("pauses start over once it has heard itself", async (t) => {
    const { proxy, url } = await startProxy(t);
    const one = await start(t, url, { ...QUICK, pauseLastMs: 60_000 });
    for (let round = 0; round < 10; round++) {
      await until("it listens", () => isListening(one));
      const checks = new Set<unknown>();
      await until("it has checked itself twice", async () => {
        checks.add(await askFor(database.pool, CHECK, [`${one.name}/listen`]));
        checks.delete(undefined);
        return checks.size >= 2;
      });
      const { length } = one.lostAtMs;
      proxy.sever();
      await until("it is lost", () => one.lostAtMs.length > length);
    }
    // If they doubled each time, the last pause alone would have been at least five seconds.
    await until("it listens", () => isListening(one), 4_900);
  });

  for (const direction of ["both", "up", "down"] as const) {
    test(`notices a half-open link (${direction}), and hears again once the link works`, async (t) => {
      const { proxy, url } = await startProxy(t);
      const one = await start(t, url, IMPATIENT);
      proxy.set({ kind: "half_open", direction, afterwards: "silent" } satisfies ProxyMode);
      await until("it has noticed", () => one.lostAtMs.length > 0);
      assert.equal(isListening(one), false);
      proxy.set(PASS);
      await until("it listens again", () => isListening(one));
      await assertHears(one);
      assert.match(one.errors[0] ?? "", /not heard its own notification within 500 ms/);
    });
  }
});

describe("connections that answer but deliver no notifications", () => {
  test("notices that a pooler in between dropped its LISTEN, and listens again", async (t) => {
    const pooler = await ForgetfulPooler.start(t);
    const one = await start(t, `${through(pooler.port)}?sslmode=disable`, IMPATIENT);
    await assertHears(one);
    pooler.forget();
    await until("it has noticed", () => one.lostAtMs.length > 0);
    await until("it listens again", () => isListening(one));
    await assertHears(one);
    await until("the former session is gone", async () => (await sessionsOf(one.name)) === 1);
    assert.deepEqual(
      one.sockets.map(({ destroyed }) => destroyed),
      [true, true, false, false],
    );
  });

  test("starts without a server, and listens once there is one", async (t) => {
    const { proxy, url } = await startProxy(t);
    proxy.set({ kind: "cut" });
    const one = make(t, url);
    await one.session.start();
    assert.deepEqual([isListening(one), one.lostAtMs.length], [false, 1]);
    proxy.set(PASS);
    await until("it listens", () => isListening(one));
    await assertHears(one);
    assert.equal(await sessionsOf(one.name), 1);
  });

  test("is refused repeatedly by a standby, leaves no session there, and listens once it is promoted", async (t) => {
    const server = await startAnotherServer();
    t.after(() => server.stop());
    const one = await start(t, server.url);
    await demote(t, server.url);
    await until("it is refused", () => one.errors.some((error) => error.includes("during recovery")));
    const refusals = one.lostAtMs.length;
    await until("it has tried again", () => one.lostAtMs.length > refusals + 5);
    const session = await openSession(t, server.url);
    await until("no more than one session is there", async () => {
      const count = await askFor(
        session,
        "select count(*) from pg_stat_activity where application_name like '%/listen'",
      );
      return Number(count) <= 1;
    });
    assert.equal(isListening(one), false);
    await session.query("select pg_promote(false)");
    await until("it listens again", () => isListening(one));
    const { heard } = one;
    await session.query(`notify ${CHANNEL}`);
    await until("it has heard", () => one.heard > heard);
  });
});

/** Turns a primary into a standby: it crashes and restarts as one. */
async function demote(t: TestContext, url: string): Promise<void> {
  const session = await openSession(t, url);
  await session.query("checkpoint");
  await session.query(`do $$ begin
    execute format('copy (select) to %L', current_setting('data_directory') || '/standby.signal');
  end $$`);
  const pid = Number(await askFor(session, "select pg_backend_pid()"));
  const ended = new Promise<void>((resolve) => session.once("end", () => resolve()));
  process.kill(pid, "SIGKILL");
  await ended;
}

describe("leaving nothing behind", () => {
  test("stopping while it connects, while it pauses, and just after it was lost, leaves no session", async (t) => {
    const { proxy, url } = await startProxy(t);
    const stages: readonly ((one: Running) => void | Promise<void>)[] = [
      () => {},
      (one) => until("it listens", () => isListening(one)),
      () => proxy.sever(),
      async (one) => {
        proxy.sever();
        await until("it is lost", () => one.lostAtMs.length > 0);
      },
      async (one) => {
        proxy.sever();
        await until("it connects again", () => one.lostAtMs.length > 0 && proxy.stats.open > 0);
      },
    ];
    for (const stage of stages) {
      for (let round = 0; round < 5; round++) {
        const one = make(t, url, { ...QUICK, pauseFirstMs: 1 });
        const started = one.session.start();
        if (stage !== stages[0]) {
          await started;
        }
        await stage(one);
        await one.session.stop();
        await started;
        await assertNoSession(one.name);
        assert.equal(isListening(one), false);
      }
    }
    await until("no link is left", () => proxy.stats.open === 0);
  });

  test(`nothing piles up over ${RECONNECTS} reconnects`, async (t) => {
    const observer = await openSession(t, database.url);
    const proxies = await Promise.all(Array.from({ length: LISTENERS }, () => startProxy(t)));
    const before = socketsAndTimers();
    const running = proxies.map(({ url }) => make(t, url, { ...QUICK, pauseFirstMs: 1, pauseLastMs: 1 }));
    let left = 0;
    running.forEach((one, index) => {
      one.onListening = () => {
        left -= 1;
        one.sockets.length = 0;
        if (left > 0) {
          setImmediate(() => proxies[index]?.proxy.sever());
        }
      };
    });
    await Promise.all(running.map(({ session }) => session.start()));
    const isDone = () => left <= 0 && running.every(isListening);
    const reconnect = async (count: number) => {
      left = count;
      for (const { proxy } of proxies) {
        proxy.sever();
      }
      await until("they have connected so often", isDone, RECONNECT_MS_MAX);
    };
    await reconnect(RECONNECTS / 4);
    const heapBytes = collectedHeapBytes();
    await reconnect((RECONNECTS * 3) / 4);
    const grownBytes = collectedHeapBytes() - heapBytes;
    const listened = running.reduce((sum, one) => sum + one.listened, 0);
    assert.ok(listened > RECONNECTS);
    t.diagnostic(`${listened} connections, ${Math.round(grownBytes / 1_024)} KiB of heap more`);
    // The logs of these tests keep 100 bytes a line; a leaked client takes 20 KiB.
    assert.ok(grownBytes < 4_194_304, `${grownBytes} bytes more`);
    const sessions = () =>
      askFor(
        observer,
        "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'listener%/listen'",
      ).then(Number);
    await until("each has one session", async () => (await sessions()) === LISTENERS);
    assert.deepEqual(
      proxies.map(({ proxy }) => proxy.stats.open),
      Array(LISTENERS).fill(2),
    );
    await Promise.all(running.map(({ session }) => session.stop()));
    await until("no session is left", async () => (await sessions()) === 0);
    await until("no socket or timer is left", () => isDeepStrictEqual(socketsAndTimers(), before));
  });
});

/** Open sockets of this process without those of the pool, which closes idle connections at any time. */
function socketsAndTimers(): readonly [number, number] {
  const open = process.getActiveResourcesInfo();
  const { totalCount, idleCount } = database.pool;
  return [
    open.filter((kind) => kind === "TCPSocketWrap").length - totalCount,
    open.filter((kind) => kind === "Timeout").length - idleCount,
  ];
}

function collectedHeapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  return process.memoryUsage().heapUsed;
}

/**
 * Stands between client and server and passes everything on. On request it resets the server's session behind the
 * client's back, like a pooler that lends the session to another client.
 */
class ForgetfulPooler {
  readonly port: number;
  readonly #sessions: Socket[] = [];
  readonly #sockets: Socket[] = [];
  readonly #forgetting = new Set<Socket>();
  /** Sockets of forgotten clients, which get no final message from the server. */
  readonly #abandoned = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.port = port;
    server.on("connection", (client) => this.#accept(client));
  }

  static async start(t: TestContext): Promise<ForgetfulPooler> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const pooler = new ForgetfulPooler(server, address.port);
    t.after(() => {
      server.close();
      for (const socket of pooler.#sockets) {
        socket.destroy();
      }
    });
    return pooler;
  }

  forget(): void {
    const text = "DISCARD ALL";
    const message = Buffer.alloc(6 + text.length);
    message.write("Q");
    message.writeInt32BE(5 + text.length, 1);
    message.write(text, 5);
    const [session] = this.#sessions;
    assert.ok(session !== undefined, "the listener connects first");
    this.#forgetting.add(session);
    this.#abandoned.add(session);
    session.write(message);
  }

  #accept(client: Socket): void {
    const session = connect({ port: Number(new URL(database.url).port), host: "127.0.0.1" });
    this.#sessions.push(session);
    this.#sockets.push(client, session);
    client.pipe(session);
    session.on("data", (chunk: Buffer) => {
      if (!this.#forgetting.has(session)) {
        client.write(chunk);
      } else if (chunk.subarray(-6).equals(Buffer.from("5a0000000549", "hex"))) {
        // It is ready again: that was the answer.
        this.#forgetting.delete(session);
      }
    });
    for (const socket of [client, session]) {
      socket.on("error", () => {});
    }
    client.on("close", () => session.destroy());
    session.on("close", () => {
      if (!this.#abandoned.has(session)) {
        client.destroy();
      }
    });
  }
}
