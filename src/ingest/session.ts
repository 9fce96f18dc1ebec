import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Connection, type ConnectionConfig, openConnection } from "../db/connect.ts";
import { classifyPostgresError, isOutage, isOutageAtStart } from "../db/pgErrors.ts";
import { hasLentSessions } from "../db/pooler.ts";
import { defineStatement, type RowOf } from "../db/statements.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import type { Conditions } from "../telemetry/conditions.ts";

const openIngest = defineStatement("open_ingest", {
  params: {
    name: "text",
    path: "text?",
    runId: "uuid",
    isResumed: "boolean",
    where: "text?",
    silenceMs: "text",
    eventType: "text",
  },
  columns: {
    outcome: ["new", "known", "busy", "displaced"],
    batch: "bigint",
    file_id: "text?",
    file_born_ns: "bigint?",
    /** Null until something was stored. */
    file_modified_ns: "bigint?",
    fingerprint: "text?",
    byte_offset: "bigint",
    line_number: "bigint",
    passed_born_ns: "bigint?",
    known_files: "jsonb?",
    idle_session_timeout: "text",
  },
});

const closeIngest = defineStatement("close_ingest", {
  params: { name: "text", runId: "uuid" },
  columns: { close_ingest: "void" },
});

export type OpenedRow = RowOf<typeof openIngest.shape>;

/** The server ends a session that is silent for this long, and releases its lock. A source is never idle for as long. */
const SESSION_SILENCE_MS = 60_000;
/** The session of a process that was just killed may linger for this long; that of a second ingest does not end. */
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 250;
const GOODBYE_MS = 1_000;
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 5_000;

export interface SessionOptions {
  /** A direct connection: a transaction pooler does not keep the session's lock. */
  readonly connection: ConnectionConfig;
  readonly preparedStatements: boolean | undefined;
  readonly name: string;
  /** Null for standard input. */
  readonly path: string | null;
  readonly eventType: string;
  readonly where: string | null;
  readonly conditions: Conditions;
  /** Aborted when the ingest must wait for Postgres no longer. */
  readonly giveUp: AbortSignal;
}

/** Postgres could not be reached, and the ingest waits for it no longer. The last batch may or may not be stored. */
export class GaveUp extends Error {}

/**
 * The session that holds the ingest's lock. If it is lost, the next one resumes the run: Postgres keeps the run's id and
 * the number of its last batch, so work that is repeated can tell what was done.
 */
export class IngestSession {
  readonly #options: SessionOptions;
  readonly runId = randomUUID();
  #connection: Connection | null = null;
  #hasBegun = false;
  /** Batches that Postgres is known to have stored. */
  storedBatches = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Takes the ingest, waiting up to `waitMs` for Postgres. Rejects with PR0016 if another process has it.
   */
  async begin(waitMs: number): Promise<OpenedRow> {
    const giveUpAtMs = monotonicMs() + waitMs;
    const row = await this.insist(
      (connection) => this.#take(connection),
      (thrown) => isOutageAtStart(thrown) && monotonicMs() < giveUpAtMs,
    );
    this.#hasBegun = true;
    return row;
  }

  /** Runs `work` in the session, and again in a new one, for as long as the failure may pass. */
  async insist<Value>(
    work: (connection: Connection) => Promise<Value>,
    mayTryAgain: (thrown: unknown) => boolean = mayPass,
  ): Promise<Value> {
    const backoff = makeBackoff({ firstMs: RETRY_FIRST_MS, lastMs: RETRY_LAST_MS });
    for (;;) {
      try {
        const value = await work(await this.#connected());
        this.#options.conditions.end("postgres_lost", {});
        return value;
      } catch (thrown) {
        const { kind, sqlstate } = classifyPostgresError(thrown);
        if (kind === "connection") this.#discard();
        if (!mayTryAgain(thrown)) throw thrown;
        this.#options.conditions.begin("postgres_lost", "postgres.lost", { error: messageOf(thrown), sqlstate });
        await pause(backoff.nextMs(), null, { signal: this.#options.giveUp }).catch(() => {
          throw new GaveUp(messageOf(thrown), { cause: thrown });
        });
      }
    }
  }

  /** Releases the ingest. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return;
    try {
      await connection.run(closeIngest, { name: this.#options.name, runId: this.runId });
    } catch {
      // The server releases the lock when the session ends.
    }
    await Promise.race([connection.end(), pause(GOODBYE_MS)]);
  }

  /** PR0016, because another run has the ingest now. */
  displaced(): PostriderError {
    return occupied(
      `cannot go on with the ingest "${this.#options.name}"`,
      "another process has taken it, or its position was forgotten",
      "run one process at a time; what this one stored is kept, and the rest of its lines are not stored",
    );
  }

  async #connected(): Promise<Connection> {
    if (this.#connection === null) {
      const { connection, preparedStatements } = this.#options;
      if (!this.#hasBegun && (await hasLentSessions(connection))) {
        throw pooled();
      }
      this.#connection = await openConnection({ config: connection, purpose: "ingest", preparedStatements });
      if (this.#hasBegun) {
        await this.#resume(this.#connection);
      }
    }
    return this.#connection;
  }

  async #take(connection: Connection): Promise<OpenedRow> {
    const giveUpAtMs = monotonicMs() + LOCK_WAIT_MS;
    for (;;) {
      const row = await this.#open(connection, { isResumed: false });
      if (row.outcome !== "busy") return row;
      if (monotonicMs() > giveUpAtMs) throw this.#busy();
      await pause(LOCK_RETRY_MS);
    }
  }

  async #resume(connection: Connection): Promise<void> {
    const row = await this.#open(connection, { isResumed: true }).catch((thrown: unknown) => {
      this.#discard();
      throw thrown;
    });
    if (row.outcome === "displaced") throw this.displaced();
    if (row.outcome === "busy") {
      this.#discard();
      throw new OwnSessionLingers("the session that was lost still has the lock");
    }
    this.storedBatches = Number(row.batch);
  }

  async #open(connection: Connection, { isResumed }: { readonly isResumed: boolean }): Promise<OpenedRow> {
    const { name, path, where, eventType } = this.#options;
    const silenceMs = String(SESSION_SILENCE_MS);
    const { rows } = await connection.run(openIngest, {
      ...{ name, path, runId: this.runId, isResumed },
      ...{ where, silenceMs, eventType },
    });
    const [row] = rows;
    if (row === undefined) throw new Error("open_ingest answered without a row");
    return row;
  }

  /** Does not wait for the goodbye, which never comes on a link that has fallen silent. */
  #discard(): void {
    this.#connection?.end().catch(() => {});
    this.#connection = null;
  }

  #busy(): PostriderError {
    return occupied(
      `cannot begin the ingest "${this.#options.name}"`,
      "another process has it",
      "stop that one, or give this one another --name; if its machine has died, it is free again after a minute",
    );
  }
}

/** The server has not noticed yet that the session before this one is gone. */
class OwnSessionLingers extends Error {}

function occupied(problem: string, found: string, remedy: string): PostriderError {
  return new PostriderError([{ code: "PR0016", problem, found, remedy }]);
}

/** Whether the same may succeed later, perhaps in a new session. */
export function mayPass(thrown: unknown): boolean {
  return thrown instanceof OwnSessionLingers || isOutage(thrown);
}

function pooled(): PostriderError {
  return new PostriderError([
    {
      code: "PR0022",
      problem: "cannot keep a session for the ingest",
      found: "the connection leads through a transaction pooler, which lends it a session for one transaction",
      remedy: "set POSTRIDER_LISTEN_URL to a direct connection",
    },
  ]);
}
