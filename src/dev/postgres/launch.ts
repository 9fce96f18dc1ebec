/**
 * Whose child is the server? It is started by a shell that leaves a watcher behind and then becomes the server itself. The
 * watcher reads a pipe whose other end only this process holds. A line means "the server has ended, stand down". An end of
 * file means that this process died without a word (kill -9), and then the watcher sends the server a SIGINT, PostgreSQL's
 * fast shutdown. Everything runs in a separate session, so that a Ctrl-C in the terminal reaches only this process, and
 * the server stops when this process has finished with it.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../../ground/clock.ts";
import { messageOf, type PostriderError } from "../../ground/errors.ts";
import { type Account, spawnAs } from "./account.ts";
import { lastLines, OWN_SERVER_REMEDY, startFailure } from "./failure.ts";
import { alreadyRuns, readLockFile } from "./lockFile.ts";
import { type Place, POLL_MS, START_MS_MAX } from "./place.ts";
import { readIfThere } from "./readIfThere.ts";
import { followLines, openLogFile, readFrom } from "./serverLog.ts";

export const HOST = "127.0.0.1";

const PORT_ATTEMPTS_MAX = 5;

/** How the server ended: its exit status, or the signal that killed it. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The server's process, starting or ready. */
export interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  /** The last lines of its log; complete once it has ended. */
  readonly tail: () => Promise<string>;
}

export interface LaunchOptions {
  /** Exactly this port. Default: that of the last start if it is free, else any free one. */
  readonly port?: number;
  /** Gets each line of the server's log, which then is not written to `<dataDir>/postgres.log`. */
  readonly onLog?: (line: string) => void;
}

export async function launchOnSomePort(
  place: Place,
  account: Account,
  options: LaunchOptions,
): Promise<{ readonly server: Launched; readonly port: number }> {
  const remembered = portNumber(await readIfThere(join(place.dataDir, "port")));
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
    const port = options.port ?? (attempt === 0 ? remembered : undefined) ?? (await freePort());
    const server = await launch(place, account, port, options.onLog);
    const outcome = await waitUntilReady(place, server);
    if (outcome === "ready") return { server, port };
    const log = await server.tail();
    if (outcome === "late") throw startFailure(place, `it was not ready in time (${lastLines(log)})`, "try again");
    if (!log.includes("could not create any TCP/IP sockets")) throw explain(place, log);
    // The port is taken, or not allowed. Only a port that was not asked for can be exchanged for another.
    if (options.port !== undefined) {
      throw startFailure(
        place,
        `port ${port} cannot be listened on (${lastLines(log)})`,
        "free that port, or choose another",
      );
    }
  }
  throw startFailure(place, `no free port was found in ${PORT_ATTEMPTS_MAX} attempts`, "name one");
}

/** Becomes the server; see the head of this file. */
const SUPERVISED = `exec 3<&0 </dev/null
( { read -r standDown || kill -INT $$; } <&3 >/dev/null 2>&1 & )
exec 3<&- "$@"`;

async function launch(place: Place, account: Account, port: number, onLog: LaunchOptions["onLog"]): Promise<Launched> {
  const log = onLog === undefined ? await openLogFile(place.dataDir) : undefined;
  const output = log === undefined ? "pipe" : log.handle.fd;
  try {
    const own = { listen_addresses: HOST, port: String(port), unix_socket_directories: "" };
    const server = [place.binaries.postgres, "-D", place.cluster, ...settingArguments({ ...own, ...place.settings })];
    const child = spawnAs(account, ["/bin/sh", "-c", SUPERVISED, "sh", ...server], ["pipe", output, output]);
    if (child.pid === undefined) {
      const [error] = await once(child, "error");
      throw startFailure(place, messageOf(error), OWN_SERVER_REMEDY);
    }
    const closed = once(child, "close");
    const exited = once(child, "exit").then(([code, signal]): ServerExit => {
      child.stdin?.end("stand down\n");
      return { code, signal };
    });
    // If the watcher was killed by hand, there is nothing to stop.
    child.stdin?.on("error", () => {});
    const lines = onLog === undefined ? undefined : followLines(child, onLog);
    const tail = async () => {
      await closed;
      return lines === undefined ? readFrom(log?.path ?? "", log?.sizeBytes ?? 0) : lines.join("\n");
    };
    return { child, pid: child.pid, exited, tail };
  } finally {
    await log?.handle.close();
  }
}

/** Waits for line 8 of postmaster.pid, as pg_ctl does. */
async function waitUntilReady(place: Place, server: Launched): Promise<"ready" | "ended" | "late"> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  const begunMs = monotonicMs();
  for (;;) {
    if (ended) return "ended";
    const lock = await readLockFile(place.cluster);
    if (lock?.pid === server.pid && lock.status === "ready") return "ready";
    if (monotonicMs() - begunMs > START_MS_MAX) break;
    await delay(POLL_MS);
  }
  server.child.kill("SIGQUIT");
  await server.exited;
  return "late";
}

/** The error for a server that ended unexpectedly, from what it logged. */
export function explain(place: Place, log: string): PostriderError {
  const other = log.includes("lock file") ? /\(PID (\d+)\)/.exec(log)?.[1] : undefined;
  if (other !== undefined) return alreadyRuns(place, Number(other));
  return startFailure(place, `the server ended (${lastLines(log)})`, `fix that, or ${OWN_SERVER_REMEDY}`);
}

export function settingArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

function portNumber(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
