import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Connection, type ConnectionConfig, openConnection } from "../db/connect.ts";
import { classifyPostgresError, isTimeout, type PostgresErrorClass, StandbyError } from "../db/pgErrors.ts";
import { defineStatement, type RowOf } from "../db/statements.ts";
import { makeBackoff } from "../ground/backoff.ts";
import { monotonicMs } from "../ground/clock.ts";
import { messageOf, PostriderError } from "../ground/errors.ts";
import type { Conditions } from "../telemetry/conditions.ts";
import type { Line } from "./lines.ts";
import type { Position } from "./rotation.ts";
import type { Batch } from "./source.ts";

/**
 * The side of Postgres: one session, which holds the ingest's lock, and one statement a batch. Whatever becomes of the session,
 * a batch is sent until it is known to be stored, under the same number: the row that counts batches says whether it was.
 */

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
    /** Null until something was stored. */
    file_modified_ns: "bigint?",
    fingerprint: "text?",
    byte_offset: "bigint",
    line_number: "bigint",
    idle_session_timeout: "text",
  },
});

const storeLines = defineStatement("store_lines", {
  params: {
    name: "text",
    runId: "uuid",
    batch: "bigint",
    eventType: "text",
    tenant: "text",
    where: "jsonpath?",
    lines: "text?",
    refusedBefore: "integer",
    fileId: "text?",
    fileModifiedNs: "bigint",
    fingerprint: "text?",
    byteOffset: "bigint",
    lineNumber: "bigint",
  },
  columns: {
    outcome: ["stored", "repeated", "displaced"],
    events: "integer",
    unmatched: "integer",
    /** Positions among the lines that were sent, from 1. */
    refused: "integer[]",
    reasons: "text[]",
  },
});

const closeIngest = defineStatement("close_ingest", {
  params: { name: "text", runId: "uuid" },
  columns: { close_ingest: "void" },
});

const ping = defineStatement("ping", { params: {}, columns: { answer: "integer" } });

type OpenedRow = RowOf<typeof openIngest.shape>;
type StoredRow = RowOf<typeof storeLines.shape>;

/** The server ends a session that is silent for so long, and gives back its lock; a source is never idle for so long. */
const SESSION_SILENCE_MS = 60_000;
/** A process that was killed a moment ago may still have a session; a second ingest has one that does not end. */
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 250;
const GOODBYE_MS = 1_000;
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 5_000;
/** How often a line alone must take too long until it is the line, and not a server that is stuck. */
const SLOW_TRIES_MAX = 3;

export interface StoreOptions {
  /** A direct connection: a transaction pooler does not keep the session's lock. */
  readonly connection: ConnectionConfig;
  readonly preparedStatements: boolean;
  readonly name: string;
  /** Null for standard input. */
  readonly path: string | null;
  readonly eventType: string;
  readonly tenant: string;
  readonly where: string | null;
  readonly conditions: Conditions;
  /** Aborted when Postgres is not to be waited for any longer. */
  readonly giveUp: AbortSignal;
}

export interface Refusal {
  readonly line: Line;
  readonly reason: string;
}

/** What became of the lines of a batch. */
export interface Stored {
  readonly events: number;
  readonly unmatched: number;
  readonly refusals: readonly Refusal[];
}

/** Postgres was not to be had, and is not to be waited for. What it was given last may be stored or not. */
export class GaveUp extends Error {}

