/** When events were committed at the producer and when their requests arrived at the receiver, on one clock. */
import type { Server } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { createReceiver, listen } from "./httpReceiver.ts";
import type { Measures } from "./part.ts";
import { percentile } from "./statistics.ts";
import { EVENT_TYPE, PAYLOAD } from "./workload.ts";

const ID_NAME = Buffer.from("webhook-id: ");
const ID_LENGTH = 36;
const ARRIVE_MS_MAX = 60_000;
const ARRIVE_POLL_MS = 20;

/** A receiver that notes when each event arrived first. */
export class Arrivals {
  readonly port: number;
  readonly #server: Pick<Server, "close">;
  readonly #arrivedMs: Map<string, number>;

  private constructor(server: Pick<Server, "close">, port: number, arrivedMs: Map<string, number>) {
    this.#server = server;
    this.port = port;
    this.#arrivedMs = arrivedMs;
  }

  /** `answerMs`: how long it takes to answer. */
  static async start(answerMs = 0): Promise<Arrivals> {
    const arrivedMs = new Map<string, number>();
    const server = createReceiver((request) => {
      const at = request.indexOf(ID_NAME) + ID_NAME.length;
      const id = request.toString("latin1", at, at + ID_LENGTH);
      arrivedMs.set(id, arrivedMs.get(id) ?? performance.now());
    }, answerMs);
    const port = await listen(server);
    server.unref();
    return new Arrivals(server, port, arrivedMs);
  }

  /** Resolves when each of these events has arrived; rejects if one does not within a minute. */
  async all(ids: readonly string[]): Promise<void> {
    const deadlineMs = performance.now() + ARRIVE_MS_MAX;
    for (;;) {
      const missing = ids.filter((id) => !this.#arrivedMs.has(id)).length;
      if (missing === 0) {
        return;
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`${missing} of ${ids.length} events did not arrive within ${ARRIVE_MS_MAX} ms`);
      }
      await pause(ARRIVE_POLL_MS);
    }
  }

  /** From a committed event to its arrival, once all of them have arrived. */
  async latencies(committedMs: ReadonlyMap<string, number>): Promise<Measures> {
    await this.all([...committedMs.keys()]);
    const sorted = [...committedMs]
      // A request can be read before the acknowledgement that the same poll of the sockets brought; that counts as zero.
      .map(([id, atMs]) => Math.max(0, (this.#arrivedMs.get(id) ?? Number.NaN) - atMs))
      .sort((a, b) => a - b);
    return {
      events: sorted.length,
      p50_ms: percentile(sorted, 50),
      p90_ms: percentile(sorted, 90),
      p99_ms: percentile(sorted, 99),
      max_ms: percentile(sorted, 100),
    };
  }

  /** Before the next trial: its events have other ids. */
  forget(): void {
    this.#arrivedMs.clear();
  }

  close(): void {
    this.#server.close();
  }
}

/** Commits one event, and notes when that was acknowledged; resolves to its id. */
export async function commitEvent(
  producer: Client,
  committedMs: Map<string, number>,
  eventType: string = EVENT_TYPE,
): Promise<string> {
  const { rows } = await producer.query<{ id: string }>({
    name: "insert_event",
    text: "insert into postrider.outbox (event_type, payload) values ($1, $2) returning id",
    values: [eventType, PAYLOAD],
  });
  const id = rows[0]?.id ?? "";
  committedMs.set(id, performance.now());
  return id;
}
