import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Environment, given } from "../config/environment.ts";
import { type Config, readConfig } from "../config/read.ts";
import { Daemon } from "../daemon/daemon.ts";
import { DaemonVitals } from "../daemon/vitals.ts";
import { type ConnectionConfig, connectionConfig, openConnection, targetOf } from "../db/connect.ts";
import { migrate } from "../db/migrate.ts";
import { dashboardLink } from "../dev/dashboardLink.ts";
import { Demo, putDemoAside } from "../dev/demo.ts";
import { DISPLAYED, display, durationText, show } from "../dev/display.ts";
import type { ServerExit } from "../dev/postgres/launch.ts";
import { EmbeddedPostgres } from "../dev/postgres/server.ts";
import { monotonicMs } from "../ground/clock.ts";
import { PostriderError } from "../ground/errors.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { Conditions } from "../telemetry/conditions.ts";
import { ProgramMetrics } from "../telemetry/programMetrics.ts";
import { defineCommand, flag, notTogether, port, text } from "./command.ts";
import { withServers } from "./listening.ts";
import { loggedEvents } from "./loggedEvents.ts";
import { isStartedByNpm, npmSources } from "./npmGone.ts";
import { withTraces } from "./withTraces.ts";

/** With PostgreSQL's 16 MB, the log of an idle server would be as large as all its databases. */
const WAL_FILE_MB = 4;
const LOOPBACK = "127.0.0.0/8,::1,localhost,*.localhost";

export const command = defineCommand({
  summary: "runs everything on one machine: an embedded PostgreSQL, the daemon and a demo receiver",
  options: {
    port: port("port of the embedded PostgreSQL; a free one by default", null),
    "data-dir": text({
      ...{ placeholder: "DIR", default: ".postrider" },
      sentence: "where the embedded PostgreSQL keeps its data",
    }),
    "database-url": text({
      ...{ placeholder: "URL", default: null },
      sentence: "use this server instead of the embedded one; DATABASE_URL has no effect",
    }),
    "no-demo": flag("leave out the demo receiver, its endpoints and the sample events"),
  },
  examples: ["postrider dev", "postrider dev --port 5433 --no-demo", "postrider dev --database-url postgres://…"],
  conflicts: (given) => notTogether(given, "port", "database-url"),
  run: ({ port: serverPort, "data-dir": dataDir, "database-url": databaseUrl, "no-demo": noDemo }, env) => {
    const config = readConfig(devEnvironment(env, databaseUrl), { name: "dev", database: "optional", traces: true });
    const isLogAsked = given(env, "POSTRIDER_LOG_LEVEL") !== null;
    return dev({ port: serverPort, dataDir, demo: !noDemo, isLogAsked, program: programOf(env) }, config, env);
  },
});

/** How a person starts this program: with the script of this checkout, from a package that depends on it, or by its name. */
function programOf(env: Environment): string {
  if (!isStartedByNpm(env)) {
    return "postrider";
  }
  return env.npm_package_name === "postrider" ? "npm run -s postrider --" : "npx postrider";
}

interface DevOptions {
  /** Null: any free one. */
  readonly port: number | null;
  /** Path, relative to the working directory. */
  readonly dataDir: string;
  readonly demo: boolean;
  /** The log has everything of its level; otherwise it leaves out what the display shows. */
  readonly isLogAsked: boolean;
  readonly program: string;
}

/** They may name a database that is not for trying: only --database-url does. */
const DATABASE_VARIABLES = ["DATABASE_URL", "POSTRIDER_LISTEN_URL", "POSTRIDER_API_DATABASE_URL"].flatMap((name) => [
  name,
  `${name}_FILE`,
]);

/**
 * The environment with the defaults of `dev`: endpoints may be on this machine, the log, which shares the terminal
 * with the display, contains only warnings, and the database is the one that was asked for.
 */
function devEnvironment(env: Environment, databaseUrl: string | null): Environment {
  const isEgressSet = given(env, "POSTRIDER_EGRESS") !== null;
  const allowed = given(env, "POSTRIDER_EGRESS_ALLOW");
  return {
    ...env,
    ...Object.fromEntries(DATABASE_VARIABLES.map((name) => [name, undefined])),
    ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
    POSTRIDER_LOG_LEVEL: given(env, "POSTRIDER_LOG_LEVEL") ?? "warn",
    ...(isEgressSet
      ? {}
      : {
          POSTRIDER_EGRESS: "custom",
          POSTRIDER_EGRESS_ALLOW: allowed === null ? LOOPBACK : `${LOOPBACK},${allowed}`,
        }),
  };
}

/**
 * PostgreSQL, schema, daemon and demo in one process, until it is stopped. Everything is stopped in the reverse order,
 * and the data stays. Rejects if a part cannot be started, and if PostgreSQL ends unexpectedly.
 */
function dev(options: DevOptions, config: Config, env: Environment): Promise<0 | 1> {
  const unused = DATABASE_VARIABLES.filter((name) => given(env, name) !== null);
  if (unused.length > 0) {
    process.stderr.write(`not using ${unused.join(" and ")}: only --database-url URL names a server to use\n`);
  }
  return untilStopped(
    {
      signals: ["SIGINT", "SIGTERM", "SIGHUP"],
      sources: [stdoutClosed, ...npmSources(env)],
    },
    (stopping) => runParts(options, config, stopping),
  );
}

async function runParts(options: DevOptions, settings: Config, stopping: AbortSignal): Promise<void> {
  const { databaseUrl } = settings;
  const postgres = databaseUrl === null ? await startEmbedded(options) : ownServer(databaseUrl);
  try {
    const config: Config = { ...settings, databaseUrl: postgres.url, apiDatabaseUrl: postgres.url };
    await Promise.race([runOn(postgres, options, config, stopping), postgres.ended]);
  } finally {
    await postgres.stop();
    show("stopped", postgres.isEmbedded ? `the data stays in ${options.dataDir}` : "the data stays");
  }
}

