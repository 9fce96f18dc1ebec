/** What the benchmark asks of each queue that it measures beside Postrider. */
import { randomUUID } from "node:crypto";
import { EVENT_TYPE, PAYLOAD } from "../workload.ts";
import type { WebhookClient } from "./webhooks.ts";

export interface Peer {
  /** Its tables, and the table of attempts. */
  install(url: string): Promise<void>;
  openProducer(url: string): Promise<Producer>;
  /** Begins to deliver; resolves to what stops it. */
  start(url: string, webhooks: WebhookClient): Promise<() => Promise<void>>;
  /** Events that are delivered, recorded and out of the queue, as `done`. */
  readonly recordedSql: string;
}

export interface Producer {
  /** Commits so many events in one transaction; resolves to their ids. */
  commit(count: number): Promise<readonly string[]>;
  end(): Promise<void>;
}

/** An event as the queues keep it in a job. */
export interface Event {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: unknown;
}

const PAYLOAD_VALUE: unknown = JSON.parse(PAYLOAD);

export function makeEvents(count: number): Event[] {
  const timestamp = new Date().toISOString();
  return Array.from({ length: count }, () => ({ id: randomUUID(), type: EVENT_TYPE, timestamp, data: PAYLOAD_VALUE }));
}

/** The same bytes as Postrider's, but for the time. */
export function bodyOf({ type, timestamp, data }: Event): Buffer {
  return Buffer.from(JSON.stringify({ type, timestamp, data }));
}
