import { useRef } from "preact/hooks";
import { useLive } from "../live.ts";
import { type Call, call } from "../operation.ts";
import { Copy } from "../parts/copy.tsx";
import { Heading } from "../parts/heading.tsx";
import { EventId } from "../parts/id.tsx";
import { Listing } from "../parts/listing.tsx";
import { SearchField } from "../parts/searchField.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { exactTime, Time } from "../parts/time.tsx";
import { go, href, route } from "../route.ts";
import type { ListedEvent, Page } from "../rows.ts";
import { parseSearch, type Search } from "../search.ts";

export function Events() {
  const { query } = route.value;
  const text = query.get("q") ?? "";
  const after = query.get("after") ?? null;
  const search = parseSearch(text);
  const asked = search.mistakes.length > 0 ? null : listed(search, after);
  const page = useLive<Page<ListedEvent>>(asked);
  return (
    <>
      <Heading title="Events" />
      <SearchForm search={search} />
      <SeenValue of={page}>
        {(value) => (
          <>
            <EventTable events={value.data} isSearch={text !== ""} />
            <Ends page={value} isLater={after !== null} />
          </>
        )}
      </SeenValue>
      {asked === null ? null : <SqlText of={asked} />}
    </>
  );
}

/** A payload is read only for a filter, because that takes a scope more. */
function listed({ filter, since, until, event_type, tenant }: Search, after: string | null): Call {
  const values = { since: sinceOf(since), until, event_type, tenant, after };
  return filter === null ? call("list_events", values) : call("search_events", { ...values, filter });
}

/** An age, such as 2h, becomes a time of a whole minute: the list would otherwise be another one at each look. */
function sinceOf(since: string | null): string | null {
  const [, count, unit = ""] = /^(\d{1,5})([smhd])$/.exec(since ?? "") ?? [];
  if (count === undefined) {
    return since;
  }
  const agoMs = Number(count) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as "s" | "m" | "h" | "d"];
  return new Date(Math.floor((Date.now() - agoMs) / 60_000) * 60_000).toISOString();
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function SearchForm({ search: { mistakes } }: { readonly search: Search }) {
  const form = useRef<HTMLFormElement>(null);
  const submit = (event: Event): void => {
    event.preventDefault();
    const word = form.current?.querySelector("input")?.value.trim() ?? "";
    if (UUID.test(word)) go(["events", word.toLowerCase()]);
  };
  return (
    <search>
      <form ref={form} class="search" onSubmit={submit}>
        <SearchField
          label="Search by type, tenant, time or payload, or go to an id"
          placeholder="type:order.* tenant:acme since:24h $.amount > 100"
          describedBy="search-help"
        />
        <p id="search-help" class={mistakes.length > 0 ? "bad" : "faint"}>
          {mistakes[0] ??
            "The last 24 hours, unless since: says otherwise. What begins with $ is a filter, as subscriptions have it."}
        </p>
      </form>
    </search>
  );
}

function EventTable({ events, isSearch }: { readonly events: readonly ListedEvent[]; readonly isSearch: boolean }) {
  return (
    <Table
      label="Events, the newest first"
      rows={events}
      keyOf={({ id }) => id}
      empty={isSearch ? <p>No event matches.</p> : <FirstEvent />}
      columns={[
        { head: "inserted", cell: ({ created_at }) => <Time at={created_at} /> },
        { head: "event", cell: ({ id }) => <EventId id={id} /> },
        { head: "type", cell: ({ event_type, is_test }) => `${event_type}${is_test ? " (test)" : ""}` },
        { head: "tenant", cell: ({ tenant }) => tenant },
        { head: "key", cell: ({ ordering_key }) => ordering_key },
        { head: "deliveries", cell: (event) => <Deliveries event={event} /> },
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

/** How far back it looked, and what goes on from there. */
function Ends({
  page: { next, searched_to },
  isLater,
}: {
  readonly page: Page<ListedEvent>;
  readonly isLater: boolean;
}) {
  const { path, query } = route.value;
  const kept = Object.fromEntries(query);
  return (
    <p class="ends">
      {searched_to === null || searched_to === undefined ? null : (
        <span>Searched back to {exactTime(searched_to)}. </span>
      )}
      {isLater ? (
        <a href={href(path, { ...kept, after: null })} data-key="[">
          newest
        </a>
      ) : null}
      {next === null ? null : (
        <a href={href(path, { ...kept, after: next })} data-key="]">
          older
        </a>
      )}
    </p>
  );
}
