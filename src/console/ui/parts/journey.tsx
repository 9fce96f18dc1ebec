import type { ComponentChildren } from "preact";
import { type Axis, makeAxis } from "../journeyAxis.ts";
import type { Attempt } from "../rows.ts";
import { durationText, exactTime, nowMs } from "./time.tsx";

/** What happened to the event at one endpoint. */
export interface Lane {
  readonly key: string;
  /** Endpoint, state and why: the text that the picture illustrates. */
  readonly head: ComponentChildren;
  readonly attempts: readonly Attempt[];
  readonly nextAt: string | null;
}

interface JourneyProps {
  readonly insertedAt: string;
  readonly lanes: readonly Lane[];
}

/** A lane for each endpoint, on one axis of time. */
export function Journey({ insertedAt, lanes }: JourneyProps) {
  const insertedMs = Date.parse(insertedAt);
  const spans = lanes.flatMap(({ attempts }) => attempts.map((attempt) => spanOf(attempt, insertedMs)));
  const due = lanes.flatMap(({ nextAt }) => (nextAt === null ? [] : Date.parse(nextAt)));
  const isOver = due.length === 0;
  const moments = [insertedMs, ...spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs]), ...due];
  const axis = makeAxis(isOver ? moments : [...moments, nowMs.value], spans);
  return (
    <div class="journey">
      {spans.length === 0 && isOver ? null : <Gaps axis={axis} insertedAt={insertedAt} />}
      <ul class="lanes">
        {lanes.map((lane) => (
          <li key={lane.key}>
            <div class="lane-head">{lane.head}</div>
            {lane.attempts.length === 0 && lane.nextAt === null ? null : (
              <Strip lane={lane} axis={axis} insertedMs={insertedMs} isOver={isOver} />
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** An attempt has the clock of its daemon, which may be a little behind that of Postgres. */
function spanOf({ started_at, duration_ms }: Attempt, insertedMs: number) {
  const fromMs = Math.max(insertedMs, Date.parse(started_at));
  return { fromMs, toMs: fromMs + duration_ms };
}

/** A gap narrower than this has no room for its length. */
const LABELLED_SHARE_MIN = 0.07;

function Gaps({ axis, insertedAt }: { readonly axis: Axis; readonly insertedAt: string }) {
  return (
    <svg class="gaps" height="34" aria-hidden="true">
      <text x="0" y="11">
        inserted {exactTime(insertedAt)}
      </text>
      {axis.gaps
        .filter(({ begins, ends }) => ends - begins >= LABELLED_SHARE_MIN)
        .map(({ fromMs, toMs, begins, ends, isFolded }) => (
          <text key={fromMs} x={percent((begins + ends) / 2)} y="29" text-anchor="middle">
            {isFolded ? `⋯ ${durationText(toMs - fromMs)} ⋯` : durationText(toMs - fromMs)}
          </text>
        ))}
    </svg>
  );
}

const LINE_Y = 22;

interface StripProps {
  readonly lane: Lane;
  readonly axis: Axis;
  readonly insertedMs: number;
  readonly isOver: boolean;
}

function Strip({ lane, axis, insertedMs, isOver }: StripProps) {
  const { attempts, nextAt } = lane;
  const labelled = labelledOf(attempts.map((attempt) => axis.at(spanOf(attempt, insertedMs).fromMs)));
  return (
    <svg class="strip" height="34" role="img" aria-label={summaryOf(lane, insertedMs)}>
      <line class="way" x1="0" x2="100%" y1={LINE_Y} y2={LINE_Y} />
      {axis.gaps
        .filter(({ isFolded }) => isFolded)
        .map(({ fromMs, begins, ends }) => (
          <line key={fromMs} class="fold" x1={percent(begins)} x2={percent(ends)} y1={LINE_Y} y2={LINE_Y} />
        ))}
      <circle class="inserted" cx="0" cy={LINE_Y} r="4" />
      {attempts.map((attempt, place) => {
        const { fromMs, toMs } = spanOf(attempt, insertedMs);
        const [from, to] = [axis.at(fromMs), axis.at(toMs)];
        return (
          <g key={attempt.id} class={attempt.failure_kind === null ? "good" : "bad"}>
            <rect x={percent(from)} y={LINE_Y - 6} width={percent(Math.max(to - from, 0.006))} height="12" rx="2">
              <title>{attemptText(attempt)}</title>
            </rect>
            {labelled.has(place) ? (
              <text x={percent(from)} y="11">
                {answerText(attempt)}
              </text>
            ) : null}
          </g>
        );
      })}
      {nextAt === null ? null : (
        <g class="next">
          <circle cx={percent(axis.at(Date.parse(nextAt)))} cy={LINE_Y} r="5">
            <title>the next attempt is due {exactTime(nextAt)}</title>
          </circle>
        </g>
      )}
      {isOver ? null : (
        <line class="now" x1={percent(axis.at(nowMs.value))} x2={percent(axis.at(nowMs.value))} y1="2" y2="34" />
      )}
    </svg>
  );
}

/** Labels that have room behind the one before. */
function labelledOf(places: readonly number[]): ReadonlySet<number> {
  const labelled = new Set<number>();
  let last = Number.NEGATIVE_INFINITY;
  for (const [index, place] of places.entries()) {
    if (place - last >= LABELLED_SHARE_MIN) {
      labelled.add(index);
      last = place;
    }
  }
  return labelled;
}

function summaryOf({ attempts, nextAt }: Lane, insertedMs: number): string {
  const made = attempts.map((attempt) => {
    const after = durationText(Math.max(0, Date.parse(attempt.started_at) - insertedMs));
    return `${after} after the insert, ${attemptText(attempt)}`;
  });
  return [...made, ...(nextAt === null ? [] : [`the next is due ${exactTime(nextAt)}`])].join("; ") || "no attempt yet";
}

export function answerText({ http_status, failure_kind }: Pick<Attempt, "http_status" | "failure_kind">): string {
  return http_status === null ? (failure_kind ?? "no answer") : String(http_status);
}

function attemptText(attempt: Attempt): string {
  return `attempt ${attempt.attempt_number}: ${answerText(attempt)} after ${durationText(attempt.duration_ms)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
