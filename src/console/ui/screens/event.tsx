import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import {
  cancelAct,
  cancelAllAct,
  eraseAct,
  nameOf,
  redeliverAct,
  redeliverAllAct,
  rescheduleAct,
  skipAct,
} from "../acts/event.tsx";
import type { Refusal } from "../api.ts";
import type { Mark } from "../journeyAxis.ts";
import type { PicturedJourney } from "../journeySvg.ts";
import { LOOK_MS, useLive } from "../live.ts";
import { MISSING } from "../onDemand.ts";
import { call } from "../operation.ts";
import { ActButton } from "../parts/act.tsx";
import { Attempts } from "../parts/attempts.tsx";
import { Copy } from "../parts/copy.tsx";
import { Fact, Heading } from "../parts/heading.tsx";
import { EndpointLink } from "../parts/id.tsx";
import { answerText, Journey, type Lane } from "../parts/journey.tsx";
import { JsonText } from "../parts/json.tsx";
import { NoEvent } from "../parts/noEvent.tsx";
import { Request } from "../parts/request.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Clock, durationText, exactTime, nowMs } from "../parts/time.tsx";
import { href, route } from "../route.ts";
import type { Attempt, AuditRow, Delivery, Explained, OneEvent, Page, Payload, Rows } from "../rows.ts";
import { saveFile } from "../saveFile.ts";
import { uuidTime } from "../uuid.ts";

/** A page of the API has no more; an event with more deliveries shows the first ones. */
const SHOWN_MAX = 200;

export function EventScreen({ id }: { readonly id: string }) {
  const event = useLive<OneEvent>(call("read_event", { event_id: id }));
  return (
    <SeenValue of={event} refused={(refusal) => (isMissing(refusal) ? <NoEvent id={id} /> : null)}>
      {(value) => <OneEventScreen event={value} />}
    </SeenValue>
  );
}

/** An id that is no UUID is refused as a value. */
function isMissing({ problem: { status } }: Refusal): boolean {
  return status === 404 || status === 422;
}

function OneEventScreen({ event }: { readonly event: OneEvent }) {
  const { id, event_type, tenant, ordering_key, idempotency_key, created_at, deliver_at, erased_at, is_test } = event;
  return (
    <>
      <Heading title={event_type}>
        <p class="tools">
          <code>{id}</code>
          <Copy text={id} label="Copy the id" shortcut="y" />
        </p>
      </Heading>
      <dl class="facts">
        <Fact name="inserted">
          <Clock at={created_at} />
        </Fact>
        {deliver_at === null ? null : (
          <Fact name="not before">
            <Clock at={deliver_at} />
          </Fact>
        )}
        {erased_at === null ? null : (
          <Fact name="erased">
            <Clock at={erased_at} />
          </Fact>
        )}
        {tenant === "" ? null : <Fact name="tenant">{tenant}</Fact>}
        {ordering_key === null ? null : <Fact name="ordering key">{ordering_key}</Fact>}
        {idempotency_key === null ? null : <Fact name="idempotency key">{idempotency_key}</Fact>}
        {is_test ? <Fact name="a test">for one endpoint</Fact> : null}
      </dl>
      <Way event={event} />
      <PayloadSection id={id} />
    </>
  );
}