export class IngestStore {
  readonly #options: StoreOptions;
  readonly #runId = randomUUID();
  #client: Connection | null = null;
  #hasBegun = false;
  /** Batches that are known to be stored. */
  #stored = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /**
   * Takes the ingest, waiting up to `waitMs` for Postgres. Resolves with the position that it has, or null for a new one.
   * Rejects with PR0016 where another process has it.
   */
  async begin(waitMs: number): Promise<Position | null> {
    const giveUpAtMs = monotonicMs() + waitMs;
    const row = await this.#insist(
      (client) => this.#take(client),
      (thrown) => mayPass(thrown) && monotonicMs() < giveUpAtMs,
    );
    this.#hasBegun = true;
    return positionOf(row);
  }

  /** Stores a batch, all of it, and resolves with what became of it. Rejects with GaveUp or what cannot be helped. */
  async store(batch: Batch): Promise<Stored> {
    const number = this.#stored + 1;
    const answer = await this.#send(batch, number, 1);
    if (answer !== "too much") {
      this.#stored = number;
      return answer;
    }
    const [first, second] = halvesOf(batch);
    const one = await this.store(first);
    const other = await this.store(second);
    return {
      events: one.events + other.events,
      unmatched: one.unmatched + other.unmatched,
      refusals: [...one.refusals, ...other.refusals],
    };
  }

  /** Lets the server hear that the session is wanted, and looks whether it is still there. */
  async ping(): Promise<void> {
    await this.#insist(async (client) => client.run(ping, {}), isPassing);
  }

  /** Gives the ingest back. A session that is gone already has done so. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    if (client === null) return;
    try {
      await client.run(closeIngest, { name: this.#options.name, runId: this.#runId });
    } catch {
      // The server gives the lock back with the session.
    }
    await Promise.race([client.end(), pause(GOODBYE_MS)]);
  }

  /** One batch until it is stored; "too much" where it is to be sent in parts. */
  async #send(batch: Batch, number: number, tries: number): Promise<Stored | "too much"> {
    try {
      const row = await this.#insist(
        (client) => this.#run(client, batch, number),
        (thrown) => isPassing(thrown) && !isTimeout(thrown),
      );
      return storedOf(batch, row);
    } catch (thrown) {
      const { sqlstate } = classifyPostgresError(thrown);
      // The statement as a whole: a deadline, or text that the server's own encoding does not have.
      if (!isTimeout(thrown) && sqlstate?.startsWith("22") !== true) {
        throw thrown;
      }
      // After a deadline of ours the server may have gone on, and stored it.
      await this.ping();
      if (this.#stored >= number) {
        return await this.#send(batch, number, tries);
      }
      if (batch.lines.length > 1) {
        return "too much";
      }
      if (sendable(batch.lines).length === 0) {
        throw thrown;
      }
      const isItsFault = !isTimeout(thrown) || tries >= SLOW_TRIES_MAX;
      return await this.#send(isItsFault ? refusing(batch, messageOf(thrown)) : batch, number, tries + 1);
    }
  }

  async #run(client: Connection, batch: Batch, number: number): Promise<StoredRow> {
    const { name, eventType, tenant, where } = this.#options;
    const { end } = batch;
    const sent = sendable(batch.lines);
    const { rows } = await client.run(storeLines, {
      name,
      runId: this.#runId,
      batch: number,
      eventType,
      tenant,
      where,
      lines: joined(sent.flatMap(({ bytes }) => bytes ?? [])),
      refusedBefore: batch.lines.length - sent.length,
      fileId: end.fileId,
      fileModifiedNs: end.fileModifiedNs.toString(),
      fingerprint: end.fingerprint,
      byteOffset: end.byteOffset,
      lineNumber: end.lineNumber,
    });
    const [row] = rows;
    if (row === undefined) throw new Error("store_lines answered without a row");
    if (row.outcome === "displaced") throw this.#displaced();
    return row;
  }

  /** Runs `work` on the session, and again on a new one for as long as the failure may pass. */
  async #insist<Result>(
    work: (client: Connection) => Promise<Result>,
    mayTryAgain: (thrown: unknown) => boolean,
  ): Promise<Result> {
    const backoff = makeBackoff({ firstMs: RETRY_FIRST_MS, lastMs: RETRY_LAST_MS });
    for (;;) {
      try {
        const result = await work(await this.#session());
        this.#options.conditions.end("postgres_lost", {});
        return result;
      } catch (thrown) {
        if (classOf(thrown).kind === "connection") this.#discard();
        if (!mayTryAgain(thrown)) throw thrown;
        this.#noteAway(thrown);
        await pause(backoff.nextMs(), null, { signal: this.#options.giveUp }).catch(() => {
          throw new GaveUp(messageOf(thrown), { cause: thrown });
        });
      }
    }
  }

  async #session(): Promise<Connection> {
    if (this.#client === null) {
      const { connection, preparedStatements } = this.#options;
      this.#client = await openConnection({ config: connection, purpose: "ingest", preparedStatements });
      if (this.#hasBegun) {
        await this.#resume(this.#client);
      }
    }
    return this.#client;
  }

  /** Takes the ingest for the first time, waiting a little for the session of a process that was just killed. */
  async #take(client: Connection): Promise<OpenedRow> {
    const giveUpAtMs = monotonicMs() + LOCK_WAIT_MS;
    for (;;) {
      const row = await this.#open(client, "begin");
      if (row.outcome !== "busy") return row;
      if (monotonicMs() > giveUpAtMs) throw this.#busy();
      await pause(LOCK_RETRY_MS);
    }
  }

  /** Goes on after the session was lost. While the server has not noticed that, the old one keeps the lock. */
  async #resume(client: Connection): Promise<void> {
    const row = await this.#open(client, "resume").catch((thrown: unknown) => {
      this.#discard();
      throw thrown;
    });
    if (row.outcome === "displaced") throw this.#displaced();
    if (row.outcome === "busy") {
      this.#discard();
      throw new OwnSessionLingers("the session that was lost still has the lock");
    }
    this.#stored = Number(row.batch);
  }

  async #open(client: Connection, step: "begin" | "resume"): Promise<OpenedRow> {
    const { name, path, where, eventType } = this.#options;
    const { rows } = await client.run(openIngest, {
      name,
      path,
      runId: this.#runId,
      isResumed: step === "resume",
      where,
      silenceMs: String(SESSION_SILENCE_MS),
      eventType,
    });
    const [row] = rows;
    if (row === undefined) throw new Error("open_ingest answered without a row");
    return row;
  }

  /** Without waiting for its end, which a link that has fallen silent does not bring. */
  #discard(): void {
    this.#client?.end().catch(() => {});
    this.#client = null;
  }

  #noteAway(thrown: unknown): void {
    const { sqlstate } = classOf(thrown);
    this.#options.conditions.begin("postgres_lost", "postgres.lost", { error: messageOf(thrown), sqlstate });
  }

  #busy(): PostriderError {
    return occupied(
      `cannot begin the ingest "${this.#options.name}"`,
      "another process has it",
      "stop that one, or give this one another --name; of a machine that has died it is free again after a minute",
    );
  }

  #displaced(): PostriderError {
    return occupied(
      `cannot go on with the ingest "${this.#options.name}"`,
      "another process has taken it, or its position was forgotten",
      "let one process at a time have it; what this one had stored is not lost, and what it had not is not stored",
    );
  }
}

