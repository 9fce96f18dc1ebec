import { PUBLISH } from "../acts/event.tsx";
import { type Chosen, useChosen } from "../chosen.ts";
import { useLive } from "../live.ts";
import { type Call, call } from "../operation.ts";
import { ActButton } from "../parts/act.tsx";
import { Copy } from "../parts/copy.tsx";
import { Ends } from "../parts/ends.tsx";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink, EventId } from "../parts/id.tsx";
import { answerText } from "../parts/journey.tsx";
import { Listing } from "../parts/listing.tsx";
import { MatchingActs } from "../parts/matchingActs.tsx";
import { NoMatch } from "../parts/noMatch.tsx";
import { SearchForm } from "../parts/searchForm.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { exactTime, Time } from "../parts/time.tsx";
import { route } from "../route.ts";
import type { ListedEvent, Page } from "../rows.ts";
import { EVENT_FIELDS, parseSearch, type Search } from "../search.ts";

export function Events() {
  const { query } = route.value;
  const text = query.get("q") ?? "";
  const after = query.get("after") ?? null;
  const search = parseSearch(text, EVENT_FIELDS);
  const asked = listed(search, after);
  const page = useLive<Page<ListedEvent>>(asked);
  const rows = page.value.value?.data ?? [];
  const chosen = useChosen(
    text,
    rows.map(({ id }) => id),
  );
  return (
    <>
      <Heading title="Events">
        <ActButton act={PUBLISH} />
      </Heading>
      <SearchForm
        label="Search, or go to an id"
        placeholder="type:order.* state:exhausted endpoint:crm attempts:>1 since:24h $.amount > 100"
        help="By type, state, endpoint, attempts, tenant, key and time, by default the last 24 hours. What begins with $ is a filter of the payload, as subscriptions have it."
        search={search}
        fields={EVENT_FIELDS}
        seen={{
          type: rows.map(({ event_type }) => event_type),
          tenant: rows.map(({ tenant }) => tenant),
          key: rows.flatMap(({ ordering_key }) => ordering_key ?? []),
        }}
      />
      <SeenValue of={page}>
        {(value) => (
          <>
            <EventTable page={value} text={text} chosen={chosen} />
            <Ends asked={asked} page={value} isLater={after !== null} />
          </>
        )}
      </SeenValue>
      {asked === null ? null : (
        <>
          <MatchingActs
            search={search}
            asked={{ ...asked, values: { ...asked.values, after: null } }}
            chosen={chosen}
          />
          <SqlText of={asked} />
        </>
      )}
    </>
  );
}

/** Null: the search has a mistake. A payload is read only for a filter, because that takes a scope more. */
function listed({ values, filter, mistakes }: Search, after: string | null): Call | null {
  if (mistakes.length > 0) {
    return null;
  }
  const given = { ...values, state: values.state?.split(",") ?? null, after };
  return filter === null ? call("list_events", given) : call("search_events", { ...given, filter });
}

interface EventTableProps {
  readonly page: Page<ListedEvent>;
  readonly text: string;
  readonly chosen: Chosen;
}

function EventTable({ page: { data, next }, text, chosen }: EventTableProps) {
  const isNothing = text === "" ? <FirstEvent /> : null;
  return (
    <Table
      label="Events, the newest first"
      rows={data}
      keyOf={({ id }) => id}
      empty={
        next !== null ? (
          <p>Nothing so far.</p>
        ) : (
          (isNothing ?? (
            <NoMatch
              text={text}
              fields={EVENT_FIELDS}
              asked={(other) => listed(parseSearch(other, EVENT_FIELDS), null)}
            />
          ))
        )
      }
      columns={[
        {
          head: "chosen",
          top: (
            <input
              type="checkbox"
              aria-label="Choose every event on this page"
              checked={data.every(({ id }) => chosen.has(id))}
              onClick={() => chosen.toggleAll()}
            />
          ),
          cell: ({ id, event_type }) => (
            <input
              type="checkbox"
              aria-label={`Choose ${event_type} ${id}`}
              checked={chosen.has(id)}
              onClick={(event) => chosen.toggle(id, event.shiftKey)}
            />
          ),
        },
        { head: "inserted", cell: ({ created_at }) => <Time at={created_at} /> },
        { head: "event", cell: ({ id }) => <EventId id={id} /> },
        { head: "type", cell: ({ event_type, is_test }) => `${event_type}${is_test ? " (test)" : ""}` },
        { head: "tenant", cell: ({ tenant }) => tenant },
        { head: "key", cell: ({ ordering_key }) => ordering_key },
        { head: "deliveries", cell: (event) => <Deliveries event={event} /> },
        { head: "attempts", isNumber: true, cell: ({ attempts }) => attempts || "" },
        { head: "last answer", cell: (event) => <LastAnswer event={event} /> },
        { head: "next", cell: ({ next_attempt_at }) => <Time at={next_attempt_at} /> },
      ]}
    />
  );
}

function Deliveries({ event: { deliveries, erased_at, deliver_at } }: { readonly event: ListedEvent }) {
  const counts = Object.entries(deliveries ?? {});
  return (
    <span class="counts">
      {counts.map(([state, count]) => (
        <span key={state}>
          {count} <State word={state} />
        </span>
      ))}
      {counts.length === 0 ? <span class="faint">none recorded</span> : null}
      {erased_at === null ? null : <span class="faint">erased</span>}
      {deliver_at === null ? null : <span class="faint">to be sent from {exactTime(deliver_at)} on</span>}
    </span>
  );
}

function LastAnswer({ event }: { readonly event: ListedEvent }) {
  const { last_endpoint_id, last_endpoint_name, last_http_status, last_failure_kind } = event;
  return last_endpoint_id === null ? null : (
    <span class="counts">
      <span>{answerText({ http_status: last_http_status, failure_kind: last_failure_kind })}</span>
      <EndpointLink endpoint={{ endpoint_id: last_endpoint_id, name: last_endpoint_name ?? "its endpoint" }} />
    </span>
  );
}

const INSERT = `insert into postrider.outbox (event_type, payload) values ('order.paid', '{"order_id": 42}');`;

function FirstEvent() {
  return (
    <>
      <p>No event in the last 24 hours. Insert one, and it appears here:</p>
      <Listing>{INSERT}</Listing>
      <Copy text={INSERT} label="Copy the insert" />
    </>
  );
}