/** The journey and why it went so: two lists of the API, side by side in one picture. */
function Way({ event }: { readonly event: OneEvent }) {
  const { id, event_type, created_at } = event;
  const explanation = call("explain_event", { event_id: id });
  const explained = useLive<Rows<Explained>>(explanation);
  const deliveries = useLive<Page<Delivery>>(call("list_event_deliveries", { event_id: id, limit: SHOWN_MAX }));
  const attempts = useLive<Page<Attempt>>(call("list_event_attempts", { event_id: id, limit: SHOWN_MAX }));
  const acts = useLive<Page<AuditRow>>(call("list_audit", { event_id: id, since: created_at, limit: SHOWN_MAX }));
  const title = useRef<HTMLHeadingElement>(null);
  const see = route.value.query.get("see");
  useEffect(() => {
    if (see === "why") title.current?.focus();
  }, [see]);
  return (
    <section>
      <h2 id="why" ref={title} tabIndex={-1}>
        Journey
      </h2>
      <SeenValue of={deliveries}>
        {(page) => {
          const lanes = lanesOf(id, page.data, {
            explained: explained.value.value?.data ?? null,
            attempts: attempts.value.value?.data ?? [],
            acts: acts.value.value?.data ?? [],
          });
          return (
            <>
              <EventActs event={event} deliveries={page.data} />
              <Journey insertedAt={created_at} lanes={lanes} />
              {lanes.length === 0 ? null : (
                <SaveButton name={`${id}.svg`} picture={() => pictureOf(`${event_type} ${id}`, created_at, lanes)} />
              )}
            </>
          );
        }}
      </SeenValue>
      <SeenValue of={explained}>{({ data }) => <Unmatched explained={data} />}</SeenValue>
      <SqlText of={explanation} />
    </section>
  );
}

interface EventActsProps {
  readonly event: OneEvent;
  readonly deliveries: readonly Delivery[];
}

/** What is done to the event at all of its endpoints. */
function EventActs({ event, deliveries }: EventActsProps) {
  const { deliver_at, erased_at } = event;
  if (erased_at !== null) {
    return null;
  }
  const isWaiting = deliveries.some(({ state }) => state === "pending");
  const isScheduled = deliver_at !== null && Date.parse(deliver_at) > nowMs.value;
  return (
    <p class="buttons">
      {deliveries.length > 0 ? <ActButton act={redeliverAllAct(event, deliveries)} /> : null}
      {isWaiting ? <ActButton act={cancelAllAct(event, deliveries)} /> : null}
      {isScheduled ? <ActButton act={rescheduleAct(event)} /> : null}
      <ActButton act={eraseAct(event, deliveries)} />
    </p>
  );
}

interface Happened {
  /** Null for those who may not see why, because that reads the payload. */
  readonly explained: readonly Explained[] | null;
  readonly attempts: readonly Attempt[];
  readonly acts: readonly AuditRow[];
}

/** A lane, and the texts of its head. */
interface EventLane extends Lane {
  readonly name: string;
  readonly word: string;
  readonly why: string;
}

function lanesOf(
  eventId: string,
  deliveries: readonly Delivery[],
  { explained, attempts, acts }: Happened,
): readonly EventLane[] {
  return deliveries.map((delivery) => {
    const { endpoint_id, detail, next_attempt_at, state } = delivery;
    const own = attempts
      .filter((attempt) => attempt.endpoint_id === endpoint_id)
      .toSorted((one, other) => Date.parse(one.started_at) - Date.parse(other.started_at));
    const why = explained?.find((row) => row.endpoint_id === endpoint_id)?.explanation ?? plainly(delivery);
    const isWaiting = state === "pending" && detail !== "in flight";
    return {
      key: endpoint_id,
      ...{ name: nameOf(delivery), word: detail, why },
      marks: marksOf(delivery, acts),
      attempts: own,
      nextAt: isWaiting ? next_attempt_at : null,
      head: (
        <>
          <p>
            <EndpointLink endpoint={delivery} /> <State word={detail} />
          </p>
          <p>{why}</p>
          <p class="buttons">
            <ActButton act={redeliverAct(eventId, delivery)} shortcut="r" />
            {state === "pending" ? <ActButton act={cancelAct(eventId, delivery)} shortcut="c" /> : null}
            {delivery.halts_key ? <ActButton act={skipAct(eventId, delivery)} /> : null}
          </p>
          {own.length === 0 ? null : <Attempts eventId={eventId} endpointId={endpoint_id} attempts={own} />}
          <Request eventId={eventId} endpointId={endpoint_id} />
        </>
      ),
    };
  });
}

