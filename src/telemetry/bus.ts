import { messageOf } from "../ground/errors.ts";
import type { Emitted, EventFields, EventName } from "./events.ts";

/** Must return quickly: it runs inside the code that emits. */
export type Subscriber = (event: Emitted) => void;

/** The stream of events of one process or test. It is passed to the code that emits; there is no global one. */
export interface Events {
  emit<Name extends EventName>(name: Name, fields: EventFields<Name>): void;
  /** Returns the function that ends the subscription. */
  subscribe(subscriber: Subscriber): () => void;
}

interface Subscription {
  readonly subscriber: Subscriber;
  hasFailed: boolean;
}

/**
 * Subscribers are called at once, in the order in which they subscribed. One that throws breaks neither the code that
 * emits nor the other subscribers, which get its first error as `subscriber.failed`.
 */
export function makeEvents(): Events {
  let subscriptions: readonly Subscription[] = [];
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
    subscribe: (subscriber) => {
      const subscription = { subscriber, hasFailed: false };
      subscriptions = [...subscriptions, subscription];
      return () => {
        subscriptions = subscriptions.filter((other) => other !== subscription);
      };
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