/** The answer to a resumed session while the server has not noticed that the old one is gone. */
class OwnSessionLingers extends Error {}

function occupied(problem: string, found: string, remedy: string): PostriderError {
  return new PostriderError([{ code: "PR0016", problem, found, remedy }]);
}

function positionOf(row: OpenedRow): Position | null {
  if (row.file_modified_ns === null) {
    return null;
  }
  return {
    fileId: row.file_id,
    fileModifiedNs: BigInt(row.file_modified_ns),
    fingerprint: row.fingerprint,
    byteOffset: Number(row.byte_offset),
    lineNumber: Number(row.line_number),
  };
}

/** What Postgres is to judge. */
function sendable(lines: readonly Line[]): Line[] {
  return lines.filter(({ problem }) => problem === null);
}

/** The lines as one text. Buffers go to Postgres as they are: no byte is decoded or escaped on the way. */
function joined(lines: readonly Buffer[]): Buffer | null {
  return lines.length === 0 ? null : Buffer.concat(lines.flatMap((line, n) => (n === 0 ? [line] : [LINE_FEED, line])));
}

const LINE_FEED = Buffer.from("\n");

function storedOf({ lines }: Batch, { events, unmatched, refused, reasons }: StoredRow): Stored {
  const sent = sendable(lines);
  const reasonOf = new Map(refused.map((place, n) => [sent[place - 1], reasons[n] ?? ""]));
  const refusals = lines.flatMap((line) => {
    const reason = line.problem ?? reasonOf.get(line);
    return reason === undefined ? [] : [{ line, reason }];
  });
  return { events, unmatched, refusals };
}

/** The content before the first half's end is not fingerprinted: a crash between the two finds the file by its inode. */
function halvesOf({ lines, end }: Batch): readonly [Batch, Batch] {
  const middle = Math.floor(lines.length / 2);
  const last = lines[middle - 1];
  if (last === undefined) throw new Error("a batch of one line has no halves");
  const place = { byteOffset: last.endOffset, lineNumber: last.number };
  return [
    { lines: lines.slice(0, middle), end: { ...end, fingerprint: null, ...place } },
    { lines: lines.slice(middle), end },
  ];
}

/** The same place, its only line refused. */
function refusing({ lines, end }: Batch, problem: string): Batch {
  return { lines: lines.map((line) => ({ ...line, problem })), end };
}

/** What a connection met that could not be made is the cause of what is said about it. */
function classOf(thrown: unknown): PostgresErrorClass {
  const isWrapped = thrown instanceof PostriderError && !(thrown instanceof StandbyError) && thrown.cause !== undefined;
  return classifyPostgresError(isWrapped ? thrown.cause : thrown);
}

function isPassing(thrown: unknown): boolean {
  return thrown instanceof OwnSessionLingers || ["connection", "transient"].includes(classOf(thrown).kind);
}

/** At the start a wrong password or name is a mistake to be told, and not an outage to be sat out. */
function mayPass(thrown: unknown): boolean {
  return isPassing(thrown) && !/^(28|3D)/.test(classOf(thrown).sqlstate ?? "");
}
