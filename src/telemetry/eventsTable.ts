import { EVENTS, type EventName } from "./events.ts";
import { LEVELS } from "./log.ts";

/** The documentation's table of events, as Markdown. */
export function eventsTable(): string {
  const rows = Object.entries(EVENTS).map(
    ([name, { meaning }]) => `| \`${name}\` | ${describedLevel(name as EventName)} | ${meaning} |`,
  );
  return ["| event | level | what it means |", "|---|---|---|", ...rows].join("\n");
}

function describedLevel(name: EventName): string {
  return name === "delivery.attempted" ? "debug, info if it failed" : (LEVELS[name] ?? "info");
}
