/**
 * Three daemons, a primary with its standby, and the receivers, each on a host of its own. Links fail in one direction and in
 * both, the way to Postgres becomes slow, the standby is promoted, and a daemon's host is replaced. Nothing is lost, and only
 * what a failing daemon had in hand may arrive twice.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import pg from "pg";
import { CommandProcess, runCommand } from "../support/command.ts";
import { askFor, rowsOf } from "../support/engine.ts";
import { makeServerDirectory } from "../support/serverDirectory.ts";
import { replicateSynchronously } from "../support/standby.ts";
import { until } from "../support/until.ts";
import type { Leading } from "./name.ts";
import { type Host, Network, noNetwork, SUBNET } from "./network.ts";
import type { PostgresOptions } from "./postgresOptions.ts";
import type { ToldRequest } from "./receiver.ts";

const missing = await noNetwork();
if (missing !== null) {
  console.log(`skipped: no hosts to run on: ${missing}`);
}

const CHECKOUT = join(import.meta.dirname, "../..");
const STANDBY = "standby";
const PATHS = ["/one", "/other"] as const;
/** Between two events of the application. */
const FLOW_PAUSE_MS = 100;
/** What a daemon has in hand when its host fails. */
const HELD_MIN = 6;
const LATENCY_MS = 30;
/** A lease takes 15 s to end, and a statement without an answer 10 s. The rest is for a machine that is busy. */
const TAKEOVER_MS_MAX = 120_000;
const QUERY_TIMEOUT_MS = 5_000;

test("no fault of a link, a server or a host loses an event, and only what was in hand arrives twice", {
  ...(missing === null ? {} : { skip: missing }),
  timeout: 580_000,
}, async (t) => {
  const directory = await makeServerDirectory("machines");
  const network = await Network.open();
  const world = new World(network, directory);
  t.after(async () => {
    await world.end();
    await network.close();
    await rm(directory, { recursive: true, force: true });
  });
  await world.begin();
  const took: string[] = [];
  const note = (what: string, ms: number) => took.push(`${what} ${(ms / 1_000).toFixed(1)} s`);

  // What a daemon sends to Postgres is lost; the answers to nothing would arrive.
  const mute = await world.cutOff(({ host }) => host.loseWayTo(world.name.host));
  note("a link cut on the way to Postgres:", await world.untilTakenOver(mute));
  await mute.daemon.host.findWayTo(world.name.host);
  note("and back:", await world.untilAllWork());

  // Statements arrive and are carried out, and no answer comes back: also what it claimed meanwhile is taken over.
  const deaf = await world.cutOff(({ host }) => world.name.host.loseWayTo(host));
  note("a link cut on the way from Postgres:", await world.untilTakenOver(await world.untilSilent(deaf)));
  await world.name.host.findWayTo(deaf.daemon.host);
  note("and back:", await world.untilAllWork());

  const alone = await world.cutOff(({ host }) => host.unplug());
  note("a host cut off from everything:", await world.untilTakenOver(alone));
  await alone.daemon.host.plugIn();
  note("and back:", await world.untilAllWork());

  await world.lead({ latencyMs: LATENCY_MS });
  note(`20 events with ${LATENCY_MS} ms to Postgres and back:`, await world.untilDelivered(20));
  await world.lead({ latencyMs: 0 });

  note("the primary gone, and its standby promoted:", await world.failOver());
  note("all daemons there:", await world.untilAllWork());

  const gone = await world.cutOff(async ({ host, command }) => {
    command.child.kill("SIGKILL");
    await host.remove();
  });
  const [tookOverMs] = await Promise.all([world.untilTakenOver(gone), world.replace(gone.daemon)]);
  note("a daemon killed with its host:", tookOverMs);
  note("another host in its place:", await world.untilAllWork());

  const { events, duplicates } = await world.judge();
  t.diagnostic(took.join("; "));
  t.diagnostic(`${events} events for ${PATHS.length} endpoints, ${duplicates} requests more than deliveries`);
});

interface Machine {
  readonly host: Host;
  readonly child: ChildProcess;
  /** What follows "listening". */
  readonly listening: readonly string[];
}

interface DaemonHost {
  readonly host: Host;
  readonly command: CommandProcess;
}

/** A daemon that failed, and what it had in hand. */
interface Failure {
  readonly daemon: DaemonHost;
  readonly pairs: readonly { readonly event: string; readonly endpoint: string }[];
  readonly atMs: number;
}

