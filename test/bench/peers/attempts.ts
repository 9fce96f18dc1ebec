/** The attempt row that each delivery leaves, as a good engineer records it: many by one statement. */
import type { ClientBase, Pool } from "pg";
import type { Attempt } from "./webhooks.ts";

export const CREATE_ATTEMPT = `
  create table attempt (
    id bigint generated always as identity primary key,
    event_id uuid not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    http_status smallint,
    error text,
    response_headers json,
    response_body text)`;

/** The columns of `unnest($1::uuid[], …)`, from the first parameter on. */
export const INSERT_ATTEMPTS = `
  insert into attempt (event_id, started_at, duration_ms, http_status, response_headers, response_body)
  select * from unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::smallint[], $5::json[], $6::text[])`;

export function attemptColumns(attempts: readonly Attempt[]): unknown[] {
  return [
    attempts.map(({ eventId }) => eventId),
    attempts.map(({ startedAt }) => startedAt),
    attempts.map(({ durationMs }) => durationMs),
    attempts.map(({ httpStatus }) => httpStatus),
    attempts.map(({ responseHeaders }) => responseHeaders),
    attempts.map(({ responseBody }) => responseBody),
  ];
}

export async function insertAttempts(pool: Pool | ClientBase, attempts: readonly Attempt[]): Promise<void> {
  await pool.query({ name: "insert_attempts", text: INSERT_ATTEMPTS, values: attemptColumns(attempts) });
}

/** For jobs that run one by one: what is added while a statement runs goes with the next. */
export class AttemptRecorder {
  readonly #pool: Pool;
  #waiting: Attempt[] = [];
  #next: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Resolves when the row is committed. */
  add(attempt: Attempt): Promise<void> {
    this.#waiting.push(attempt);
    this.#next ??= this.#running.then(() => this.#flush());
    return this.#next;
  }

  #flush(): Promise<void> {
    const attempts = this.#waiting;
    this.#waiting = [];
    this.#next = null;
    this.#running = insertAttempts(this.#pool, attempts);
    return this.#running;
  }
}
