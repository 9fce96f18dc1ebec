import type { Config } from "../config/read.ts";
import { type ConnectionConfig, connectionConfig, targetOf } from "../db/connect.ts";
import { Database } from "../db/database.ts";
import { SessionPool } from "../db/sessionPool.ts";
import type { Sockets } from "../db/sockets.ts";
import { makeFormats } from "../format/body.ts";
import { monotonicMs } from "../ground/clock.ts";
import type { PostriderError } from "../ground/errors.ts";
import type { Repeat } from "../ground/repeat.ts";
import { OWN_POSTGRES, OwnServers } from "../http/egress/own.ts";
import { sendingHost } from "../http/handshake.ts";
import { Sender } from "../http/send.ts";
import type { Events } from "../telemetry/bus.ts";
import { Conditions } from "../telemetry/conditions.ts";
import type { Traces } from "../telemetry/traces/traces.ts";
import { Agenda } from "./agenda.ts";
import { ClaimLock } from "./claim/claimLock.ts";
import { Filters } from "./claim/filters.ts";
import { NewEvents } from "./claim/newEvents.ts";
import { BUDGET_BYTES, Budget, budgetBytes } from "./deliver/budget.ts";
import { ENDPOINTS_MAX, EndpointDirectory } from "./deliver/endpoints.ts";
import { InHand } from "./deliver/inHand.ts";
import { apartMax, Lanes } from "./deliver/lanes.ts";
import { payloadsFrom } from "./deliver/payloads.ts";
import { Loop } from "./loop.ts";
import { deliveriesInHandMax } from "./memory.ts";
import { Recorder } from "./record/recorder.ts";
import { Busiest } from "./upkeep/busiest.ts";
import { makeCertificateWatch } from "./upkeep/certificateWatch.ts";
import { makeEndpointWatch } from "./upkeep/endpointWatch.ts";
import { HANDSHAKES_MAX, makeHandshakeKeeper } from "./upkeep/handshakes.ts";
import { Heartbeat } from "./upkeep/heartbeat.ts";
import { makeKeyKeeper } from "./upkeep/keys.ts";
import { Measures } from "./upkeep/measures.ts";
import { Minutes } from "./upkeep/minutes.ts";
import { makePartitionKeeper } from "./upkeep/partitions.ts";
import { makeReplayKeeper } from "./upkeep/replays.ts";
import { makeSchemaWatch } from "./upkeep/schemaWatch.ts";
import { Pace } from "./wake/pace.ts";
import { WakeSession } from "./wake/session.ts";

/**
 * A claim, a walk, a flush, two loads of large payloads or a heartbeat and a replay, and maintenance, at once. With fewer
 * they wait for each other.
 */
export const WORK_CONNECTIONS = 6;
/** The listener and the gate. */
const WAKE_CONNECTIONS = 2;
/** What a daemon takes at most. One of each kind, three in all, is enough to work. */
export const CONNECTIONS_MAX = WORK_CONNECTIONS + WAKE_CONNECTIONS;
/** Requests of one endpoint at a time; beyond some fifty a process gains nothing from more connections. */
const LANE_MAX = 64;

/** The database by what it is used for, with the deadlines of that. They share their connections. */
export interface Databases {
  readonly claim: Database;
  readonly pipeline: Database;
  readonly maintain: Database;
}

/** Why a daemon cannot go on. */
export type Fatal = "schema.unusable" | "database.copied";

/** What a daemon is made of. Each part is given the parts it uses; what the loop must know goes through the agenda. */
export type Parts = ReturnType<typeof makeParts>;

export interface PartsOptions {
  readonly config: Config;
  readonly events: Events;
  /** Every connection to Postgres goes through these. */
  readonly sockets: Sockets;
  readonly onFatal: (event: Fatal, fault: PostriderError) => void;
  readonly daemonId: string;
  /** Null if nothing is traced. */
  readonly traces: Traces | null;
}

/** What the parts share. */
interface Shared extends PartsOptions {
  readonly connection: ConnectionConfig;
  /** To where it can listen. */
  readonly listenConnection: ConnectionConfig;
  readonly sessions: SessionPool;
  readonly databases: Databases;
  readonly conditions: Conditions;
  readonly agenda: Agenda;
  readonly lanes: Lanes;
}

