import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { messageOf } from "../../ground/errors.ts";
import { lastLines, OWN_SERVER_REMEDY, startFailure } from "./failure.ts";
import { type Place, START_MS_MAX } from "./place.ts";

/** The user that the server runs as, because PostgreSQL refuses to run as root. */
export type Account =
  | { readonly kind: "self" }
  | { readonly kind: "user"; readonly uid: number; readonly gid: number }
  | { readonly kind: "userWithCapability"; readonly uid: number; readonly gid: number; readonly capability: string };

/**
 * An ordinary user runs the server as itself. Root runs it as the owner of the data, or as `nobody`, which exists already.
 *
 * The checkout or the data may be below a directory that this user cannot enter, such as /root. Nothing is moved, copied
 * or made readable. Instead the server gets one capability that lets it pass, and only if it needs it.
 * CAP_DAC_READ_SEARCH grants less, but containers often have only CAP_DAC_OVERRIDE. A binary that was installed under
 * umask 077 needs the latter anyway.
 */
export async function chooseAccount(place: Place): Promise<Account> {
  if (process.getuid?.() !== 0) return { kind: "self" };
  const { uid, gid } = await ownerOfCluster(place);
  const accounts: readonly Account[] = [
    { kind: "user", uid, gid },
    { kind: "userWithCapability", uid, gid, capability: "dac_read_search" },
    { kind: "userWithCapability", uid, gid, capability: "dac_override" },
  ];
  const { postgres, bootstrapFile } = place.binaries;
  let found = "";
  for (const account of accounts) {
    const script = 'cd "$1" && test -r "$2" && exec "$3" --version';
    const tried = await run(account, ["/bin/sh", "-c", script, "sh", place.dataDir, bootstrapFile, postgres]);
    if (tried.status === 0) return account;
    found ||= lastLines(tried.output) || `its directory or ${bootstrapFile} is closed to uid ${uid}`;
  }
  throw startFailure(
    place,
    `PostgreSQL does not run as root, and as uid ${uid}: ${found}`,
    `run as an ordinary user, or from a directory that every user can enter, or ${OWN_SERVER_REMEDY}`,
  );
}

async function ownerOfCluster(place: Place): Promise<{ readonly uid: number; readonly gid: number }> {
  const owner = existsSync(place.cluster) ? await stat(place.cluster) : { uid: 0, gid: 0 };
  if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const nobody = {
    uid: Number((await run({ kind: "self" }, ["id", "-u", "nobody"])).output),
    gid: Number((await run({ kind: "self" }, ["id", "-g", "nobody"])).output),
  };
  if (!(Number.isInteger(nobody.uid) && Number.isInteger(nobody.gid))) {
    throw startFailure(
      place,
      'PostgreSQL does not run as root, and there is no user "nobody" to run it as',
      `run as an ordinary user, or ${OWN_SERVER_REMEDY}`,
    );
  }
  if (existsSync(place.cluster)) {
    // A copy made by root. PostgreSQL insists that its data belongs to the user it runs as.
    await run({ kind: "self" }, ["chown", "-R", "-h", `${nobody.uid}:${nobody.gid}`, place.cluster]);
  }
  return nobody;
}

/** Runs a command to its end. If it cannot be started, its status is null and its output is the reason. */
export async function run(
  account: Account,
  argv: readonly string[],
  input = "",
): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawnAs(account, argv, ["pipe", "pipe", "pipe"], START_MS_MAX);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  // A command that ends early does not read its input; its output says why it ended.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  try {
    const [status] = await once(child, "close");
    return { status, output };
  } catch (error) {
    return { status: null, output: messageOf(error) };
  }
}

export function spawnAs(
  account: Account,
  argv: readonly string[],
  stdio: StdioOptions,
  timeoutMs?: number,
): ChildProcess {
  const options: SpawnOptions = {
    stdio,
    detached: true,
    // A directory that anyone can enter, because the programs look up where they are.
    cwd: "/",
    // PGDATA, PGPORT and the like, and the terminal's locale, must not change what is started here. With a time zone set,
    // initdb does not search for the machine's.
    env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" },
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: "SIGKILL" }),
  };
  const [program = "", ...args] = argv;
  switch (account.kind) {
    case "self":
      return spawn(program, args, options);
    case "user":
      return spawn(program, args, { ...options, uid: account.uid, gid: account.gid });
    case "userWithCapability":
      return spawn(
        "setpriv",
        [
          `--reuid=${account.uid}`,
          `--regid=${account.gid}`,
          "--clear-groups",
          // Otherwise access(2), with which initdb judges its binaries, would drop the capability for any user but root.
          "--securebits=+no_setuid_fixup",
          `--inh-caps=-all,+${account.capability}`,
          `--ambient-caps=-all,+${account.capability}`,
          "--",
          ...argv,
        ],
        options,
      );
  }
}
