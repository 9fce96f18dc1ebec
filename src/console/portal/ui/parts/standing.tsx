import { State } from "../../../ui/parts/state.tsx";
import { Time } from "../../../ui/parts/time.tsx";
import type { Endpoint } from "../rows.ts";

interface StandingProps {
  readonly endpoint: Endpoint;
  /** When the next attempt is, if that is known. */
  readonly nextAttemptAt?: string | null | undefined;
}

/** How an endpoint stands, in words. */
export function Standing({ endpoint, nextAttemptAt = endpoint.next_probe_at }: StandingProps) {
  const { state, state_reason, state_changed_at } = endpoint;
  if (state !== "active") {
    return (
      <p>
        <State word={state} />: {state_reason ?? "no reason was given"}, <Time at={state_changed_at} />.{" "}
        {state === "paused" ? "Its events wait." : "Nothing is sent to it."}
      </p>
    );
  }
  return endpoint.is_failing ? (
    <Failing endpoint={endpoint} nextAttemptAt={nextAttemptAt} />
  ) : (
    <p>
      <State word="active" />
    </p>
  );
}

function Failing({ endpoint, nextAttemptAt }: StandingProps) {
  const { failing_since, consecutive_failures, disabled_from } = endpoint;
  return (
    <p>
      <State word="failing" />: {failureText(endpoint)}
      {failing_since === null ? "" : ` since ${whenText(failing_since)}`}
      {consecutive_failures > 1 ? `, ${consecutive_failures.toLocaleString("en")} times in a row` : ""};{" "}
      {nextAttemptAt === null || nextAttemptAt === undefined ? (
        "we try again with the next event"
      ) : (
        <>
          we try again <Time at={nextAttemptAt} />
        </>
      )}
      {disabled_from === null ? "" : `, and stop if nothing has arrived by ${whenText(disabled_from)}`}.
    </p>
  );
}

interface Failure {
  readonly last_http_status: number | null;
  readonly last_failure_kind?: string | null;
  readonly last_error: string | null;
}

/** What went wrong, to the person whose server it is. */
export function failureText({ last_http_status, last_failure_kind, last_error }: Failure): string {
  if (last_http_status !== null) return `your server answered ${last_http_status}`;
  if (last_failure_kind === "timeout") return "your server did not answer in time";
  return last_error ?? "it could not be sent";
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

/** The time of day, with the date unless that is today's. */
export function whenText(iso: string): string {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  return at.toLocaleString("en", isToday ? CLOCK : { month: "short", day: "numeric", ...CLOCK });
}
