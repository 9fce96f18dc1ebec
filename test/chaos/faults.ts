import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { messageOf } from "../../src/ground/errors.ts";
import type { OwnServer } from "../support/ownServer.ts";
import type { DaemonSlot } from "./daemonSlot.ts";
import { type EndpointPlan, TIMEOUT_MS } from "./endpoints.ts";
import { type FaultProxy, PASS, type ProxyMode } from "./proxy.ts";
import type { ChaosReceiver } from "./receiver.ts";
import { FAULTS, type PlannedFault } from "./schedule.ts";

/** An endpoint with its two ways to the receiver: an edit of the URL goes from one to the other. */
export interface EndpointRoute {
  readonly plan: EndpointPlan;
  readonly id: string;
  readonly main: FaultProxy;
  readonly other: FaultProxy;
}

export interface World {
  readonly server: OwnServer;
  readonly slots: readonly DaemonSlot[];
  readonly routes: readonly EndpointRoute[];
  readonly receiver: ChaosReceiver;
}

export interface ExecutedFault extends PlannedFault {
  /** Unix time. */
  readonly startedAtMs: number;
  endedAtMs: number;
  /** Why the fault failed; it may have happened fully or in part. */
  problem: string | null;
  note: string;
}

export interface Redelivery {
  readonly eventId: string;
  readonly endpointId: string;
  readonly atMs: number;
  /** False if it was refused or the answer was lost. */
  readonly isCertain: boolean;
  /** It was not accepted before: it halted its key. */
  readonly isForHalt: boolean;
}

/** The note of a daemon that has recorded everything before it ended. */
export const STOPPED_CLEANLY = "exit status 0";

/** In the note of a failover: when the primary was crashed, in Unix time. */
export const CRASHED_AT = "crashed at ";

const OWN_BACKENDS = "application_name like 'postrider/%' and pid <> pg_backend_pid()";
const LOCKED_TABLES = ["delivery", "attempt", "claim", "daemon", "endpoint"];
const CANCEL_INTERVAL_MS = 25;
const HOGS_MAX = 80;
const REDELIVERIES = 5;
/** How often ending a fault is retried. */
const MEND_ATTEMPTS_MAX = 60;
const MEND_RETRY_MS = 250;
const START_ATTEMPTS_MAX = 3;

/** Does the faults of a schedule to the world, those of one target one after the other. */
/** The error that Postgres raises if a file cannot grow. test/e2e/outage.test.ts has a disk that is really full. */
const FILL_DISK = `
  set lock_timeout = '3s';
  create or replace function public.no_room() returns trigger language plpgsql as $$
    begin
      raise exception 'could not extend file: No space left on device' using errcode = '53100';
    end $$;
  create or replace trigger no_room before insert or update on postrider.delivery for each statement execute function public.no_room();
  create or replace trigger no_room before insert on postrider.other_attempt for each statement execute function public.no_room();
  create or replace trigger no_room before insert or update on postrider.claim for each statement execute function public.no_room();
  reset lock_timeout`;
const FREE_DISK = "drop function if exists public.no_room cascade";

const EXPIRE_LEASES = `
  update postrider.daemon set lease_expires_at = clock_timestamp() - interval '1 s' where lease_expires_at > clock_timestamp();
  update postrider.delivery set lease_expires_at = clock_timestamp(), next_attempt_at = clock_timestamp() where leased_by is not null`;

