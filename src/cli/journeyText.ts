import type { Act, EndpointJourney, EventJourney, Journey, JourneyAttempt, MissingEvent } from "../db/journey.ts";
import { durationText, shortened } from "../dev/display.ts";
import { counted } from "../ground/counted.ts";
import { printable } from "../ground/printable.ts";
import { terminalJson } from "../ground/terminalJson.ts";

/** A tenant may have thousands of endpoints that do not match; `--json` has them all. */
const UNMATCHED_SHOWN = 20;
/** Of one delivery: the first ones, and the last ones. */
const ATTEMPTS_SHOWN = 20;
const SINCE_WIDTH = 10;

/** The journey for a person to read. Text from outside is made printable. */
export function journeyText(journey: Journey): string {
  return `${(journey.kind === "missing" ? [missingText(journey)] : eventLines(journey)).join("\n")}\n`;
}

/** The same as JSON. A missing event has the sentence as `explanation`. */
export function journeyJson(journey: Journey): string {
  const said = journey.kind === "missing" ? { ...journey, explanation: missingText(journey) } : journey;
  return `${terminalJson(said, 2)}\n`;
}

/** Why there is no such event, as far as can be known. */
function missingText(missing: MissingEvent): string {
  const { id, made_at, is_past_retention, retention } = missing;
  if (made_at !== null && is_past_retention) {
    return `there is no event ${id}: its id is from ${timeText(made_at)}, and events are kept for ${retention}`;
  }
  const said = made_at === null ? "" : `; its id is from ${timeText(made_at)}`;
  return `there is no event ${id}: ${uncommittedText(missing)}${said}`;
}

function uncommittedText({ open_transactions }: MissingEvent): string {
  return open_transactions === 0
    ? "its transaction was rolled back, or it was never inserted here; no transaction is open that could still commit it"
    : `its transaction was rolled back, or is not committed yet: ${counted(open_transactions, "transaction that may insert it is open", "transactions that may insert it are open")}`;
}

function eventLines({ event, endpoints, acts }: EventJourney): readonly string[] {
  const isUnmatched = ({ outcome }: EndpointJourney): boolean => outcome === "not matched";
  const unmatched = endpoints.filter(isUnmatched);
  const shown = [...endpoints.filter((each) => !isUnmatched(each)), ...unmatched.slice(0, UNMATCHED_SHOWN)];
  const of = (endpointId: string | null) => acts.filter(({ endpoint_id }) => endpoint_id === endpointId);
  const known = new Set(shown.map(({ endpoint_id }) => endpoint_id));
  const others = acts.filter(({ endpoint_id }) => !known.has(endpoint_id));
  return [
    [printable(event.event_type), event.id, ...attributesOf(event)].join("  "),
    momentLine(event.created_at, event.created_at, "inserted"),
    ...(event.deliver_at === null
      ? []
      : [momentLine(event.deliver_at, event.created_at, "not to be sent before this")]),
    ...(event.erased_at === null ? [] : [momentLine(event.erased_at, event.created_at, "erased")]),
    ...others.map((act) => actLine(act, event.created_at)),
    ...shown.flatMap((endpoint) => ["", ...endpointLines(endpoint, of(endpoint.endpoint_id), event.created_at)]),
    ...moreUnmatched(unmatched.length - UNMATCHED_SHOWN),
  ];
}

function attributesOf({ tenant, ordering_key, idempotency_key }: EventJourney["event"]): readonly string[] {
  return [
    ...(tenant === "" ? [] : [`tenant ${printable(tenant)}`]),
    ...(ordering_key === null ? [] : [`key ${printable(ordering_key)}`]),
    ...(idempotency_key === null ? [] : [`idempotency key ${printable(idempotency_key)}`]),
  ];
}

function endpointLines(endpoint: EndpointJourney, acts: readonly Act[], since: string): readonly string[] {
  const { endpoint_id, name, url, outcome, explanation, would_match_now, now_explanation, attempts } = endpoint;
  const title = [name, url, name === null ? endpoint_id : null].filter((part) => part !== null);
  const moments = [
    ...attempts.map((attempt) => ({ at: attempt.started_at, line: attemptLine(attempt, since) })),
    ...acts.map((act) => ({ at: act.at, line: actLine(act, since) })),
  ].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  return [
    ...(title.length === 0 ? [] : [title.map(printable).join("  ")]),
    `  ${outcome}: ${printable(explanation)}`,
    ...(outcome === "not matched" && would_match_now ? [`  now: ${printable(now_explanation)}`] : []),
    ...middleLeftOut(moments.map(({ line }) => line)),
  ];
}

function middleLeftOut(lines: readonly string[]): readonly string[] {
  const left = lines.length - 2 * ATTEMPTS_SHOWN;
  return left <= 0 ? lines : [...lines.slice(0, ATTEMPTS_SHOWN), `  … ${left} more …`, ...lines.slice(-ATTEMPTS_SHOWN)];
}

function attemptLine(attempt: JourneyAttempt, since: string): string {
  const { attempt_number, started_at, duration_ms, http_status, error } = attempt;
  const took = durationText(duration_ms);
  const answer = http_status === null ? `no answer after ${took}` : `${http_status} after ${took}`;
  return momentLine(started_at, since, [`attempt ${attempt_number}`, answer, ...errorOf(error)].join("  "));
}

function errorOf(error: string | null): readonly string[] {
  return error === null ? [] : [shortened(error)];
}

function actLine({ at, actor, action, reason }: Act, since: string): string {
  const why = reason === null ? "" : `: ${printable(reason)}`;
  return momentLine(at, since, `${printable(action)} by ${printable(actor)}${why}`);
}

/** The first moment of a journey as a time, the others by how long they are after it. */
function momentLine(at: string, since: string, text: string): string {
  // Attempts have the clock of their daemon, which may be behind that of Postgres.
  const laterMs = Math.max(0, Date.parse(at) - Date.parse(since));
  return at === since ? `  ${timeText(at)}  ${text}` : `  ${`+${durationText(laterMs)}`.padEnd(SINCE_WIDTH)}${text}`;
}

function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)} UTC`;
}

function moreUnmatched(count: number): readonly string[] {
  return count <= 0 ? [] : ["", `… and ${counted(count, "further endpoint")} that did not match; --json has them`];
}
