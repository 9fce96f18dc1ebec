import { styleText } from "node:util";
import { printable } from "../ground/printable.ts";
import type { Subscriber } from "../telemetry/bus.ts";
import type { EventFields, EventName } from "../telemetry/events.ts";

/** What `dev` shows a person who watches. The first word of a line says what happened. */
export type Word =
  | "starting"
  | "started"
  | "installed"
  | "listening"
  | "inserted"
  | "arrived"
  | "delivered"
  | "failed"
  | "exhausted"
  | "discarded"
  | "unmatched"
  | "paused"
  | "resumed"
  | "disabled"
  | "enabled"
  | "opened"
  | "probed"
  | "closed"
  | "stopping"
  | "stopped";

const WORD_WIDTH = 10;
const TYPE_WIDTH = 16;
const ERROR_CHARS_MAX = 200;

const COLOURS: Partial<Readonly<Record<Word, "green" | "yellow" | "red" | "cyan">>> = {
  inserted: "cyan",
  delivered: "green",
  resumed: "green",
  enabled: "green",
  closed: "green",
  opened: "yellow",
  probed: "yellow",
  failed: "yellow",
  unmatched: "yellow",
  paused: "yellow",
  exhausted: "red",
  discarded: "red",
  disabled: "red",
};

/** A line of the display. Coloured on a terminal, unless NO_COLOR says otherwise. */
export function displayLine(word: Word, text: string): string {
  const colour = COLOURS[word];
  const padded = word.padEnd(WORD_WIDTH);
  return `${colour === undefined ? padded : styleText(colour, padded, { stream: process.stdout })} ${text}\n`;
}

export function show(word: Word, text: string): void {
  process.stdout.write(displayLine(word, text));
}

export function padType(eventType: string): string {
  return printable(eventType).padEnd(TYPE_WIDTH);
}

/** Events that the display shows, so that a log beside it need not. */
export const DISPLAYED: ReadonlySet<EventName> = new Set<EventName>([
  "http_listener.started",
  "console.started",
  "delivery.attempted",
  "delivery.exhausted",
  "delivery.discarded",
  "events.unmatched",
  "endpoint.paused",
  "endpoint.resumed",
  "endpoint.disabled",
  "endpoint.enabled",
  "circuit.opened",
  "probe.failed",
  "circuit.closed",
]);

const ENDPOINT_WORDS = {
  "endpoint.paused": "paused",
  "endpoint.resumed": "resumed",
  "endpoint.disabled": "disabled",
  "endpoint.enabled": "enabled",
} as const;

/** Shows each attempt, and what else becomes of deliveries and endpoints. */
export const display: Subscriber = ({ name, fields }) => {
  switch (name) {
    case "http_listener.started":
      show("listening", `http://${fields.address}, for health checks, metrics and receivers`);
      return;
    case "delivery.attempted":
      showAttempt(fields);
      return;
    case "delivery.discarded":
      show("discarded", `${padType(fields.event_type)}  ${fields.event_id}  ${shortened(fields.reason)}`);
      return;
    case "events.unmatched":
      show("unmatched", unmatchedText(fields));
      return;
    case "endpoint.paused":
    case "endpoint.resumed":
    case "endpoint.disabled":
    case "endpoint.enabled":
      show(ENDPOINT_WORDS[name], endpointText(fields));
      return;
    case "circuit.opened":
      show("opened", `the circuit of ${failingText(fields, ", and its deliveries wait")}`);
      return;
    case "probe.failed":
      show("probed", failingText(fields));
      return;
    case "circuit.closed":
      show("closed", `the circuit of endpoint ${fields.endpoint_id}: what waited is sent`);
      return;
    default:
  }
};

function showAttempt(fields: EventFields<"delivery.attempted">): void {
  const { state, event_type, event_id } = fields;
  const word = state === "succeeded" ? "delivered" : state === "exhausted" ? "exhausted" : "failed";
  const parts = [`${padType(event_type)}  ${event_id}`, answerOf(fields), ...followsOf(fields)];
  show(word, parts.join("  "));
}

/** Without a status, the error says what there was instead. */
function answerOf({ http_status, error, duration_ms, url }: EventFields<"delivery.attempted">): string {
  const from = `after ${duration_ms} ms from ${printable(url)}`;
  return http_status === null
    ? `no answer ${from}: ${shortened(error ?? "no reason is known")}`
    : `${http_status} ${from}`;
}

function followsOf(fields: EventFields<"delivery.attempted">): readonly string[] {
  const { state, attempt_number, next_attempt_ms } = fields;
  switch (state) {
    case "succeeded":
      return attempt_number === 1 ? [] : [`attempt ${attempt_number}`];
    case "pending":
      return [`attempt ${attempt_number}, the next in ${durationText(next_attempt_ms ?? 0)}`];
    case "exhausted":
      return [`attempt ${attempt_number}, the last one`];
    case "discarded":
      return [`attempt ${attempt_number}`];
  }
}

/** An event that no endpoint gets would look like one that was not inserted. */
function unmatchedText({ event_type, tenant, events, event_id }: EventFields<"events.unmatched">): string {
  const more = events > 1 ? `  and ${events - 1} more` : "";
  const owner = tenant === "" ? "" : ` of tenant ${shortened(tenant)}`;
  return `${padType(event_type)}  ${event_id}${more}  no endpoint${owner} takes it; postrider.explain_event('${event_id}') says why`;
}

function endpointText({ endpoint_id, reason }: EventFields<"endpoint.disabled">): string {
  return `endpoint ${endpoint_id}${reason === null ? "" : `: ${shortened(reason)}`}`;
}

function failingText({ endpoint_id, failures, next_probe_ms }: EventFields<"circuit.opened">, more = ""): string {
  return `endpoint ${endpoint_id}: it has failed ${failures} times in a row${more}; the next probe in ${durationText(next_probe_ms)}`;
}

/** As much of a text from outside as a line has room for, made printable. */
export function shortened(text: string): string {
  return printable(text.length > ERROR_CHARS_MAX ? `${text.slice(0, ERROR_CHARS_MAX)}…` : text);
}

/** Two digits are enough for a person: 850 ms, 2.1 s, 5 min, 2 h. */
export function durationText(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 1) {
    return `${Math.round(ms)} ms`;
  }
  if (seconds < 60) {
    return `${Number(seconds.toFixed(1))} s`;
  }
  return seconds < 3_600 ? `${Math.round(seconds / 60)} min` : `${Number((seconds / 3_600).toFixed(1))} h`;
}
