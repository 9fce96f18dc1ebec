import type { ComponentChildren } from "preact";
import {
  type Axis,
  anchorAt,
  type DrawnLane,
  drawJourney,
  LABELLED_SHARE_MIN,
  labelledOf,
  spanOf,
} from "../journeyAxis.ts";
import type { Attempt } from "../rows.ts";
import { durationText, exactTime, nowMs } from "./time.tsx";

/** What happened to the event at one endpoint. */
export interface Lane extends DrawnLane {
  readonly key: string;
  /** Endpoint, state and why: the text that the picture illustrates. */
  readonly head: ComponentChildren;
  readonly attempts: readonly Attempt[];
}

interface JourneyProps {
  readonly insertedAt: string;
  readonly lanes: readonly Lane[];
}

/** A lane for each endpoint, on one axis of time. */
export function Journey({ insertedAt, lanes }: JourneyProps) {
  const insertedMs = Date.parse(insertedAt);
  const { axis, isOver, isEmpty } = drawJourney(insertedMs, lanes, nowMs.value);
  return (
    <div class="journey">
      {isEmpty ? null : <Gaps axis={axis} insertedAt={insertedAt} isOver={isOver} />}
      <ul class="lanes">
        {lanes.map((lane) => (
          <li key={lane.key}>
            <div class="lane-head">{lane.head}</div>
            {lane.attempts.length === 0 && lane.marks.length === 0 && lane.nextAt === null ? null : (
              <Strip lane={lane} axis={axis} insertedMs={insertedMs} isOver={isOver} />
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface GapsProps {
  readonly axis: Axis;
  readonly insertedAt: string;
  readonly isOver: boolean;
}

/** The text of the insert is about so wide. */
const INSERTED_SHARE = 0.4;

function Gaps({ axis, insertedAt, isOver }: GapsProps) {
  const now = axis.at(nowMs.value);
  return (
    <svg class="gaps" height="34" aria-hidden="true">
      <text x="0" y="11">
        inserted {exactTime(insertedAt)}
      </text>
      {isOver || now < INSERTED_SHARE ? null : (
        <text x={percent(now)} y="11" text-anchor={anchorAt(now)}>
          now
        </text>
      )}
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
  const { attempts, marks, nextAt } = lane;
  const height = marks.length === 0 ? 34 : 50;
  const next = nextAt === null ? null : axis.at(Date.parse(nextAt));
  const marked = labelledOf(marks.map(({ atMs }) => axis.at(atMs)));
  const labelled = labelledOf(attempts.map((attempt) => axis.at(spanOf(attempt, insertedMs).fromMs)));
  return (
    <svg class="strip" height={height} role="img" aria-label={summaryOf(lane, insertedMs)}>
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
      {marks.map(({ atMs, text }, place) => (
        <g key={`${atMs} ${text}`} class="mark">
          <title>{`${text}, ${exactTime(new Date(atMs).toISOString())}`}</title>
          <line x1={percent(axis.at(atMs))} x2={percent(axis.at(atMs))} y1={LINE_Y - 8} y2={LINE_Y + 14} />
          {marked.has(place) ? (
            <text x={percent(axis.at(atMs))} y="46" text-anchor={anchorAt(axis.at(atMs))}>
              {text}
            </text>
          ) : null}
        </g>
      ))}
      {next === null || nextAt === null ? null : (
        <g class="next">
          <circle cx={percent(next)} cy={LINE_Y} r="5">
            <title>the next attempt is due {exactTime(nextAt)}</title>
          </circle>
          <text x={percent(next)} y="11" text-anchor={anchorAt(next)}>
            next
          </text>
        </g>
      )}
      {isOver ? null : (
        <line class="now" x1={percent(axis.at(nowMs.value))} x2={percent(axis.at(nowMs.value))} y1="2" y2={height} />
      )}
    </svg>
  );
}

function summaryOf({ attempts, marks, nextAt }: Lane, insertedMs: number): string {
  const made = attempts.map((attempt) => {
    const after = durationText(Math.max(0, Date.parse(attempt.started_at) - insertedMs));
    return `${after} after the insert, ${attemptText(attempt)}`;
  });
  const done = marks.map(({ atMs, text }) => `${text} ${exactTime(new Date(atMs).toISOString())}`);
  return (
    [...made, ...done, ...(nextAt === null ? [] : [`the next is due ${exactTime(nextAt)}`])].join("; ") ||
    "no attempt yet"
  );
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