interface Server {
  readonly machine: Machine;
  readonly directory: string;
  readonly pool: pg.Pool;
  readonly pid: number;
}

class World {
  readonly #network: Network;
  readonly #directory: string;
  readonly #requests: ToldRequest[] = [];
  /** How many requests of each host wait for an answer. */
  readonly #held = new Map<string, number>();
  readonly #written: string[] = [];
  readonly #writing = new AbortController();
  #flow: Promise<void> = Promise.resolve();
  #isHolding = false;
  #password = "";
  #primary: Server | undefined;
  #standby: Server | undefined;
  #name: Machine | undefined;
  #receiver: Machine | undefined;
  #daemons: DaemonHost[] = [];
  #hostCount = 0;
  /** How many requests may have been made twice. */
  #duplicatesMax = 0;

  constructor(network: Network, directory: string) {
    this.#network = network;
    this.#directory = directory;
  }

  get name(): Machine {
    return present(this.#name);
  }

  get #pool(): pg.Pool {
    return present(this.#primary).pool;
  }

  async begin(): Promise<void> {
    this.#primary = await this.#startServer("primary");
    this.#standby = await this.#startServer(STANDBY);
    await replicateSynchronously(this.#pool, STANDBY);
    this.#name = await this.#startMachine("name.ts");
    await this.lead({ latencyMs: 0 });
    this.#receiver = await this.#startMachine("receiver.ts");
    this.#receiver.child.on("message", (told: ToldRequest) => {
      this.#requests.push(told);
      if (this.#isHolding) this.#held.set(told.from, (this.#held.get(told.from) ?? 0) + 1);
    });
    const { host, program, env } = await this.#newHost();
    const migrated = await runCommand(["migrate"], { program, env });
    assert.equal(migrated.code, 0, migrated.stderr);
    const [port] = this.#receiver.listening;
    for (const path of PATHS) {
      await askFor(this.#pool, "select endpoint_id from postrider.create_endpoint($1, '{*}', '', $2)", [
        `http://${this.#receiver.host.address}:${port}${path}`,
        JSON.stringify({ retry_schedule: Array(20).fill("1 s") }),
      ]);
    }
    this.#daemons = [await startDaemon({ host, program, env })];
    while (this.#daemons.length < 3) this.#daemons.push(await startDaemon(await this.#newHost()));
    this.#flow = this.#write();
    await this.untilAllWork();
  }

  async end(): Promise<void> {
    this.#writing.abort();
    await this.#flow;
    for (const { command } of this.#daemons) await command.end("SIGKILL");
    for (const machine of [this.#name, this.#receiver]) machine?.child.disconnect();
    for (const server of [this.#primary, this.#standby]) {
      await server?.pool.end();
      if (server !== undefined) await ended(server.machine.child, "SIGTERM");
    }
  }

  /**
   * Lets the receivers answer nothing until a daemon has enough in hand, lets it fail, and lets the receivers answer again.
   * Resolves with what the daemon had in hand.
   */
  async cutOff(fail: (daemon: DaemonHost) => Promise<void>): Promise<Failure> {
    this.#hold();
    let daemon: DaemonHost | undefined;
    await until("a daemon waits for the receivers", () => {
      daemon = this.#daemons.find(({ host }) => (this.#held.get(host.address) ?? 0) >= HELD_MIN);
      return daemon !== undefined;
    });
    const victim = present(daemon);
    await fail(victim);
    const atMs = performance.now();
    const pairs = await this.#inHand(victim);
    this.#release();
    assert.ok(pairs.length >= HELD_MIN);
    return { daemon: victim, pairs, atMs };
  }

  /** Resolves with what the daemon has in hand when its lease has run out. */
  async untilSilent(failure: Failure): Promise<Failure> {
    const { daemon } = failure;
    await until("its lease has run out", async () => {
      const live = await askFor(
        this.#pool,
        "select count(*) from postrider.daemon_status where pid = $1 and state <> 'lost'",
        [daemon.command.pid],
      );
      return live === "0";
    });
    return { ...failure, pairs: await this.#inHand(daemon) };
  }

  /** All of it may arrive twice. */
  async #inHand({ command }: DaemonHost): Promise<Failure["pairs"]> {
    const pairs = await rowsOf<{ event: string; endpoint: string }>(
      this.#pool,
      `select event_id as event, endpoint_id as endpoint from postrider.in_flight
       where daemon_id in (select id from postrider.daemon_status where pid = $1)`,
      [command.pid],
    );
    this.#duplicatesMax += pairs.length;
    return pairs;
  }

  /** Resolves with the time from the failure until another daemon has recorded all that the failed one had in hand. */
  async untilTakenOver({ pairs, atMs }: Failure): Promise<number> {
    await until(
      "everything is taken over",
      async () => {
        const left = await askFor(
          this.#pool,
          `select count(*) from unnest($1::uuid[], $2::uuid[]) as pair (event_id, endpoint_id)
           where not exists (
             select from postrider.delivery d
             where d.event_id = pair.event_id and d.endpoint_id = pair.endpoint_id and d.state = 'succeeded')`,
          [pairs.map(({ event }) => event), pairs.map(({ endpoint }) => endpoint)],
        );
        return left === "0";
      },
      TAKEOVER_MS_MAX,
    );
    return performance.now() - atMs;
  }

  /** Resolves with the time until all three daemons are well. One that lost its lease works under another id. */
  async untilAllWork(): Promise<number> {
    const beganMs = performance.now();
    const wanted = this.#daemons.map(({ command }) => `${command.pid} is live and well`).sort();
    let seen: readonly string[] = [];
    await until(
      "all daemons work",
      async () => {
        const rows = await rowsOf<{ said: string }>(
          this.#pool,
          "select format('%s is %s and %s', pid, state, condition) as said from postrider.daemon_status where state <> 'lost'",
        );
        seen = rows.map(({ said }) => said).sort();
        return isDeepStrictEqual(seen, wanted);
      },
      TAKEOVER_MS_MAX,
    ).catch((thrown: unknown) => {
      const said = this.#daemons.map(({ command }) => command.said()).join("\n");
      throw new Error(`wanted ${wanted}, and saw ${seen}\n${said}`, { cause: thrown });
    });
    return performance.now() - beganMs;
  }

  /** Resolves with the time that this many events of now take to everywhere. */
  async untilDelivered(count: number): Promise<number> {
    const beganMs = performance.now();
    const first = this.#written.length;
    await until("they are written", () => this.#written.length >= first + count);
    const wanted = this.#written.slice(first, first + count);
    await until("they have arrived", () => PATHS.every((path) => isSubset(wanted, this.#arrived(path))));
    return performance.now() - beganMs;
  }

  async lead({ latencyMs }: Pick<Leading, "latencyMs">): Promise<void> {
    const { machine } = present(this.#primary);
    const leading: Leading = { host: machine.host.address, port: Number(machine.listening[0]), latencyMs };
    const done = once(this.name.child, "message");
    this.name.child.send(leading);
    await done;
  }

  /** The primary's host fails and the standby takes its place. Resolves with the time until events arrive again. */
  async failOver(): Promise<number> {
    const [former, standby] = [present(this.#primary), present(this.#standby)];
    const inHand = await askFor(former.pool, "select count(*) from postrider.in_flight");
    const beganMs = performance.now();
    await former.machine.host.unplug();
    process.kill(former.pid, "SIGKILL");
    await askFor(standby.pool, "select pg_promote(true, 60)");
    await standby.pool.query("alter system reset synchronous_standby_names");
    await standby.pool.query("select pg_reload_conf()");
    [this.#primary, this.#standby] = [standby, former];
    await this.lead({ latencyMs: 0 });
    await this.untilDelivered(1);
    // Leases may have run out while there was no Postgres.
    this.#duplicatesMax += Number(inHand) + this.#daemons.length * PATHS.length;
    return performance.now() - beganMs;
  }

  async replace(daemon: DaemonHost): Promise<void> {
    const newer = await startDaemon(await this.#newHost());
    this.#daemons = this.#daemons.map((each) => (each === daemon ? newer : each));
  }

  /** Every event that was committed has arrived everywhere. */
  async judge(): Promise<{ readonly events: number; readonly duplicates: number }> {
    this.#writing.abort();
    await this.#flow;
    const rows = await rowsOf<{ id: string }>(this.#pool, "select id from postrider.outbox");
    const committed = rows.map(({ id }) => id);
    assert.ok(isSubset(this.#written, new Set(committed)), "what was acknowledged is there");
    await until("everything is recorded", async () => {
      const count = await askFor(this.#pool, "select count(*) from postrider.delivery where state = 'succeeded'");
      return Number(count) === committed.length * PATHS.length;
    });
    for (const path of PATHS) {
      assert.deepEqual(this.#arrived(path), new Set(committed), path);
    }
    const duplicates = this.#requests.length - committed.length * PATHS.length;
    assert.ok(duplicates <= this.#duplicatesMax, `${duplicates} duplicates of at most ${this.#duplicatesMax}`);
    return { events: committed.length, duplicates };
  }

  #arrived(path: string): ReadonlySet<string> {
    return new Set(this.#requests.filter((told) => told.path === path).map(({ id }) => id));
  }

  #hold(): void {
    this.#held.clear();
    this.#isHolding = true;
    present(this.#receiver).child.send("hold");
  }

  #release(): void {
    this.#isHolding = false;
    present(this.#receiver).child.send("release");
  }

  /** The application: it writes where the primary is, and tries again if that has failed. */
  async #write(): Promise<void> {
    while (!this.#writing.signal.aborted) {
      const id = await askFor(
        this.#pool,
        "insert into postrider.outbox (event_type, payload) values ('order.paid', '{}') returning id",
      ).catch(() => undefined);
      if (id !== undefined) this.#written.push(String(id));
      await pause(FLOW_PAUSE_MS);
    }
  }

  async #startServer(name: string): Promise<Server> {
    const directory = join(this.#directory, name);
    await mkdir(directory);
    // A server that root starts runs as another user.
    await chmod(directory, 0o777);
    const primary = this.#primary;
    const options: PostgresOptions = {
      directory,
      subnet: SUBNET,
      standbyName: STANDBY,
      ...(primary && {
        primary: {
          url: this.#urlAt(primary.machine.host, primary.machine.listening[0]),
          dataDir: join(primary.directory, "postgres"),
        },
      }),
    };
    const machine = await this.#startMachine("postgres.ts", JSON.stringify(options));
    this.#password = (await readFile(join(directory, "postgres/password"), "utf8")).trim();
    const [port, pid] = machine.listening;
    const pool = new pg.Pool({
      ...{ host: directory, port: Number(port), user: "postgres", password: this.#password, database: "postrider" },
      ...{ max: 3, query_timeout: QUERY_TIMEOUT_MS, connectionTimeoutMillis: QUERY_TIMEOUT_MS },
    });
    pool.on("error", () => {});
    return { machine, directory, pool, pid: Number(pid) };
  }

  #urlAt({ address }: Host, port = ""): string {
    return `postgres://postgres:${this.#password}@${address}:${port}/postrider`;
  }

  async #startMachine(script: string, ...args: readonly string[]): Promise<Machine> {
    const host = await this.#addHost();
    const [program, ...rest] = host.program(process.execPath, join(import.meta.dirname, script), ...args);
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    if (child.stdout === null) throw new Error("the process has no stdout");
    for await (const line of createInterface({ input: child.stdout })) {
      const [said, ...listening] = line.split(" ");
      if (said === "listening") {
        child.stdout.resume();
        return { host, child, listening };
      }
    }
    throw new Error(`${script} has ended`);
  }

  /** A host for a daemon, and how a command runs there. */
  async #newHost() {
    const host = await this.#addHost();
    const env = {
      DATABASE_URL: this.#urlAt(this.name.host, this.name.listening[0]),
      ...{ POSTRIDER_EGRESS: "custom", POSTRIDER_EGRESS_ALLOW: SUBNET },
    };
    return { host, env, program: host.program(process.execPath, join(CHECKOUT, "src/main.ts")) };
  }

  #addHost(): Promise<Host> {
    this.#hostCount += 1;
    return this.#network.addHost(10 + this.#hostCount);
  }
}

async function startDaemon({
  host,
  ...options
}: {
  readonly host: Host;
  readonly program: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}): Promise<DaemonHost> {
  const command = new CommandProcess(["run"], options);
  await command.match(/"event":"daemon\.started"/);
  return { host, command };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

function isSubset(few: readonly string[], many: ReadonlySet<string>): boolean {
  return few.every((each) => many.has(each));
}

function present<Value>(value: Value | undefined): Value {
  assert.ok(value !== undefined);
  return value;
}