export function makeParts(options: PartsOptions) {
  const { config, events, sockets, onFatal } = options;
  const connection = sockets.through(connectionTo(config.databaseUrl, config.databaseUrlFile));
  const listenConnection =
    config.listenUrl === null ? connection : sockets.through(connectionTo(config.listenUrl, config.listenUrlFile));
  const conditions = new Conditions(events);
  const sessions = makeSessions(config, connection, conditions);
  const databases = makeDatabases(sessions);
  const shared: Shared = {
    ...options,
    connection,
    listenConnection,
    sessions,
    databases,
    conditions,
    agenda: new Agenda(),
    lanes: new Lanes({
      inFlightMax: config.maxInFlight,
      laneMax: LANE_MAX,
      inHandMax: deliveriesInHandMax(config.maxInFlight),
    }),
  };
  const heartbeat = makeHeartbeat(shared);
  const sender = new Sender({
    policy: config.egress,
    own: ownServers(shared),
    ...(config.egressProxy !== null && { proxy: config.egressProxy }),
    trustedCertificates: config.caCertificates,
    connectionsPerOrigin: config.maxInFlight + apartMax(config.maxInFlight),
  });
  const upkeep = makeUpkeep(shared, sender);
  const wake = makeWake(shared, upkeep);
  const busiest = new Busiest(config.metricsEndpoints);
  const minutes = makeMinutes(shared, heartbeat, busiest);
  const pipeline = makePipeline(shared, { heartbeat, wake, sender, minutes });
  return {
    connection,
    listenConnection,
    sessions,
    conditions,
    databases,
    sender,
    heartbeat,
    wake,
    minutes,
    lanes: shared.lanes,
    // With the short deadline of claims.
    measures: new Measures({ database: databases.claim, busiest: () => busiest.totals(minutes.present) }),
    ...pipeline,
    ...upkeep,
    schemaWatch: makeSchemaWatch({
      database: databases.maintain,
      onUnusable: (fault) => onFatal("schema.unusable", fault),
    }),
  };
}

function connectionTo(databaseUrl: string | null, urlFile: string | null): ConnectionConfig {
  return connectionConfig({ databaseUrl, urlFile, applicationName: "postrider" });
}

function ownServers({ config, connection, listenConnection, sockets }: Shared): OwnServers {
  const postgres = [connection, listenConnection].map((each) => {
    const { host, port } = targetOf(each);
    return { what: OWN_POSTGRES, host, port };
  });
  const { httpListen, apiDatabaseUrl, apiListen, portalListen } = config;
  const listener = httpListen === null ? [] : [{ what: "the daemon's own listener", ...httpListen }];
  const api = apiDatabaseUrl === null || apiListen === null ? [] : [{ what: "Postrider's own API", ...apiListen }];
  const portal = portalListen === null ? [] : [{ what: "Postrider's own portal", ...portalListen }];
  return new OwnServers([...postgres, ...listener, ...api, ...portal], () => sockets.peers, config.egress.nat64);
}

function makeSessions(config: Config, connection: ConnectionConfig, conditions: Conditions): SessionPool {
  return new SessionPool({
    config: connection,
    max: WORK_CONNECTIONS,
    preparedStatements: config.preparedStatements ?? undefined,
    onGranted: (granted, error) => {
      if (error === null) {
        conditions.end("few_connections", {});
      } else {
        conditions.begin("few_connections", "connections.refused", { granted, wished: WORK_CONNECTIONS, error });
      }
    },
  });
}

function makeDatabases(sessions: SessionPool): Databases {
  return {
    claim: new Database({ sessions, purpose: "claim" }),
    pipeline: new Database({ sessions, purpose: "pipeline" }),
    maintain: new Database({ sessions, purpose: "maintain" }),
  };
}

function makeHeartbeat({ config, daemonId, databases, conditions, lanes, sockets, onFatal }: Shared): Heartbeat {
  return new Heartbeat({
    daemonId,
    database: databases.pipeline,
    load: () => ({ inFlight: lanes.inFlight, waiting: lanes.waiting }),
    encryptionKeyIds: config.encryptionKeys.map(({ id }) => id),
    publicUrl: config.publicUrl,
    conditions,
    onServer: (address, port) => sockets.noteServer(address, port),
    onCopied: (fault) => onFatal("database.copied", fault),
  });
}

function makeMinutes(
  { databases, events, conditions, lanes }: Shared,
  heartbeat: Heartbeat,
  busiest: Busiest,
): Minutes {
  return new Minutes({
    database: databases.pipeline,
    events,
    conditions,
    daemonId: () => heartbeat.daemonId,
    clockAheadMs: () => heartbeat.clockAheadMs,
    load: () => lanes,
    busiest,
  });
}

