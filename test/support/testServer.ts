/** The server of a test run: an embedded one of whichever major, or one that was given. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  PLATFORM_PACKAGE,
} from "../../src/dev/postgres/embeddedPostgres.ts";
import { type Major, NEWEST, SERVERS } from "../plan.ts";

export interface TestServer {
  readonly url: string;
  /** Null for one that was given. */
  readonly major: Major | null;
  stop(): Promise<void>;
}

/** Removes its data when it is stopped. */
export async function startServer(major: Major, settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "postrider-test-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    // As root the server runs as somebody else, who must be able to enter.
    await chmod(directory, 0o755);
    const server = await EmbeddedPostgres.start({
      dataDir: join(directory, "postgres"),
      ...packageOf(major),
      settings: {
        // It comes when it likes: its locks, its snapshots and its statistics are in one run of a test and not in another.
        autovacuum: "off",
        fsync: "off",
        full_page_writes: "off",
        max_connections: "300",
        max_prepared_transactions: "20",
        ...settings,
      },
    });
    return { url: server.url, major, stop: () => server.stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

export async function givenServer(url: string): Promise<TestServer> {
  return { url, major: null, stop: async () => {} };
}

/** The older ones are installed beside the tests, under names that say which; see the aliases in servers/package.json. */
export function packageOf(major: Major): Pick<EmbeddedPostgresOptions, "packageName" | "packageParent"> {
  return major === NEWEST ? {} : { packageName: `${PLATFORM_PACKAGE}-${major}`, packageParent: SERVERS };
}