/** The server that everything else uses. */
interface PostgresPart {
  readonly isEmbedded: boolean;
  readonly url: string;
  /** How the line that starts with `ready` describes it. */
  readonly place: string;
  /** Rejects if the server ends unexpectedly; never resolves. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
}

async function startEmbedded(options: DevOptions): Promise<PostgresPart> {
  const { dataDir } = options;
  const startedMs = monotonicMs();
  show("starting", `PostgreSQL, data in ${dataDir}`);
  const isAnyPort = options.port === null || options.port === 0;
  const server = await EmbeddedPostgres.start({
    dataDir,
    initdbArguments: [`--wal-segsize=${WAL_FILE_MB}`],
    ...(isAnyPort ? {} : { port: options.port }),
  });
  show("started", `PostgreSQL on port ${server.port}, in ${durationText(monotonicMs() - startedMs)}`);
  let isStopping = false;
  const ended = server.exited.then((exit) => {
    // An exit we asked for is not an error.
    return isStopping ? new Promise<never>(() => {}) : Promise.reject(endedUnexpectedly(exit, dataDir));
  });
  return {
    isEmbedded: true,
    url: server.url,
    place: `PostgreSQL on port ${server.port}, data in ${dataDir}`,
    ended,
    stop: () => {
      isStopping = true;
      return server.stop();
    },
  };
}

function endedUnexpectedly({ code, signal }: ServerExit, dataDir: string): PostriderError {
  return new PostriderError([
    {
      code: "PR0008",
      problem: "cannot continue without the embedded PostgreSQL",
      found: `it ended unexpectedly (${signal ?? `exit status ${code}`})`,
      remedy: `see ${join(dataDir, "postgres.log")} and start again; nothing that was committed is lost`,
    },
  ]);
}

function ownServer(url: string): PostgresPart {
  return {
    isEmbedded: false,
    url,
    place: "PostgreSQL of --database-url",
    ended: new Promise(() => {}),
    stop: async () => {},
  };
}

/** Everything except the server: started in order, and stopped in the reverse order when the stop comes. */
async function runOn(
  postgres: PostgresPart,
  options: DevOptions,
  config: Config,
  stopping: AbortSignal,
): Promise<void> {
  const connection = connectionConfig({ databaseUrl: postgres.url, applicationName: "postrider" });
  await prepareDatabase(connection, postgres, options);
  if (stopping.aborted) {
    return;
  }
  const demo = options.demo ? await Demo.start(connection, config.encryptionKeys) : null;
  try {
    if (demo !== null) {
      show("listening", `${demo.url}, the demo's receiver`);
    }
    await runDaemonIn(config, options, async (daemon) => {
      process.stdout.write(`DATABASE_URL=${postgres.url}\nready: ${postgres.place}; Ctrl-C stops it, the data stays\n`);
      await demo?.show(postgres.url, options.program, stopping);
      const fault = await Promise.race([aborted(stopping), daemon.unusable]);
      if (fault !== undefined) {
        throw fault;
      }
    });
  } finally {
    await demo?.stop();
  }
}

async function prepareDatabase(
  connection: ConnectionConfig,
  postgres: PostgresPart,
  { demo }: DevOptions,
): Promise<void> {
  const client = await openConnection({ config: connection, purpose: "migrate" });
  try {
    if (!postgres.isEmbedded) {
      const { host, port, database } = targetOf(connection);
      process.stderr.write(`using ${host}:${port}, database ${database} (--database-url)\n`);
    }
    const startedMs = monotonicMs();
    const { applied } = await migrate(client);
    if (applied.length > 0) {
      show("installed", `the schema, in ${durationText(monotonicMs() - startedMs)}`);
    }
    if (!demo) {
      await putDemoAside(client);
    }
  } finally {
    await client.end();
  }
}

/** The daemon, with the listener, while `work` lasts. */
async function runDaemonIn(
  config: Config,
  { isLogAsked }: DevOptions,
  work: (daemon: Daemon) => Promise<void>,
): Promise<void> {
  const vitals = new DaemonVitals();
  const leftOut = isLogAsked ? undefined : DISPLAYED;
  const events = loggedEvents(config, { daemonId: () => vitals.daemon?.id ?? null, to: "stderr", leftOut });
  events.subscribe(display);
  const dashboard: { address: string | null } = { address: null };
  events.subscribe(({ name, fields }) => {
    if (name === "console.started") {
      dashboard.address = fields.address;
    }
  });
  vitals.program = new ProgramMetrics(events);
  const instanceId = randomUUID();
  const parts = { instanceId, conditions: new Conditions(events) };
  await withServers(config, events, vitals, (settings) =>
    withTraces(settings, parts, async (traces) => {
      const daemon = new Daemon(settings, events, instanceId, traces, parts.conditions);
      await daemon.start();
      vitals.daemon = daemon;
      try {
        await showDashboard(config, dashboard.address);
        await work(daemon);
      } finally {
        vitals.isStopping = true;
        const grace = durationText(config.shutdownGraceMs);
        show("stopping", `requests in progress have ${grace} to finish; Ctrl-C again ends at once`);
        await daemon.stop();
      }
    }),
  );
}

async function showDashboard({ databaseUrl }: Config, address: string | null): Promise<void> {
  if (address !== null) {
    const connection = connectionConfig({ databaseUrl, applicationName: "postrider" });
    show("listening", `${await dashboardLink(connection, address)}, the dashboard; the link logs in once`);
  }
}
