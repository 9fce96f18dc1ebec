import { join } from "node:path";
import { type Environment, given } from "../config/environment.ts";
import { type Config, readConfig } from "../config/read.ts";
import { Daemon } from "../daemon/daemon.ts";
import { type ConnectionConfig, connectionConfig, openConnection, targetOf } from "../db/connect.ts";
import { migrate } from "../db/migrate.ts";
import { Demo, putDemoAside } from "../dev/demo.ts";
import { npmGone } from "../dev/npmGone.ts";
import type { ServerExit } from "../dev/postgres/launch.ts";
import { EmbeddedPostgres } from "../dev/postgres/server.ts";
import { PostriderError } from "../ground/errors.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { defineCommand, flag, port, text } from "./command.ts";
import { loggedEvents } from "./loggedEvents.ts";

const LOOPBACK = "127.0.0.0/8,::1,localhost,*.localhost";

export const command = defineCommand({
  summary: "runs everything on one machine: an embedded PostgreSQL, the daemon and a demo receiver",
  options: {
    port: port("port of the embedded PostgreSQL; a free one by default", null),
    "data-dir": text({
      ...{ placeholder: "DIR", default: ".postrider" },
      sentence: "where the embedded PostgreSQL keeps its data",
    }),
    "no-demo": flag("leave out the demo receiver, its endpoint and the sample events"),
  },
  examples: ["postrider dev", "postrider dev --port 5433 --no-demo", "DATABASE_URL=postgres://… postrider dev"],
  run: ({ port: serverPort, "data-dir": dataDir, "no-demo": noDemo }, env) => {
    const config = readConfig(devEnvironment(env), { name: "dev", database: "optional" });
    return dev({ port: serverPort, dataDir, demo: !noDemo }, config, env);
  },
});

interface DevOptions {
  /** Null: any free one. */
  readonly port: number | null;
  /** Path, relative to the working directory. */
  readonly dataDir: string;
  readonly demo: boolean;
}

/**
 * The environment with the defaults of `dev`: endpoints may be on this machine, and the log, which shares the terminal
 * with the demo, contains only warnings.
 */
function devEnvironment(env: Environment): Environment {
  const isEgressSet = given(env, "POSTRIDER_EGRESS") !== null;
  const allowed = given(env, "POSTRIDER_EGRESS_ALLOW");
  return {
    ...env,
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
  const isStartedByNpm = (env.npm_lifecycle_event ?? env.npm_command ?? "") !== "";
  return untilStopped(
    {
      signals: ["SIGINT", "SIGTERM", "SIGHUP"],
      sources: [stdoutClosed, ...(isStartedByNpm ? [npmGone] : [])],
    },
    (stopping) => runParts(options, config, stopping),
  );
}

async function runParts(options: DevOptions, settings: Config, stopping: AbortSignal): Promise<void> {
  const { databaseUrl } = settings;
  const postgres = databaseUrl === null ? await startEmbedded(options) : ownServer(databaseUrl, options);
  try {
    const config: Config = { ...settings, databaseUrl: postgres.url };
    await Promise.race([runOn(postgres, options, config, stopping), postgres.ended]);
  } finally {
    await postgres.stop();
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
  const isAnyPort = options.port === null || options.port === 0;
  const server = await EmbeddedPostgres.start({ dataDir, ...(isAnyPort ? {} : { port: options.port }) });
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

function ownServer(url: string, options: DevOptions): PostgresPart {
  if (options.port !== null) {
    process.stderr.write("--port has no effect: it is the port of the embedded PostgreSQL, and DATABASE_URL is set\n");
  }
  return {
    isEmbedded: false,
    url,
    place: "PostgreSQL of DATABASE_URL",
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
  const demo = options.demo ? await Demo.start(connection) : null;
  try {
    const daemon = await startDaemon(config);
    try {
      process.stdout.write(`DATABASE_URL=${postgres.url}\nready: ${postgres.place}; Ctrl-C stops it, the data stays\n`);
      await demo?.show(postgres.url, stopping);
      const fault = await Promise.race([aborted(stopping), daemon.unusable]);
      if (fault !== undefined) {
        throw fault;
      }
    } finally {
      await daemon.stop();
    }
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
      process.stderr.write(`using ${host}:${port}, database ${database} (DATABASE_URL)\n`);
    }
    await migrate(client);
    if (!demo) {
      await putDemoAside(client);
    }
  } finally {
    await client.end();
  }
}

async function startDaemon(config: Config): Promise<Daemon> {
  let daemon: Daemon | null = null;
  const events = loggedEvents(config, { daemonId: () => daemon?.id ?? null, to: "stderr" });
  daemon = new Daemon(config, events);
  await daemon.start();
  return daemon;
}