/** What people did about this delivery, or about all of the event. */
function marksOf({ endpoint_id, replay_id }: Delivery, acts: readonly AuditRow[]): readonly Mark[] {
  const replayedAt = replay_id === null ? null : uuidTime(replay_id);
  const replays = replayedAt === null ? [] : [{ atMs: Date.parse(replayedAt), text: "replay" }];
  const done = acts
    .filter((act) => act.endpoint_id === null || act.endpoint_id === endpoint_id)
    .map(({ at, action, actor, on_behalf_of }) => ({
      atMs: Date.parse(at),
      text: `${action.replaceAll("_", " ")}, ${on_behalf_of ?? actor}`,
    }));
  return [...replays, ...done].toSorted((one, other) => one.atMs - other.atMs);
}

interface SaveButtonProps {
  readonly name: string;
  picture(): PicturedJourney;
}

function SaveButton({ name, picture }: SaveButtonProps) {
  const isMissing = useSignal(false);
  const save = async (): Promise<void> => {
    try {
      const { journeySvg } = await import("../later.ts");
      saveFile(name, "image/svg+xml", journeySvg(picture()));
    } catch {
      isMissing.value = true;
    }
  };
  return (
    <>
      <button type="button" class="quiet" onClick={save}>
        download as SVG
      </button>
      {isMissing.value ? <span role="alert">{MISSING}</span> : null}
    </>
  );
}

function pictureOf(title: string, insertedAt: string, lanes: readonly EventLane[]): PicturedJourney {
  return {
    ...{ title, insertedAt, nowMs: Date.now(), timeText: exactTime, durationText },
    lanes: lanes.map(({ name, word, why, attempts, marks, nextAt }) => ({
      ...{ head: `${name}: ${word}`, why, marks, nextAt },
      attempts: attempts.map((attempt) => ({
        ...attempt,
        hasFailed: attempt.failure_kind !== null,
        answer: answerText(attempt),
      })),
    })),
  };
}

/** For those who may not see why, because that reads the payload. */
function plainly({ attempts, reason, last_error }: Delivery): string {
  const count = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  return [count, reason ?? last_error].filter((part) => part !== null).join(", the last: ");
}

/** Of those that did not match, as many as a person reads. */
const UNMATCHED_SHOWN = 20;

function Unmatched({ explained }: { readonly explained: readonly Explained[] }) {
  const isAll = useSignal(false);
  const rows = explained.filter(({ outcome }) => outcome === "not matched" || outcome === "not claimed");
  const shown = isAll.value ? rows : rows.slice(0, UNMATCHED_SHOWN);
  if (rows.length === 0) {
    return null;
  }
  return (
    <>
      <h3>Why not elsewhere</h3>
      <ul class="why">
        {shown.map((row) => (
          <li key={row.endpoint_id ?? ""}>
            <p>
              <EndpointLink endpoint={row} /> <State word={row.outcome} />
            </p>
            <p>{row.explanation}</p>
            {row.outcome === "not matched" && row.would_match_now ? (
              <p class="faint">Now: {row.now_explanation}</p>
            ) : null}
          </li>
        ))}
      </ul>
      {shown.length === rows.length ? null : (
        <button
          type="button"
          onClick={() => {
            isAll.value = true;
          }}
        >
          Show {rows.length - shown.length} more
        </button>
      )}
    </>
  );
}

function PayloadSection({ id }: { readonly id: string }) {
  const read = call("read_payload", { event_id: id });
  const payload = useLive<Payload>(read, LOOK_MS, ["attributes"]);
  return (
    <section>
      <h2>Payload</h2>
      <SeenValue of={payload}>
        {({ payload: text, payload_bytes, is_whole, attributes }) => (
          <>
            <p class="faint">
              {payload_bytes} bytes{is_whole ? "" : ", of which the beginning is shown"}
            </p>
            <JsonText text={text} />
            {attributes === null ? null : (
              <>
                <h3>Attributes</h3>
                <JsonText text={attributes} />
              </>
            )}
          </>
        )}
      </SeenValue>
      <SqlText of={read} />
      <p>
        <a href={href(["audit"], { event: id })}>What people did with this event</a>
      </p>
    </section>
  );
}