/** The endpoints of deliveries, or of handshakes: of how many it is remembered at most how to talk to them. */
function directoryOf({ config, databases }: Shared, endpointsMax: number): EndpointDirectory {
  return new EndpointDirectory(
    databases.pipeline,
    makeFormats(config.source),
    config.encryptionKeys,
    endpointsMax,
    sendingHost(config.source),
    config.publicUrl,
  );
}

function makeUpkeep(shared: Shared, sender: Sender) {
  const { config, events, conditions, databases, agenda } = shared;
  return {
    partitions: makePartitionKeeper({
      database: databases.maintain,
      events,
      conditions,
      retentionMs: config.retentionMs,
    }),
    replays: makeReplayKeeper({
      database: databases.pipeline,
      events,
      conditions,
      pollIntervalMs: config.pollIntervalMs,
      onQueued: () => agenda.queued(),
    }),
    endpointWatch: makeEndpointWatch({ database: databases.maintain, events }),
    certificateWatch: makeCertificateWatch({ database: databases.maintain, events }),
    handshakes: makeHandshakeKeeper({
      database: databases.pipeline,
      conditions,
      endpoints: directoryOf(shared, HANDSHAKES_MAX),
      send: (request, done) => sender.send(request, done),
      host: sendingHost(config.source),
    }),
    keys: makeKeyKeeper({ database: databases.pipeline, conditions, sealingKeys: config.encryptionKeys }),
  };
}

/** What an operator's action may be for. */
interface Announced {
  readonly replays: Repeat;
  readonly keys: Repeat;
  readonly handshakes: Repeat;
}

function makeWake(
  { listenConnection, sessions, events, conditions, agenda }: Shared,
  { replays, keys, handshakes }: Announced,
): WakeSession {
  return new WakeSession({
    config: listenConnection,
    events,
    conditions,
    onRefused: (thrown) => sessions.yieldOne(thrown),
    onWake: (look, withinMs) => {
      if (look === "events") {
        agenda.by("events", monotonicMs() + withinMs);
        return;
      }
      agenda.lookAgain();
      replays.soon();
      keys.soon();
      handshakes.soon();
    },
  });
}

/** What the pipeline uses. */
interface Served {
  readonly heartbeat: Heartbeat;
  readonly wake: WakeSession;
  readonly sender: Sender;
  readonly minutes: Minutes;
}

/** Claim, deliver and record, and the loop that knows their order. */
function makePipeline(shared: Shared, { heartbeat, wake, sender, minutes }: Served) {
  const { config, events, conditions, databases, agenda, lanes, onFatal, traces } = shared;
  const database = databases.pipeline;
  const recorder = new Recorder({
    database,
    events,
    conditions,
    onRecorded: (results) => agenda.recorded(results),
    countFlush: (daemonId) => minutes.flushed(daemonId),
  });
  const endpoints = directoryOf(shared, ENDPOINTS_MAX);
  const payloads = payloadsFrom(database);
  const budget = new Budget(BUDGET_BYTES, {
    standingOf: (endpointId) => lanes.standingOf(endpointId),
    bytesOf: ({ event, endpointId }) => {
      const endpoint = endpoints.get(endpointId);
      return budgetBytes(event.payloadBytes, endpoint?.format.growthMax ?? 1, (endpoint?.encryption ?? null) !== null);
    },
  });
  const inHand = new InHand({
    lease: heartbeat,
    endpoints,
    lanes,
    budget,
    payloads,
    send: (request, done) => sender.send(request, done),
    events,
    traces,
    agenda,
    record: (result) => recorder.add(result),
  });
  const loop = new Loop({
    database,
    events,
    conditions,
    agenda,
    lease: heartbeat,
    wake,
    pace: new Pace(),
    newEvents: new NewEvents({ database, claimDatabase: databases.claim, filters: new Filters({ database, events }) }),
    claimLock: new ClaimLock({ database, events, conditions }),
    endpoints,
    payloads,
    inHand,
    inHandMax: deliveriesInHandMax(config.maxInFlight),
    recorder,
    pollIntervalMs: config.pollIntervalMs,
    onCopied: (fault) => onFatal("database.copied", fault),
  });
  return { inHand, recorder, loop, budget };
}
