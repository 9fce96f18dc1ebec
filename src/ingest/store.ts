import type { Connection } from "../db/connect.ts";
import { classifyPostgresError, isTimeout } from "../db/pgErrors.ts";
import { defineStatement, type RowOf } from "../db/statements.ts";
import { messageOf } from "../ground/errors.ts";
import type { Line } from "./lines.ts";
import { jsonOfKnown, knownOfJson, type Memory, type Position } from "./position.ts";
import { IngestSession, mayPass, type OpenedRow, type SessionOptions } from "./session.ts";
import type { Batch } from "./source.ts";

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
    fileBornNs: "bigint?",
    fileModifiedNs: "bigint",
    fingerprint: "text?",
    byteOffset: "bigint",
    lineNumber: "bigint",
    passedBornNs: "bigint?",
    knownFiles: "jsonb?",
  },
  columns: {
    outcome: ["stored", "repeated", "displaced"],
    events: "integer",
    unmatched: "integer",
    /** Numbers among the lines that were sent, from 1. */
    refused: "integer[]",
    reasons: "text[]",
  },
});

const ping = defineStatement("ping", { params: {}, columns: { answer: "integer" } });

type StoredRow = RowOf<typeof storeLines.shape>;

/** A single line that times out this often is at fault itself; before that, the server may be stuck. */
const SLOW_TRIES_MAX = 3;

export interface StoreOptions extends SessionOptions {
  readonly tenant: string;
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

/**
 * Stores batches, one statement each. Whatever happens to the session, a batch is sent under the same number until it is
 * known to be stored: the row that counts the batches of this ingest tells whether it was.
 */
export class IngestStore {
  readonly #options: StoreOptions;
  readonly #session: IngestSession;
  #storedKnown: Memory["known"] | null = null;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#session = new IngestSession(options);
  }

  /**
   * Takes the ingest, waiting up to `waitMs` for Postgres. Resolves with its position, or null if it is new.
   * Rejects with PR0016 if another process has it.
   */
  async begin(waitMs: number): Promise<Position | null> {
    return positionOf(await this.#session.begin(waitMs));
  }

  /** Stores a whole batch. Rejects with GaveUp, or with an error that will not pass. */
  async store(batch: Batch): Promise<Stored> {
    const number = this.#session.storedBatches + 1;
    const answer = await this.#send(batch, number, 1);
    if (answer !== "too much") {
      this.#session.storedBatches = number;
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

  /** Tells the server that the session is in use, and makes a new one if it is gone. */
  async ping(): Promise<void> {
    await this.#session.insist((connection) => connection.run(ping, {}));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** Sends one batch until it is stored; "too much" if it must be sent in halves. */
  async #send(batch: Batch, number: number, tries: number): Promise<Stored | "too much"> {
    try {
      const row = await this.#session.insist(
        (connection) => this.#run(connection, batch, number),
        (thrown) => mayPass(thrown) && !isTimeout(thrown),
      );
      return storedOf(batch, row);
    } catch (thrown) {
      const { sqlstate } = classifyPostgresError(thrown);
      // These concern the statement as a whole: a deadline, or text that the server's own encoding lacks.
      if (!isTimeout(thrown) && sqlstate?.startsWith("22") !== true) {
        throw thrown;
      }
      // After a deadline of the client, the server may have finished and stored it.
      await this.ping();
      if (this.#session.storedBatches >= number) {
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

  async #run(connection: Connection, { lines, end }: Batch, number: number): Promise<StoredRow> {
    const { name, eventType, tenant, where } = this.#options;
    const sent = sendable(lines);
    const { rows } = await connection.run(storeLines, {
      ...{ name, runId: this.#session.runId, batch: number, eventType, tenant, where },
      lines: joined(sent.flatMap(({ bytes }) => bytes ?? [])),
      refusedBefore: lines.length - sent.length,
      ...{ fileId: end.fileId, fingerprint: end.fingerprint, byteOffset: end.byteOffset, lineNumber: end.lineNumber },
      fileBornNs: end.bornNs?.toString() ?? null,
      fileModifiedNs: end.fileModifiedNs.toString(),
      passedBornNs: end.passedBornNs?.toString() ?? null,
      knownFiles: end.known === this.#storedKnown ? null : jsonOfKnown(end.known),
    });
    const [row] = rows;
    if (row === undefined) throw new Error("store_lines answered without a row");
    if (row.outcome === "displaced") throw this.#session.displaced();
    this.#storedKnown = end.known;
    return row;
  }
}

function positionOf(row: OpenedRow): Position | null {
  if (row.file_modified_ns === null) {
    return null;
  }
  return {
    fileId: row.file_id,
    bornNs: row.file_born_ns === null ? null : BigInt(row.file_born_ns),
    fileModifiedNs: BigInt(row.file_modified_ns),
    fingerprint: row.fingerprint,
    byteOffset: Number(row.byte_offset),
    lineNumber: Number(row.line_number),
    passedBornNs: row.passed_born_ns === null ? null : BigInt(row.passed_born_ns),
    known: knownOfJson(row.known_files),
  };
}

/** The lines that Postgres judges. */
function sendable(lines: readonly Line[]): Line[] {
  return lines.filter(({ problem }) => problem === null);
}

/** The lines as one text; null for none. */
function joined(lines: readonly Buffer[]): Buffer | null {
  return lines.length === 0 ? null : Buffer.concat(lines.flatMap((line, n) => (n === 0 ? [line] : [LINE_FEED, line])));
}

const LINE_FEED = Buffer.from("\n");

function storedOf({ lines }: Batch, { events, unmatched, refused, reasons }: StoredRow): Stored {
  const sent = sendable(lines);
  const reasonOf = new Map(refused.map((number, n) => [sent[number - 1], reasons[n] ?? ""]));
  const refusals = lines.flatMap((line) => {
    const reason = line.problem ?? reasonOf.get(line);
    return reason === undefined ? [] : [{ line, reason }];
  });
  return { events, unmatched, refusals };
}

/** The first half's end gets no fingerprint: after a crash between the two, the file is found by its inode. */
function halvesOf({ lines, end }: Batch): readonly [Batch, Batch] {
  const middle = Math.floor(lines.length / 2);
  const last = lines[middle - 1];
  if (last === undefined) throw new Error("a batch of one line has no halves");
  const middleEnd = { ...end, fingerprint: null, byteOffset: last.endOffset, lineNumber: last.number };
  return [
    { lines: lines.slice(0, middle), end: middleEnd },
    { lines: lines.slice(middle), end },
  ];
}

/** The same batch with its only line refused. */
function refusing({ lines, end }: Batch, problem: string): Batch {
  return { lines: lines.map((line) => ({ ...line, problem })), end };
}
