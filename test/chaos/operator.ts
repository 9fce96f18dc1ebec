import type pg from "pg";
import { Repeat } from "../../src/ground/repeat.ts";
import type { EndpointRoute, Redelivery } from "./faults.ts";
import type { ChaosReceiver } from "./receiver.ts";

const LOOK_INTERVAL_MS = 400;

export interface OperatorOptions {
  readonly session: pg.Pool;
  readonly receiver: ChaosReceiver;
  readonly routes: readonly EndpointRoute[];
}

/**
 * A person who looks at postrider.halted_key, and in turns passes over what halts a key, or has the receiver take it and sends
 * it again.
 */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #repeat = new Repeat(() => this.#look());
  /** By endpoint and event: when it was passed over for the first time, in Unix time, whatever the answer was. */
  readonly passedOverAt = new Map<string, number>();
  readonly redeliveries: Redelivery[] = [];
  #decisions = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#repeat.start();
  }

  async stop(): Promise<void> {
    await this.#repeat.stop();
  }

  async #look(): Promise<number> {
    const { session } = this.#options;
    try {
      const { rows } = await session.query<{ endpoint_id: string; event_id: string }>(
        "select endpoint_id, event_id from postrider.halted_key",
      );
      for (const { endpoint_id: endpointId, event_id: eventId } of rows) {
        await this.#resolve(endpointId, eventId);
      }
    } catch {
      // Postgres is away, or the key is halted no longer: the next look says.
    }
    return LOOK_INTERVAL_MS;
  }

  async #resolve(endpointId: string, eventId: string): Promise<void> {
    const { session, receiver, routes } = this.#options;
    const atMs = Date.now();
    this.#decisions += 1;
    if (this.#decisions % 2 === 1) {
      const key = `${eventId} ${endpointId}`;
      this.passedOverAt.set(key, this.passedOverAt.get(key) ?? atMs);
      await session.query("select postrider.skip($1, $2)", [eventId, endpointId]);
      return;
    }
    receiver.take(routes.find(({ id }) => id === endpointId)?.plan.path ?? "", eventId);
    this.redeliveries.push({ eventId, endpointId, atMs, isCertain: false, isForHalt: true });
    await session.query("select postrider.redeliver($1, $2)", [eventId, endpointId]);
  }
}
