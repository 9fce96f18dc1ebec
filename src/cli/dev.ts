import { join } from "node:path";
import type { Config, Environment } from "../config/config.ts";
import { Daemon } from "../daemon/daemon.ts";
import { type ConnectionConfig, connectionConfig, openConnection, targetOf } from "../db/connect.ts";
import { migrate } from "../db/migrate.ts";
import { Demo, putDemoAside } from "../dev/demo.ts";
import { EmbeddedPostgres, type ServerExit } from "../dev/postgres/embeddedPostgres.ts";
import { PostriderError } from "../ground/errors.ts";
import { npmGone } from "../ground/npmGone.ts";
import { aborted, stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import type { DevOptions } from "./commandLine.ts";
import { loggedEvents } from "./run.ts";

const LOOPBACK = "127.0.0.0/8,::1,localhost,*.localhost";

/**
 * The environment with what `dev` does differently where nothing is said: endpoints may be on this machine, and the log,
 * which shares the terminal with the demo, holds warnings only.
 */
export function devEnvironment(env: Environment): Environment {
  const isEgressSet = (env.POSTRIDER_EGRESS ?? "") !== "";
  const allowed = env.POSTRIDER_EGRESS_ALLOW ?? "";
  return {
    ...env,
    ...((env.POSTRIDER_LOG_LEVEL ?? "") === "" ? { POSTRIDER_LOG_LEVEL: "warn" } : {}),
    ...(isEgressSet
      ? {}
      : {
          POSTRIDER_EGRESS: "custom",
          POSTRIDER_EGRESS_ALLOW: allowed === "" ? LOOPBACK : `${LOOPBACK},${allowed}`,
        }),
  };
}

/**
 * `postrider dev`: PostgreSQL, schema, daemon and demo in one process, until it is stopped. Everything is let go of in
 * the reverse order, and the data stays. Rejects where a part cannot be started, and where PostgreSQL ends by itself.
 */
export function dev(options: DevOptions, config: Config, env: Environment): Promise<0 | 1> {
  const isStartedByNpm = (env.npm_lifecycle_event ?? env.npm_command ?? "") !== "";
  return untilStopped(
    {
      signals: ["SIGINT", "SIGTERM", "SIGHUP"],
      sources: [stdoutClosed, ...(isStartedByNpm ? [npmGone] : [])],
    },
    (stopping) => runParts(options, config, stopping),
  );
}

async function runParts(options: DevOptions, given: Config, stopping: AbortSignal): Promise<void> {
  const postgres = given.databaseUrl === null ? await startEmbedded(options) : ownServer(given.databaseUrl, options);
  try {
    const config: Config = { ...given, databaseUrl: postgres.url };
    await Promise.race([runOn(postgres, options, config, stopping), postgres.ended]);
  } finally {
    await postgres.stop();
  }
}

/** The server that everything runs on. */
interface PostgresPart {
  readonly isEmbedded: boolean;
  readonly url: string;
  /** What the line that starts with `ready` says of it. */
  readonly place: string;
  /** Rejects where the server ends by itself; never resolves. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
}

async function startEmbedded({ port, dataDir }: DevOptions): Promise<PostgresPart> {
  const isAnyPort = port === null || port === 0;
  const server = await EmbeddedPostgres.start({ dataDir, ...(isAnyPort ? {} : { port }) });
  let isStopping = false;
  const ended = server.exited.then((exit) => {
    // Of a server that was told to stop, nobody wants to hear.
    return isStopping ? new Promise<never>(() => {}) : Promise.reject(endedByItself(exit, dataDir));
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

function endedByItself({ code, signal }: ServerExit, dataDir: string): PostriderError {
  return new PostriderError([
    {
      code: "PR0008",
      problem: "cannot go on without the embedded PostgreSQL",
      found: `it ended by itself (${signal ?? `exit status ${code}`})`,
      remedy: `${join(dataDir, "postgres.log")} tells why; start again, nothing that was committed is lost`,
    },
  ]);
}

function ownServer(url: string, { port }: DevOptions): PostgresPart {
  if (port !== null) {
    process.stderr.write("--port has no effect: it is for the embedded PostgreSQL, and DATABASE_URL is set\n");
  }
  return {
    isEmbedded: false,
    url,
    place: "PostgreSQL of DATABASE_URL",
    ended: new Promise(() => {}),
    stop: async () => {},
  };
}

/** Everything but the server: started in order, and stopped in the reverse order once asked to. */
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
