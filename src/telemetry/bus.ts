import { messageOf } from "../ground/errors.ts";
import type { Emitted, EventFields, EventName } from "./events.ts";

/** Must return quickly: it runs inside the code that emits. */
export type Subscriber = (event: Emitted) => void;

/** The stream of events of one process or test. It is passed to the code that emits; there is no global one. */
export interface Events {
  emit<Name extends EventName>(name: Name, fields: EventFields<Name>): void;
  /**
   * Whether anyone wants to hear of successful attempts. There are thousands a second at full speed, so they need not be
   * emitted otherwise.
   */
  readonly wantsSuccesses: boolean;
  /** Returns the function that ends the subscription. */
  subscribe(subscriber: Subscriber, wants?: Wants): () => void;
}

/** What a subscriber can do without. */
export interface Wants {
  readonly successes: boolean;
}

interface Subscription {
  readonly subscriber: Subscriber;
  readonly wants: Wants;
  hasFailed: boolean;
}

/**
 * Subscribers are called at once, in the order in which they subscribed. One that throws breaks neither the code that
 * emits nor the other subscribers, which get its first error as `subscriber.failed`.
 */
export function makeEvents(): Events {
  let subscriptions: readonly Subscription[] = [];
  let wantsSuccesses = false;
  const setSubscriptions = (changed: readonly Subscription[]) => {
    subscriptions = changed;
    wantsSuccesses = changed.some(({ wants }) => wants.successes);
  };
  const events: Events = {
    emit: (name, fields) => {
      const event = { name, fields } as Emitted;
      for (const subscription of subscriptions) {
        try {
          subscription.subscriber(event);
        } catch (thrown) {
          reportOnce(subscription, events, name, thrown);
        }
      }
    },
    get wantsSuccesses() {
      return wantsSuccesses;
    },
    subscribe: (subscriber, wants = { successes: true }) => {
      const subscription = { subscriber, wants, hasFailed: false };
      setSubscriptions([...subscriptions, subscription]);
      return () => setSubscriptions(subscriptions.filter((other) => other !== subscription));
    },
  };
  return events;
}

/** The flag is set first, so a subscriber that fails on the report too is not reported again. */
function reportOnce(subscription: Subscription, events: Events, of: EventName, thrown: unknown): void {
  if (!subscription.hasFailed) {
    subscription.hasFailed = true;
    events.emit("subscriber.failed", { of, error: messageOf(thrown) });
  }
}
