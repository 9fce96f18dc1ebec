import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { Heading } from "../parts/heading.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { href } from "../route.ts";
import type { Rows, Unmatched } from "../rows.ts";
import { wordOf } from "../search.ts";

/** What is unmatched is counted once a minute. */
const LOOK_MS = 15_000;
const UNMATCHED = call("list_unmatched");

/** What nobody is subscribed to: perhaps on purpose, perhaps for a type that was written wrong. */
export function UnmatchedScreen() {
  const rows = useLive<Rows<Unmatched>>(UNMATCHED, LOOK_MS);
  return (
    <>
      <Heading title="Unmatched events" />
      <p>Of the last 24 hours, those that no endpoint got. The journey of an event says why, for each endpoint.</p>
      <SeenValue of={rows}>
        {({ data }) => (
          <Table
            label="Unmatched events, the most first"
            rows={data}
            keyOf={({ tenant, event_type }) => JSON.stringify([tenant, event_type])}
            empty={<p>None: every event had an endpoint.</p>}
            columns={[
              { head: "type", cell: (row) => <a href={linkOf(row)}>{row.event_type}</a> },
              { head: "tenant", cell: ({ tenant }) => tenant },
              { head: "events", isNumber: true, cell: ({ events }) => events },
              { head: "last seen", cell: ({ last_seen_at }) => <Time at={last_seen_at} /> },
            ]}
          />
        )}
      </SeenValue>
      <SqlText of={UNMATCHED} />
    </>
  );
}

function linkOf({ tenant, event_type }: Unmatched): string {
  const words = [wordOf("type", event_type), ...(tenant === "" ? [] : [wordOf("tenant", tenant)])];
  return href(["events"], { q: words.join(" ") });
}
