import type { EventResult, Outcome } from "./answer.ts";

/** Types without a handler that the console is told of. */
const TYPES_MAX = 20;
/** Events that a line names: a batch may have thousands. */
const NAMED_MAX = 5;

/**
 * Tells the console of requests that were refused or failed, one line each, and of each type without a handler once, because a
 * name that is misspelt would lose every event of it. A line has nothing that a stranger wrote.
 */
export function consoleLog(): (outcome: Outcome) => void {
  const told = new Set<string>();
  return (outcome) => {
    switch (outcome.kind) {
      case "rejected":
        console.warn(`postrider/receive refused a request: ${outcome.reason}`);
        return;
      case "failed":
        console.error(`postrider/receive failed with ${subjectOf(outcome.events)}:`, outcome.error);
        return;
      case "received":
        tellIgnored(outcome.events, told);
        return;
      case "consented":
    }
  };
}

function tellIgnored(events: readonly EventResult[], told: Set<string>): void {
  for (const { type, result } of events) {
    if (result === "ignored" && !told.has(type) && told.size < TYPES_MAX) {
      told.add(type);
      const name = type.replace(/[^ -~]/g, "?");
      console.warn(
        `postrider/receive has no handler for the type "${name}", and answers 200 to its events without remembering them; add one, or take the type out of the endpoint's subscriptions`,
      );
    }
  }
}

function subjectOf(events: readonly EventResult[]): string {
  const failed = events.filter(({ result }) => result === "failed");
  const named = failed.slice(0, NAMED_MAX).map(({ id }) => `event ${id}`);
  const others = failed.length > NAMED_MAX ? [`${failed.length - NAMED_MAX} others`] : [];
  return failed.length === 0 ? "a request" : [...named, ...others].join(", ");
}
