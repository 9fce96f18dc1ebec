import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs, unixMs } from "../../ground/clock.ts";
import { messageOf } from "../../ground/errors.ts";
import { type Account, run } from "./account.ts";
import { failure, hasCode, lastLines, OWN_SERVER_REMEDY, startFailure } from "./failure.ts";
import { explain, settingArguments } from "./launch.ts";
import { type Place, START_MS_MAX } from "./place.ts";
import { readIfThere } from "./readIfThere.ts";

/** Not `postrider`: "$user" on the search_path of such a role is our schema, and unqualified tables would be made there. */
export const SUPERUSER = "postgres";

/** The first major version with the builtin locale provider. */
const BUILTIN_LOCALE_MAJOR = 17;

export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    const made = await mkdir(dataDir, { recursive: true });
    // It contains a password and a database, and is likely to be in a checkout.
    if (made !== undefined) await writeFile(join(dataDir, ".gitignore"), "*\n");
  } catch (error) {
    throw failure(`cannot make the data directory ${dataDir}`, messageOf(error), "choose another", error);
  }
}

export async function refuseOtherMajor(place: Place): Promise<void> {
  if (!existsSync(place.cluster)) return;
  const versionFile = join(place.cluster, "PG_VERSION");
  let version: string;
  try {
    version = (await readFile(versionFile, "utf8")).trim();
  } catch (error) {
    const owner = (await stat(place.cluster)).uid;
    const found = hasCode(error, "EACCES") ? `${place.cluster} belongs to uid ${owner}` : messageOf(error);
    const remedy = hasCode(error, "EACCES")
      ? "run as that user, or choose another directory"
      : "choose another directory";
    throw startFailure(place, found, remedy);
  }
  if (version === String(place.binaries.major)) return;
  throw startFailure(
    place,
    `its data is of PostgreSQL ${version}, and the installed binaries are of ${place.binaries.major}`,
    `choose another directory or remove ${place.cluster}, which loses its data`,
  );
}

export async function readOrMakePassword(dataDir: string): Promise<string> {
  const file = join(dataDir, "password");
  const kept = await readIfThere(file);
  if (kept !== "") return kept;
  const password = randomBytes(16).toString("hex");
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

export async function makeCluster(
  place: Place,
  account: Account,
  password: string,
  initdbArguments: readonly string[],
): Promise<void> {
  await removeAbandonedClusters(place.dataDir);
  const workDir = await mkdtemp(join(place.dataDir, "init-"));
  try {
    const passwordFile = join(workDir, "password");
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account.kind !== "self") {
      await chown(workDir, account.uid, account.gid);
      await chown(passwordFile, account.uid, account.gid);
    }
    const made = await run(account, [
      place.binaries.initdb,
      `--pgdata=${join(workDir, "data")}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth-host=scram-sha-256",
      "--auth-local=scram-sha-256",
      "--data-checksums",
      "--encoding=UTF8",
      "--locale=C",
      ...localeProvider(place.binaries.major),
      ...(place.settings.fsync === "off" ? ["--no-sync"] : []),
      ...initdbArguments,
    ]);
    if (made.status !== 0) {
      throw startFailure(place, `initdb failed (${lastLines(made.output)})`, `fix that, or ${OWN_SERVER_REMEDY}`);
    }
    await rename(join(workDir, "data"), place.cluster);
  } catch (error) {
    // Another start was quicker; the first of the two to lock the cluster continues.
    if (!hasCode(error, "ENOTEMPTY") && !hasCode(error, "EEXIST")) throw error;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Knows Unicode and depends on no locale of the machine. Before 17 only ICU does, which sorts as people do, not by code. */
function localeProvider(major: number): readonly string[] {
  return major < BUILTIN_LOCALE_MAJOR
    ? ["--locale-provider=icu", "--icu-locale=und"]
    : ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
}

/** Younger ones may belong to a start that is in progress in another process. */
async function removeAbandonedClusters(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith("init-")) continue;
    const workDir = join(dataDir, name);
    const { mtimeMs } = await stat(workDir);
    if (unixMs() - mtimeMs > START_MS_MAX) await rm(workDir, { recursive: true, force: true });
  }
}

const ORPHANS_MS_MAX = 5_000;

const ORPHANS_LOOK_MS = 100;

/**
 * Makes the database and the superuser, and sets the password, in single-user mode and at every start. It takes 0.1 s, and
 * repairs a dropped database, a lost password file and a cluster whose superuser has another name. PostgreSQL has no
 * "create database if not exists".
 */
export async function ensureDatabase(
  place: Place,
  account: Account,
  database: string,
  password: string,
): Promise<void> {
  const giveUpAtMs = monotonicMs() + ORPHANS_MS_MAX;
  for (;;) {
    const output = await tryEnsuring(place, account, database, password);
    if (output === null) return;
    // Some processes of a server that was killed end a moment later, and hold its shared memory until then.
    if (!output.includes("pre-existing shared memory block") || monotonicMs() > giveUpAtMs)
      throw explain(place, output);
    await delay(ORPHANS_LOOK_MS);
  }
}

/** Null, or what PostgreSQL said against it. */
async function tryEnsuring(place: Place, account: Account, database: string, password: string): Promise<string | null> {
  const { status, output } = await run(
    account,
    [place.binaries.postgres, "--single", "-D", place.cluster, ...settingArguments(place.settings), "template1"],
    [
      `create role ${SUPERUSER} superuser createdb createrole replication bypassrls login`,
      `alter role ${SUPERUSER} password '${password.replaceAll("'", "''")}'`,
      `create database "${database.replaceAll('"', '""')}"`,
      "",
    ].join("\n"),
  );
  const errors = output.split("\n").filter((line) => line.includes("ERROR:") && !line.includes("already exists"));
  if (status === 0 && errors.length === 0) return null;
  return status === 0 ? errors.join("\n") : output;
}
