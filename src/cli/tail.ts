import { setTimeout as pause } from "node:timers/promises";
import { readConfig } from "../config/read.ts";
import type { Database } from "../db/database.ts";
import { isOutage } from "../db/pgErrors.ts";
import {
  type AttemptKey,
  endpointNames,
  findEndpoints,
  findRecentAttempts,
  KEYS_MAX,
  loadAttempts,
  loadLatest,
  type RecentAttempt,
} from "../db/recentAttempts.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import { nearest } from "../ground/nearest.ts";
import { printable } from "../ground/printable.ts";
import { terminalJson } from "../ground/terminalJson.ts";
import { stdoutClosed, untilStopped } from "../ground/untilStopped.ts";
import { attemptText } from "./attemptText.ts";
import { defineCommand, flag, text, wrongUsage } from "./command.ts";
import { withDatabase } from "./withDatabase.ts";

/** Of what was there before. */
const SHOWN_FIRST = 10;
const LOOK_MS = 1_000;
/** While Postgres is away. */
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 10_000;

export const command = defineCommand({
  summary: "shows attempts as they are recorded, by all daemons, until it is stopped",
  options: {
    type: text({
      ...{ placeholder: "T", default: null },
      sentence: "only events of this type; order.* for all that begin with order.",
    }),
    endpoint: text({ placeholder: "E", default: null, sentence: "only attempts at this endpoint: its name or its id" }),
    failed: flag("only attempts that failed"),
    json: flag("print JSON, one attempt a line, instead of text"),
  },
  examples: [
    "postrider tail",
    "postrider tail --failed --type 'order.*'",
    "postrider tail --endpoint billing --json | jq .error",
  ],
  run: async ({ type, endpoint, failed, json }, env) => {
    const config = readConfig(env, { name: "tail", database: "required" });
    return untilStopped({ signals: ["SIGINT", "SIGTERM", "SIGHUP"], sources: [stdoutClosed] }, (stopping) =>
      withDatabase(config, { role: "postrider_reader" }, async (database) => {
        const endpoints = endpoint === null ? null : await endpointsMeant(database, endpoint);
        await follow(new Tail(database, { type, endpoints, failed }), json ? showJson : showText, stopping);
      }),
    );
  },
});

interface Wanted {
  /** A pattern, as of a subscription. */
  readonly type: string | null;
  readonly endpoints: ReadonlySet<string> | null;
  readonly failed: boolean;
}

interface Look {
  readonly attempts: readonly RecentAttempt[];
  /** More was recorded since the look before than one look reads. */
  readonly isCut: boolean;
}

/** What is new since the look before. */
class Tail {
  readonly #database: Database;
  readonly #wanted: Wanted;
  /** What the last look found. What a later one does not find any more is never found again. */
  #seen: ReadonlySet<string> | null = null;

  constructor(database: Database, wanted: Wanted) {
    this.#database = database;
    this.#wanted = wanted;
  }

  async look(): Promise<Look> {
    const seen = this.#seen;
    const found = await findRecentAttempts(this.#database);
    const unseen = found.filter(({ id }) => seen?.has(id) !== true);
    const keys = unseen.filter((key) => this.#isWanted(key));
    const { type: pattern } = this.#wanted;
    const attempts =
      seen === null
        ? (await loadLatest(this.#database, keys, { pattern, count: SHOWN_FIRST })).slice(-SHOWN_FIRST)
        : await loadAttempts(this.#database, keys, pattern);
    // Last, so that what could not be loaded is found again.
    this.#seen = new Set(found.map(({ id }) => id));
    return { attempts, isCut: seen !== null && isCut(unseen) };
  }

  #isWanted({ endpoint_id, failed }: AttemptKey): boolean {
    const { endpoints, failed: onlyFailed } = this.#wanted;
    return (failed || !onlyFailed) && endpoints?.has(endpoint_id) !== false;
  }
}

/** Every row of a full look is new: there may be others behind it. */
function isCut(unseen: readonly AttemptKey[]): boolean {
  return unseen.length >= KEYS_MAX;
}

async function follow(tail: Tail, show: (attempt: RecentAttempt) => void, stopping: AbortSignal): Promise<void> {
  const backoff = makeBackoff({ firstMs: RETRY_FIRST_MS, lastMs: RETRY_LAST_MS });
  let isAway = false;
  while (!stopping.aborted) {
    try {
      const { attempts, isCut } = await tail.look();
      isAway = noteAway(isAway, null);
      backoff.reset();
      for (const attempt of attempts) show(attempt);
      if (isCut) note("more attempts are recorded than are shown; --type, --endpoint and --failed choose");
      await restFor(LOOK_MS, stopping);
    } catch (thrown) {
      if (!isOutage(thrown)) {
        throw thrown;
      }
      isAway = noteAway(isAway, messageOf(thrown));
      await restFor(backoff.nextMs(), stopping);
    }
  }
}

/** Says once that Postgres is away, and once that it is back. Returns whether it is away. */
function noteAway(wasAway: boolean, error: string | null): boolean {
  if (error !== null && !wasAway) note(`waiting for Postgres: ${printable(error)}`);
  if (error === null && wasAway) note("Postgres is back");
  return error !== null;
}

function note(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

async function restFor(ms: number, stopping: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal: stopping }).catch(() => {
    // Asked to stop.
  });
}

/** Names are unique within a tenant only. Rejects with PR0001 if there is no such endpoint. */
async function endpointsMeant(database: Database, idOrName: string): Promise<ReadonlySet<string>> {
  const found = await findEndpoints(database, idOrName);
  if (found.length > 0) {
    return new Set(found.map(({ id }) => id));
  }
  const meant = nearest(idOrName, await endpointNames(database));
  const known = meant === null ? "" : `did you mean ${printable(JSON.stringify(meant))}? `;
  throw new PostriderError(
    [
      wrongUsage("--endpoint", {
        found: `no endpoint has the name or the id ${printable(JSON.stringify(idOrName))}`,
        remedy: `${known}postrider status lists the endpoints`,
      }),
    ],
    2,
  );
}

function showText(attempt: RecentAttempt): void {
  process.stdout.write(attemptText(attempt));
}

function showJson(attempt: RecentAttempt): void {
  process.stdout.write(`${terminalJson(attempt)}\n`);
}
