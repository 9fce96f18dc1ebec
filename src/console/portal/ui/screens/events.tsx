import { useComputed } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Heading } from "../../../ui/parts/heading.tsx";
import { EventId } from "../../../ui/parts/id.tsx";
import { More } from "../../../ui/parts/more.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { State } from "../../../ui/parts/state.tsx";
import { Table } from "../../../ui/parts/table.tsx";
import { nowMs, Time } from "../../../ui/parts/time.tsx";
import { href, route, setQuery } from "../../../ui/route.ts";
import type { Page } from "../../../ui/rows.ts";
import { Field } from "../parts/act.tsx";
import { whenText } from "../parts/standing.tsx";
import type { ListedEvent } from "../rows.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const DAYS = [1, 7, 30];

export function Events() {
  const { query } = route.value;
  const days = Number(query.get("days") ?? 1);
  const endpointId = query.get("endpoint") ?? null;
  // A whole minute, or each look would be at another list.
  const minute = useComputed(() => Math.floor(nowMs.value / MINUTE_MS) * MINUTE_MS).value;
  const page = useLive<Page<ListedEvent>>(
    call("portal_list_events", {
      since: new Date(minute - (DAYS.includes(days) ? days : 1) * DAY_MS).toISOString(),
      event_type: query.get("type") ?? null,
      endpoint_id: endpointId,
      after: query.get("after") ?? null,
    }),
  );
  return (
    <>
      <Heading title="Events">
        {endpointId === null ? null : (
          <span>
            to <a href={href(["endpoints", endpointId])}>one endpoint</a> <a href={href(["events"])}>show all</a>
          </span>
        )}
      </Heading>
      <div class="tools">
        <Field
          label="Type, or the beginning of it: order.*"
          value={query.get("type") ?? ""}
          onValue={(type) => setQuery({ type: type.trim(), after: null })}
        />
        <label>
          From the last{" "}
          <select value={String(days)} onChange={(event) => setQuery({ days: event.currentTarget.value, after: null })}>
            {DAYS.map((each) => (
              <option key={each} value={String(each)}>
                {each === 1 ? "day" : `${each} days`}
              </option>
            ))}
          </select>
        </label>
      </div>
      <SeenValue of={page}>
        {({ data, next, searched_to }) => (
          <>
            <Table
              label="Events, the newest first"
              rows={data}
              keyOf={({ id }) => id}
              empty={<p>No event.</p>}
              columns={[
                { head: "event", cell: ({ id }) => <EventId id={id} /> },
                { head: "type", cell: ({ event_type, is_test }) => `${event_type}${is_test ? " (test)" : ""}` },
                { head: "when", cell: ({ created_at }) => <Time at={created_at} /> },
                { head: "what became of it", cell: ({ deliveries }) => <Counts deliveries={deliveries} /> },
              ]}
            />
            {searched_to === null || searched_to === undefined ? null : (
              <p class="faint">This looked back to {whenText(searched_to)}.</p>
            )}
            <More next={next} />
          </>
        )}
      </SeenValue>
    </>
  );
}

function Counts({ deliveries }: { readonly deliveries: Readonly<Record<string, number>> }) {
  const states = Object.entries(deliveries);
  return states.length === 0 ? (
    <span class="faint">no endpoint gets it</span>
  ) : (
    <span class="counts">
      {states.map(([state, count]) => (
        <span key={state}>
          <State word={state} /> {count === 1 ? "" : count}
        </span>
      ))}
    </span>
  );
}