export class FaultRunner {
  readonly #world: World;
  readonly #lines = new Map<string, Promise<void>>();
  readonly executed: ExecutedFault[] = [];
  readonly redeliveries: Redelivery[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** Resolves when the last one is over, or soon after the signal. */
  async run(schedule: readonly PlannedFault[], signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    for (const fault of schedule) {
      const waitMs = fault.atMs - (performance.now() - startedMs);
      if (waitMs > 0) {
        await rest(waitMs, signal);
      }
      if (signal.aborted) {
        break;
      }
      const key = `${FAULTS[fault.kind].target} ${fault.target}`;
      const line = (this.#lines.get(key) ?? Promise.resolve()).then(() => this.#execute(fault, signal));
      this.#lines.set(key, line);
    }
    await Promise.all(this.#lines.values());
  }

  /** Whatever a fault may have left behind, if it could not end it itself. */
  async mend(): Promise<void> {
    const { slots, routes, receiver, server } = this.#world;
    for (const slot of slots) {
      slot.link.set(PASS);
      slot.thaw();
      slot.start();
    }
    for (const { main, other, plan } of routes) {
      main.set(PASS);
      other.set(PASS);
      receiver.disturb(plan.path, null);
    }
    await this.#insist("alter role current_user reset statement_timeout");
    await this.#insist(FREE_DISK);
    for (const { id, plan } of routes) {
      await this.#insist("select postrider.resume_endpoint($1)", [id]);
      await this.#insist("update postrider.endpoint set url = $2 where id = $1", [id, this.#url(id, plan.path)]);
    }
    // Prepared transactions whose writer got no answer: unknown so far, and committed now.
    const { rows } = await server.control.query<{ gid: string }>("select gid from pg_prepared_xacts");
    for (const { gid } of rows) {
      await this.#insist(`commit prepared '${gid}'`);
    }
  }

  async #execute(fault: PlannedFault, signal: AbortSignal): Promise<void> {
    if (signal.aborted) {
      return;
    }
    const done: ExecutedFault = { ...fault, startedAtMs: Date.now(), endedAtMs: 0, problem: null, note: "" };
    this.executed.push(done);
    try {
      done.note = await this.#inflict(fault, signal);
    } catch (thrown) {
      done.problem = messageOf(thrown);
    }
    done.endedAtMs = Date.now();
  }

  async #inflict(fault: PlannedFault, signal: AbortSignal): Promise<string> {
    const { kind, target, spanMs } = fault;
    switch (kind) {
      case "daemon.kill":
        await this.#slot(target).kill();
        await rest(spanMs, signal);
        this.#slot(target).start();
        return "";
      case "daemon.stop": {
        const status = await this.#slot(target).stop();
        await rest(spanMs, signal);
        this.#slot(target).start();
        return status === 0 ? STOPPED_CLEANLY : `exit status ${status}`;
      }
      case "daemon.freeze":
      case "daemon.nap":
        this.#slot(target).freeze();
        await rest(spanMs, signal);
        this.#slot(target).thaw();
        return "";
      case "daemon.block":
        this.#slot(target).block();
        await rest(spanMs, signal);
        return "";
      case "link.sever":
        this.#slot(target).link.sever();
        return "";
      case "link.cut":
      case "link.half_open":
      case "link.slow":
      case "link.cut_answer":
      case "link.cut_statement":
        return await this.#through(this.#slot(target).link, fault, signal);
      case "receiver.down":
      case "receiver.half_open":
      case "receiver.cut_answer":
        return await this.#through(this.#route(target).main, fault, signal);
      case "receiver.hang":
      case "receiver.slow":
      case "receiver.dead":
      case "receiver.reset": {
        const { path } = this.#route(target).plan;
        this.#world.receiver.disturb(path, disturbanceOf(kind));
        await rest(spanMs, signal);
        this.#world.receiver.disturb(path, null);
        return path;
      }
      case "endpoint.pause":
        await this.#query("select postrider.pause_endpoint($1, 'chaos')", [this.#route(target).id]);
        await rest(spanMs, signal);
        await this.#insist("select postrider.resume_endpoint($1)", [this.#route(target).id]);
        return this.#route(target).plan.path;
      case "endpoint.edit":
        return await this.#edit(this.#route(target), fault, signal);
      case "endpoint.redeliver":
        return await this.#redeliver(this.#route(target).id);
      default:
        return await this.#inflictOnPostgres(fault, signal);
    }
  }

  async #inflictOnPostgres(fault: PlannedFault, signal: AbortSignal): Promise<string> {
    const { kind, spanMs, draws } = fault;
    const { server } = this.#world;
    switch (kind) {
      case "postgres.restart":
      case "postgres.crash":
        await server.stop(kind === "postgres.crash" ? "immediate" : "fast");
        await rest(spanMs, signal);
        // Also when the run is aborted, because closing expects a running server.
        await this.#startAgain();
        return "";
      case "postgres.failover":
        return await this.#failOver(spanMs, signal);
      case "backend.terminate": {
        const count = 1 + Math.floor(draws[0] * 10);
        const { rowCount } = await this.#query(
          `select pg_terminate_backend(pid) from pg_stat_activity where ${OWN_BACKENDS} order by random() limit $1`,
          [count],
        );
        return `${rowCount} backends`;
      }
      case "backend.cancel": {
        let cancelled = 0;
        const endMs = performance.now() + spanMs;
        while (performance.now() < endMs && !signal.aborted) {
          const { rowCount } = await this.#query(
            `select pg_cancel_backend(pid) from pg_stat_activity where ${OWN_BACKENDS} and state = 'active'`,
          );
          cancelled += rowCount ?? 0;
          await rest(CANCEL_INTERVAL_MS, signal);
        }
        return `${cancelled} statements`;
      }
      case "postgres.lock":
        return await this.#lockTable(
          LOCKED_TABLES[Math.floor(draws[0] * LOCKED_TABLES.length)] ?? "claim",
          spanMs,
          signal,
        );
      case "postgres.connections":
        return await this.#useUpConnections(spanMs, signal);
      case "postgres.statement_timeout":
        // For sessions to come; those that set one of their own have it until they do.
        await this.#query(`alter role current_user set statement_timeout = '${5 + Math.floor(draws[0] * 50)}ms'`);
        await this.#query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OWN_BACKENDS}`);
        await rest(spanMs, signal);
        await this.#insist("alter role current_user reset statement_timeout");
        return "";
      case "postgres.disk_full":
        await this.#query(FILL_DISK);
        await rest(spanMs, signal);
        await this.#insist(FREE_DISK);
        return "";
      case "postgres.clock_step":
        await this.#query(EXPIRE_LEASES);
        return "";
      default:
        throw new Error(`there is no way to do the fault ${kind}`);
    }
  }

  /** A start that takes too long on a busy machine must not leave the run without a server. */
  async #startAgain(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#world.server.startAgain();
        return;
      } catch (thrown) {
        if (attempt === START_ATTEMPTS_MAX) {
          throw thrown;
        }
      }
    }
  }

  /** A standby that has every commit is made, the primary crashes, the name leads to the standby, and that is promoted. */
  async #failOver(spanMs: number, signal: AbortSignal): Promise<string> {
    const { server } = this.#world;
    await server.addStandby();
    const crashedAtMs = Date.now();
    await server.stop("immediate");
    server.leadToStandby();
    await rest(spanMs, signal);
    await server.promote();
    await server.discardOthers();
    return `${CRASHED_AT}${crashedAtMs}`;
  }

  async #through(proxy: FaultProxy, fault: PlannedFault, signal: AbortSignal): Promise<string> {
    const mode = modeOf(fault);
    proxy.set(mode);
    await rest(fault.spanMs, signal);
    proxy.set(PASS);
    return JSON.stringify(mode);
  }

  async #lockTable(table: string, spanMs: number, signal: AbortSignal): Promise<string> {
    const client = await this.#world.server.control.connect();
    try {
      await client.query("begin");
      await client.query("set local lock_timeout = '3s'");
      await client.query(`lock table postrider.${table} in access exclusive mode`);
      await rest(spanMs, signal);
      await client.query("rollback");
    } finally {
      client.release(true);
    }
    return table;
  }

  /** Takes every connection there is, and sends the daemons to look for new ones. */
  async #useUpConnections(spanMs: number, signal: AbortSignal): Promise<string> {
    const hogs: pg.Client[] = [];
    const takeAll = async (): Promise<void> => {
      while (hogs.length < HOGS_MAX) {
        const hog = new pg.Client({ connectionString: this.#world.server.url, application_name: "chaos/hog" });
        hog.on("error", () => {});
        try {
          await hog.connect();
        } catch {
          await hog.end().catch(() => {});
          return;
        }
        hogs.push(hog);
      }
    };
    try {
      await takeAll();
      await this.#query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OWN_BACKENDS}`);
      await takeAll();
      await rest(spanMs, signal);
    } finally {
      await Promise.all(hogs.map((hog) => hog.end().catch(() => {})));
    }
    return `${hogs.length} connections`;
  }

  async #edit(route: EndpointRoute, { draws, spanMs }: PlannedFault, signal: AbortSignal): Promise<string> {
    const url = `http://127.0.0.1:${route.other.port}${route.plan.path}?edited=${Math.floor(draws[0] * 1_000)}`;
    await this.#query("update postrider.endpoint set url = $2, headers = $3, timeout_ms = $4 where id = $1", [
      route.id,
      url,
      JSON.stringify({ "x-chaos": "edited" }),
      TIMEOUT_MS - 200,
    ]);
    await rest(spanMs, signal);
    await this.#insist("update postrider.endpoint set url = $2, headers = '{}', timeout_ms = $3 where id = $1", [
      route.id,
      this.#url(route.id, route.plan.path),
      TIMEOUT_MS,
    ]);
    return url;
  }

  async #redeliver(endpointId: string): Promise<string> {
    const { rows } = await this.#query<{ event_id: string }>(
      `select event_id from (
         select event_id from postrider.delivery where endpoint_id = $1 and state <> 'pending'
         order by event_id desc limit 1000) recent
       order by random() limit ${REDELIVERIES}`,
      [endpointId],
    );
    for (const { event_id } of rows) {
      const atMs = Date.now();
      let isCertain = false;
      try {
        await this.#query("select postrider.redeliver($1, $2)", [event_id, endpointId]);
        isCertain = true;
      } finally {
        this.redeliveries.push({ eventId: event_id, endpointId, atMs, isCertain, isForHalt: false });
      }
    }
    return `${rows.length} deliveries`;
  }

  async #query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<Row>> {
    return await this.#world.server.control.query<Row>(text, values);
  }

  /** Runs a statement that ends a fault, and retries until it succeeds. */
  async #insist(text: string, values: unknown[] = []): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#query(text, values);
        return;
      } catch (thrown) {
        if (attempt === MEND_ATTEMPTS_MAX) {
          throw thrown;
        }
        await pause(MEND_RETRY_MS);
      }
    }
  }

  /** Another URL than before for an endpoint that was dead: an edit closes its circuit, so the run need not wait for a probe. */
  #url(endpointId: string, path: string): string {
    const route = this.#world.routes.find(({ id }) => id === endpointId);
    return `http://127.0.0.1:${route?.main.port}${path}${route?.plan.isDead ? "?mended" : ""}`;
  }

  #slot(index: number): DaemonSlot {
    return at(this.#world.slots, index);
  }

  #route(index: number): EndpointRoute {
    return at(this.#world.routes, index);
  }
}

