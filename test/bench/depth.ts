/** Depth: what claiming an event costs, by how much waits behind it, and beside a bulk load that has not committed. */
import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { PAYLOAD_BYTES_MAX } from "../../src/daemon/claim/claimed.ts";
import { PAGE_EVENTS_MAX } from "../../src/daemon/claim/filters.ts";
import { FAN_OUT_MAX } from "../../src/daemon/claim/newEvents.ts";
import { statementText } from "../../src/db/sqlFiles.ts";
import { difference, per, threadCpuMicros } from "./cpu.ts";
import type { BenchOptions, Measures, Part, Trial } from "./part.ts";
import type { Database } from "./server.ts";
import { commitEvents, createEndpoint, insertEvents } from "./workload.ts";

const PAGES_MAX = 10;
const EMPTY_CLAIMS = 20;
/** Nothing is sent in this part; the port only has to be one. */
const UNUSED_PORT = 9;

export async function prepareDepth(options: BenchOptions): Promise<Part> {
  const databases: Database[] = [];
  const trials: Trial[] = [];
  for (const depth of options.depths) {
    const session = await openSession(options, databases);
    await commitEvents(session.client, depth);
    trials.push({ subject: `${depth} waiting`, run: () => measurePages(session, depth) });
  }
  const beside = await openSession(options, databases);
  const bulk = await beside.database.connect();
  // What waits behind the bulk is as deep as the smallest backlog, so that nothing but the bulk tells them apart.
  const depth = Math.min(...options.depths);
  trials.push({
    subject: `beside ${options.bulkRows} open`,
    run: () => measureBeside(beside, bulk, options.bulkRows, depth),
  });
  const [shallow] = options.depths;
  return {
    name: "depth",
    notes: [
      `postrider_internal.claim_events called by SQL, ${PAGE_EVENTS_MAX} events a page, at most ${PAGES_MAX} pages a round; CPU of the one backend.`,
      "The backlog is filled up again before each round; the first claim is counted by itself. Empty claims: right after everything was claimed.",
    ],
    trials,
    ratios: trials
      .slice(1)
      .map(({ subject }) => ({ of: subject, to: `${shallow} waiting`, measure: "claim_us_per_event" })),
    stop: async () => {
      await bulk.query("rollback");
      for (const database of databases) {
        await database.drop();
      }
    },
  };
}

interface Session {
  readonly database: Database;
  readonly client: Client;
  readonly backendPid: number;
  readonly daemonId: string;
}

async function openSession(options: BenchOptions, databases: Database[]): Promise<Session> {
  const database = await options.server.createDatabase();
  databases.push(database);
  const client = await database.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const session = { database, client, backendPid: rows[0]?.pid ?? 0, daemonId: randomUUID() };
  await createEndpoint(client, UNUSED_PORT);
  // The first claims of a session plan their statements.
  await commitEvents(client, PAGE_EVENTS_MAX);
  while ((await claim(session)).outcome !== "empty") {}
  return session;
}

/** Fills the backlog up, and claims a page, then up to PAGES_MAX more. */
async function measurePages(session: Session, depth: number): Promise<Measures> {
  await fillUp(session.client, depth);
  const [firstMicros, first] = await cpuMicros(session, () => claim(session));
  const [micros, rest] = await cpuMicros(session, () => claimPages(session, first.outcome));
  return {
    first_claim_us: firstMicros,
    claim_us_per_event: per(micros, rest.events),
    events_claimed: first.events + rest.events,
    empty_claim_us: hasMore(rest.outcome) ? null : await measureEmpty(session),
  };
}

/** A new bulk transaction each round: the first claim that meets it is another matter than those that follow. */
async function measureBeside(session: Session, bulk: Client, rows: number, depth: number): Promise<Measures> {
  await bulk.query("rollback");
  await claimPages(session, "page");
  await bulk.query("begin");
  await insertEvents(bulk, rows);
  return measurePages(session, depth);
}

function hasMore(outcome: string): boolean {
  return outcome === "page" || outcome === "aside";
}

async function claimPages(session: Session, outcome: string): Promise<Claimed> {
  let claimed: Claimed = { outcome, events: 0 };
  for (let page = 0; page < PAGES_MAX && hasMore(claimed.outcome); page += 1) {
    const { outcome, events } = await claim(session);
    claimed = { outcome, events: claimed.events + events };
  }
  return claimed;
}

async function cpuMicros<Result>(
  { backendPid }: Session,
  work: () => Promise<Result>,
): Promise<readonly [number | null, Result]> {
  const before = threadCpuMicros(backendPid);
  const result = await work();
  return [difference(before, threadCpuMicros(backendPid)), result];
}

async function measureEmpty(session: Session): Promise<number | null> {
  while ((await claim(session)).outcome !== "empty") {}
  const [micros] = await cpuMicros(session, async () => {
    for (let claims = 0; claims < EMPTY_CLAIMS; claims += 1) {
      await claim(session);
    }
  });
  return per(micros, EMPTY_CLAIMS);
}

async function fillUp(client: Client, depth: number): Promise<void> {
  const { rows } = await client.query<{ events: number; claimed: number }>(
    `select (select count(*)::integer from postrider.outbox) as events,
            (select sum(cardinality(c.event_ids))::integer from postrider.claim c) as claimed`,
  );
  const waiting = (rows[0]?.events ?? 0) - (rows[0]?.claimed ?? 0);
  await commitEvents(client, Math.max(0, depth - waiting));
}

interface Claimed {
  readonly outcome: string;
  readonly events: number;
}

async function claim({ client, daemonId }: Session): Promise<Claimed> {
  const { rows } = await client.query<{ outcome: string | null }>({
    name: "claim_events",
    text: statementText("claim_events"),
    values: [daemonId, PAGE_EVENTS_MAX, PAGE_EVENTS_MAX, PAGE_EVENTS_MAX * 2, FAN_OUT_MAX, PAYLOAD_BYTES_MAX, [], []],
  });
  return { outcome: rows[0]?.outcome ?? "", events: rows.length - 1 };
}
