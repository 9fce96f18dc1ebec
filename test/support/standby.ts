/** A streaming standby of an embedded server: a base copy by pg_backup_start, since the packages have no pg_basebackup. */
import { existsSync } from "node:fs";
import { appendFile, chown, copyFile, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { EmbeddedPostgres } from "../../src/dev/postgres/server.ts";
import { askFor, rowsOf, type Session } from "./engine.ts";
import { until } from "./until.ts";

export interface Primary {
  readonly url: string;
  readonly dataDir: string;
}

export interface StandbyOptions {
  readonly dataDir: string;
  /** Must equal the primary's, because a standby refuses to start with fewer connections. */
  readonly settings: Readonly<Record<string, string>>;
  /** As `synchronous_standby_names` has it. */
  readonly name: string;
}

/** How much WAL the primary keeps for a standby that has only its base copy. */
export const PRIMARY_SETTINGS = { wal_keep_size: "1GB" } as const;

/** Not copied: what belongs to the running server, what a standby must not believe in, and WAL, which it streams. */
const LEFT_OUT: ReadonlySet<string> = new Set(["postmaster.pid", "postmaster.opts"]);
const LEFT_EMPTY: ReadonlySet<string> = new Set(["pg_wal", "pg_replslot", "pg_stat_tmp", "pg_dynshmem"]);
const STREAMING_MS_MAX = 30_000;

/** Resolves when it streams. It has the primary's users and passwords. */
export async function startStandby(primary: Primary, options: StandbyOptions): Promise<EmbeddedPostgres> {
  const { dataDir, name, settings } = options;
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    await copyBase(client, join(primary.dataDir, "data"), join(dataDir, "data"));
    await copyFile(join(primary.dataDir, "password"), join(dataDir, "password"));
    await follow(primary, dataDir, name);
    const server = await EmbeddedPostgres.start({ dataDir, settings, asItIs: true });
    await until(
      "the standby streams",
      async () =>
        (await askFor(
          client,
          "select state from pg_stat_replication where application_name = $1 and state = 'streaming'",
          [name],
        )) !== undefined,
      STREAMING_MS_MAX,
    );
    return server;
  } finally {
    await client.end();
  }
}

/** Makes a stopped server's cluster a standby of the other one at its next start. */
export async function follow(primary: Primary, dataDir: string, name: string): Promise<void> {
  const { hostname, port, username, password } = new URL(primary.url);
  const conninfo = `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)} application_name=${name}`;
  const cluster = join(dataDir, "data");
  await appendFile(join(cluster, "postgresql.auto.conf"), `primary_conninfo = '${conninfo}'\n`);
  await writeOwned(cluster, "standby.signal", "");
}

/** Resolves when the standby has every commit so far; from then on a commit returns only when the standby has it. */
export async function replicateSynchronously(session: Session, name: string): Promise<void> {
  await session.query(`alter system set synchronous_standby_names = '${name}'`);
  await session.query("select pg_reload_conf()");
  await until("the standby is synchronous", async () => {
    const rows = await rowsOf(session, "select from pg_stat_replication where sync_state = 'sync'");
    return rows.length === 1;
  });
  // It is the checkpointer that tells the other processes to wait, and it reads the settings before a checkpoint.
  await session.query("checkpoint");
  const end = await askFor(session, "select pg_current_wal_flush_lsn()");
  await until("the standby has what was committed before", async () =>
    Boolean(await askFor(session, "select flush_lsn >= $1 from pg_stat_replication where sync_state = 'sync'", [end])),
  );
}

async function copyBase(session: Session, source: string, target: string): Promise<void> {
  await session.query("select pg_backup_start('standby', true)");
  await copyDirectory(source, target);
  const label = await askFor(session, "select labelfile from pg_backup_stop(false)");
  await writeOwned(target, "backup_label", String(label));
}

/** A file that vanishes meanwhile was dropped, and recovery drops it too. */
async function copyDirectory(source: string, target: string): Promise<void> {
  const { uid, gid, mode } = await stat(source);
  await mkdir(target, { recursive: true, mode });
  await own(target, uid, gid);
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) {
      await (LEFT_EMPTY.has(entry.name) ? makeEmpty(to, uid, gid, mode) : copyDirectory(from, to));
    } else if (!LEFT_OUT.has(entry.name)) {
      await copyFile(from, to).then(
        () => own(to, uid, gid),
        (thrown: unknown) => {
          if (existsSync(from)) throw thrown;
        },
      );
    }
  }
}

async function makeEmpty(directory: string, uid: number, gid: number, mode: number): Promise<void> {
  await mkdir(directory, { mode });
  await own(directory, uid, gid);
}

async function writeOwned(cluster: string, name: string, text: string): Promise<void> {
  const { uid, gid } = await stat(cluster);
  await writeFile(join(cluster, name), text, { mode: 0o600 });
  await own(join(cluster, name), uid, gid);
}

/** A server that root starts runs as another user. */
async function own(path: string, uid: number, gid: number): Promise<void> {
  if (process.getuid?.() === 0) {
    await chown(path, uid, gid);
  }
}
