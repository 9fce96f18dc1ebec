import { CREATE } from "../acts/endpoint.tsx";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { ActButton } from "../parts/act.tsx";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink } from "../parts/id.tsx";
import { Listing } from "../parts/listing.tsx";
import { More } from "../parts/more.tsx";
import { SearchField } from "../parts/searchField.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { route, setQuery } from "../route.ts";
import type { ListedEndpoint, Page } from "../rows.ts";
import { endpointWord } from "./overview.tsx";

export function Endpoints() {
  const { query } = route.value;
  const given = (name: string): string | null => query.get(name) ?? null;
  const asked = call("list_endpoints", {
    ...{
      search: given("q"),
      state: given("state"),
      tenant: given("tenant"),
      failing: given("failing"),
      after: given("after"),
    },
  });
  const page = useLive<Page<ListedEndpoint>>(asked);
  return (
    <>
      <Heading title="Endpoints">
        <ActButton act={CREATE} />
      </Heading>
      <Filters />
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <EndpointTable endpoints={data} isFiltered={query.size > 0} />
            <More next={next} />
          </>
        )}
      </SeenValue>
      <SqlText of={asked} />
    </>
  );
}

function Filters() {
  const { query } = route.value;
  return (
    <search>
      <form class="search" onSubmit={(event) => event.preventDefault()}>
        <SearchField label="A part of the name, the URL or the id" />
        <p>
          <label>
            State{" "}
            <select
              value={query.get("state") ?? ""}
              onChange={(event) => setQuery({ state: event.currentTarget.value, after: null })}
            >
              <option value="">any</option>
              {["active", "paused", "disabled"].map((state) => (
                <option key={state} value={state}>
                  {state}
                </option>
              ))}
            </select>
          </label>{" "}
          <label>
            <input
              type="checkbox"
              checked={query.get("failing") === "true"}
              onChange={(event) => setQuery({ failing: event.currentTarget.checked ? "true" : null, after: null })}
            />{" "}
            only those that fail
          </label>
        </p>
      </form>
    </search>
  );
}

const IN_SQL = "select * from postrider.create_endpoint('https://example.com/webhooks', '{order.*}');";

function EndpointTable({
  endpoints,
  isFiltered,
}: {
  readonly endpoints: readonly ListedEndpoint[];
  readonly isFiltered: boolean;
}) {
  return (
    <Table
      label="Endpoints, the newest first"
      rows={endpoints}
      keyOf={({ id }) => id}
      empty={
        isFiltered ? (
          <p>No endpoint is like that.</p>
        ) : (
          <>
            <p>There is no endpoint yet. The button above makes one, and so does this; its secret is shown once:</p>
            <Listing>{IN_SQL}</Listing>
          </>
        )
      }
      columns={[
        { head: "endpoint", cell: ({ id, name, url }) => <EndpointLink endpoint={{ endpoint_id: id, name, url }} /> },
        {
          head: "state",
          cell: (endpoint) => <State word={endpointWord(endpoint)} title={endpoint.state_reason ?? undefined} />,
        },
        { head: "tenant", cell: ({ tenant }) => tenant },
        { head: "format", cell: ({ kind, format }) => (kind === "pull" ? "pull" : format) },
        { head: "failures in a row", isNumber: true, cell: ({ consecutive_failures }) => consecutive_failures || "" },
        { head: "since", cell: ({ failing_since }) => <Time at={failing_since} /> },
        {
          head: "why",
          cell: ({ state_reason, last_error, consecutive_failures }) =>
            state_reason ?? (consecutive_failures > 0 ? last_error : ""),
        },
      ]}
    />
  );
}