function disturbanceOf(
  kind: "receiver.hang" | "receiver.slow" | "receiver.dead" | "receiver.reset",
): "hang" | "slow" | "dead" | "reset" {
  switch (kind) {
    case "receiver.dead":
      return "dead";
    case "receiver.hang":
      return "hang";
    case "receiver.slow":
      return "slow";
    case "receiver.reset":
      return "reset";
  }
}

function modeOf({ kind, draws }: PlannedFault): ProxyMode {
  const [first, second, third] = draws;
  switch (kind) {
    case "link.half_open":
    case "receiver.half_open":
      return {
        kind: "half_open",
        direction: first < 0.4 ? "both" : first < 0.7 ? "up" : "down",
        afterwards: second < 0.5 ? "reset" : "silent",
      };
    case "link.slow":
      return {
        kind: "slow",
        latencyMs: Math.round(10 + first * 300),
        bytesPerSecond: second < 0.5 ? null : Math.round(1_000 + third * 30_000),
      };
    case "link.cut_answer":
    case "receiver.cut_answer":
      // Answers to records and receivers' answers are some hundred bytes, answers to claims some ten thousand.
      return {
        kind: "cut_after",
        direction: "down",
        bytes: Math.floor(first < 0.5 ? second * 400 : second * 30_000),
      };
    case "link.cut_statement":
      return { kind: "cut_after", direction: "up", bytes: Math.floor(first < 0.5 ? second * 400 : second * 30_000) };
    default:
      return { kind: "cut" };
  }
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) {
    throw new Error(`there is no number ${index}`);
  }
  return item;
}

async function rest(restMs: number, signal: AbortSignal): Promise<void> {
  await pause(restMs, undefined, { signal }).catch(() => {
    // Broken off: the fault ends now.
  });
}
