/** The server of a test run: an embedded one of any major, or one that was given. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PLATFORM_PACKAGE } from "../../src/dev/postgres/binaries.ts";
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from "../../src/dev/postgres/server.ts";
import { MAJORS, type Major, NEWEST, SERVERS } from "../plan.ts";
import { copyPreparedCluster } from "./preparedCluster.ts";
import { makeServerDirectory } from "./serverDirectory.ts";

/** How test/run.ts tells the test files the server's major, if it is an embedded one. */
export const MAJOR_VARIABLE = "POSTRIDER_TEST_MAJOR";

/** How a test file is told where shiftedClock.ts has put another package of the newest server. */
export const NEWEST_PARENT_VARIABLE = "POSTRIDER_TEST_NEWEST_PARENT";

export interface TestServer {
  readonly url: string;
  /** Null for a server that was given. */
  readonly major: Major | null;
  /** Null for a server that was given. */
  readonly pid: number | null;
  stop(): Promise<void>;
}

type ServerOptions = Pick<EmbeddedPostgresOptions, "settings" | "database" | "packageParent">;

const SETTINGS = {
  // It runs at arbitrary times: its locks, snapshots and statistics would be in one run of a test and not in another.
  autovacuum: "off",
  fsync: "off",
  full_page_writes: "off",
  max_connections: "300",
  max_prepared_transactions: "20",
};

/** A new cluster. Its data is removed when it stops. */
export async function startServer(major: Major, options: ServerOptions = {}): Promise<TestServer> {
  return startIn(await makeServerDirectory("test"), major, (dataDir) => startNew(major, dataDir, options));
}

/** A copy of one that is prepared like this. Its data is removed when it stops. */
export async function startPreparedServer(
  major: Major,
  prepare: (url: string) => Promise<unknown>,
): Promise<TestServer> {
  return startIn(await makeServerDirectory("test"), major, async (dataDir) => {
    await copyPreparedCluster(`${major}`, dataDir, async (path) => {
      const server = await startNew(major, path);
      await prepare(server.url).finally(() => server.stop());
      // The copies would all try this one first.
      await rm(join(path, "port"));
    });
    return EmbeddedPostgres.start({ dataDir, asItIs: true, ...packageOf(major), settings: SETTINGS });
  });
}

function startNew(major: Major, dataDir: string, { settings = {}, ...options }: ServerOptions = {}) {
  return EmbeddedPostgres.start({
    dataDir,
    initdbArguments: ["--no-sync"],
    ...packageOf(major),
    ...options,
    settings: { ...SETTINGS, ...settings },
  });
}

async function startIn(
  directory: string,
  major: Major,
  start: (dataDir: string) => Promise<EmbeddedPostgres>,
): Promise<TestServer> {
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const server = await start(join(directory, "postgres"));
    return { url: server.url, major, pid: server.pid, stop: () => server.stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The major of the run's server; undefined for a server that was given to the run. */
export function majorOfRun(): Major | undefined {
  return MAJORS.find((known) => String(known) === process.env[MAJOR_VARIABLE]);
}

/** A server of the same major as the run's; of the newest if that one was given. */
export function startAnotherServer(options?: ServerOptions): Promise<TestServer> {
  return startServer(majorOfRun() ?? NEWEST, options);
}

export async function givenServer(url: string): Promise<TestServer> {
  return { url, major: null, pid: null, stop: async () => {} };
}

/** The older ones are installed beside the tests, under names that say which; see the aliases in servers/package.json. */
export function packageOf(major: Major): Pick<EmbeddedPostgresOptions, "packageName" | "packageParent"> {
  const parent = process.env[NEWEST_PARENT_VARIABLE];
  if (major === NEWEST) return parent === undefined ? {} : { packageParent: parent };
  return { packageName: `${PLATFORM_PACKAGE}-${major}`, packageParent: SERVERS };
}
