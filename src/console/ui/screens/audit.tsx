import { LOOK_MS, useLive } from "../live.ts";
import { call } from "../operation.ts";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink, EventId } from "../parts/id.tsx";
import { JsonText } from "../parts/json.tsx";
import { More } from "../parts/more.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Clock } from "../parts/time.tsx";
import { route } from "../route.ts";
import type { Change, Page } from "../rows.ts";

/** Who did what, when, with what was there before and after: of everything, of one endpoint, or of one event. */
export function Audit() {
  const { query } = route.value;
  const given = (name: string): string | null => query.get(name) ?? null;
  const asked = call("list_audit", {
    endpoint_id: given("endpoint"),
    event_id: given("event"),
    after: given("after"),
  });
  const page = useLive<Page<Change>>(asked, LOOK_MS, ["before", "after"]);
  return (
    <>
      <Heading title="Audit" />
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <AuditTable rows={data} />
            <More next={next} />
          </>
        )}
      </SeenValue>
      <SqlText of={asked} />
    </>
  );
}

function AuditTable({ rows }: { readonly rows: readonly Change[] }) {
  return (
    <Table
      label="What people did, the newest first"
      rows={rows}
      keyOf={({ id }) => id}
      empty={<p>Nothing in the last 30 days.</p>}
      columns={[
        { head: "when", cell: ({ at }) => <Clock at={at} /> },
        { head: "who", cell: whoOf },
        { head: "did", cell: ({ action }) => action },
        { head: "to", cell: (row) => <Subject row={row} /> },
        { head: "reason", cell: ({ detail }) => (typeof detail.reason === "string" ? detail.reason : "") },
        { head: "more", cell: (row) => <What of={row} /> },
      ]}
    />
  );
}

function whoOf({ actor, on_behalf_of }: Change): string {
  return on_behalf_of === null ? actor : `${on_behalf_of}, through ${actor}`;
}

function Subject({ row: { endpoint_id, endpoint_name, event_id } }: { readonly row: Change }) {
  return (
    <span class="counts">
      {endpoint_id === null ? null : <EndpointLink endpoint={{ endpoint_id, name: endpoint_name }} />}
      {event_id === null ? null : <EventId id={event_id} />}
    </span>
  );
}

function What({ of: { detail, before, after } }: { readonly of: Change }) {
  return (
    <details>
      <summary>what</summary>
      <JsonText text={`{"detail":${JSON.stringify(detail)},"before":${before},"after":${after}}`} />
    </details>
  );
}
