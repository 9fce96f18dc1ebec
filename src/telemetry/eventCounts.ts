import type { Events } from "./bus.ts";
import { type Emitted, EVENTS, type EventName } from "./events.ts";
import { LEVELS } from "./log.ts";
import type { Samples } from "./metrics.ts";

/**
 * What metrics tell of the stream of events: how often each was emitted, and how much was claimed. Each name is there from
 * the start, because a rate needs a zero to begin at. Attempts are counted when they are recorded (recordedTotals.ts), and
 * an ingest has no metrics.
 */
export class EventCounts {
  readonly #emitted = new Map<EventName, number>(COUNTED.map((name) => [name, 0]));
  #claimedEvents = 0;
  #claimedDeliveries = 0;
  #unmatched = 0;

  constructor(events: Events) {
    events.subscribe((event) => this.#count(event), { successes: false });
  }

  samples(): Samples {
    return {
      postrider_log_events_total: [...this.#emitted].map(([name, count]) => ({
        labels: [name, LEVELS[name] ?? "info"],
        values: [count],
      })),
    };
  }

  /** What only a daemon does. */
  claimSamples(): Samples {
    const counted = (value: number) => [{ labels: [], values: [value] }];
    return {
      postrider_claims_total: counted(this.#emitted.get("claim.taken") ?? 0),
      postrider_claimed_events_total: counted(this.#claimedEvents),
      postrider_claimed_deliveries_total: counted(this.#claimedDeliveries),
      postrider_taken_over_claims_total: counted(this.#emitted.get("claims.taken_over") ?? 0),
      postrider_unmatched_events_total: counted(this.#unmatched),
    };
  }

  #count(event: Emitted): void {
    const count = this.#emitted.get(event.name);
    if (count === undefined) {
      return;
    }
    this.#emitted.set(event.name, count + 1);
    if (event.name === "claim.taken") {
      this.#claimedEvents += event.fields.events;
      this.#claimedDeliveries += event.fields.deliveries;
    } else if (event.name === "events.unmatched") {
      this.#unmatched += event.fields.events;
    }
  }
}

const COUNTED = (Object.keys(EVENTS) as EventName[]).filter(
  (name) => name !== "delivery.attempted" && !/^(ingest|line|file)\./.test(name),
);
