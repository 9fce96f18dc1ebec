import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink, EventId } from "../parts/id.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import type { Daemon, InFlight, Rows } from "../rows.ts";
import { Daemons } from "./overview.tsx";

const DAEMONS = call("list_daemons");
const IN_FLIGHT = call("list_in_flight");

export function DaemonsScreen() {
  const daemons = useLive<Rows<Daemon>>(DAEMONS);
  const inFlight = useLive<Rows<InFlight>>(IN_FLIGHT);
  return (
    <>
      <Heading title="Daemons" />
      <SeenValue of={daemons}>{({ data }) => <Daemons daemons={data} />}</SeenValue>
      <SqlText of={DAEMONS} />
      <section>
        <h2>In flight</h2>
        <SeenValue of={inFlight}>{({ data }) => <Requests rows={data} />}</SeenValue>
        <SqlText of={IN_FLIGHT} />
      </section>
    </>
  );
}

function Requests({ rows }: { readonly rows: readonly InFlight[] }) {
  return (
    <Table
      label="Deliveries that daemons have in hand"
      rows={rows}
      keyOf={({ event_id, endpoint_id }) => `${event_id} ${endpoint_id}`}
      empty={<p>Nothing is in flight at this moment.</p>}
      columns={[
        { head: "event", cell: ({ event_id }) => <EventId id={event_id} /> },
        { head: "endpoint", cell: (row) => <EndpointLink endpoint={row} /> },
        { head: "attempt", isNumber: true, cell: ({ attempt_number }) => attempt_number },
        { head: "since", cell: ({ since }) => <Time at={since} /> },
      ]}
    />
  );
}
