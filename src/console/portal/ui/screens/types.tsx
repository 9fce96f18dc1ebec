import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Heading } from "../../../ui/parts/heading.tsx";
import { More } from "../../../ui/parts/more.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { Table } from "../../../ui/parts/table.tsx";
import { route } from "../../../ui/route.ts";
import type { Page } from "../../../ui/rows.ts";
import { Schema } from "../parts/schema.tsx";
import type { ListedEventType } from "../rows.ts";

const LOOK_MS = 15_000;

export function Types() {
  const page = useLive<Page<ListedEventType>>(
    call("portal_list_event_types", { after: route.value.query.get("after") ?? null }),
    LOOK_MS,
  );
  return (
    <>
      <Heading title="Event types" />
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <Table
              label="Event types, by name"
              rows={data}
              keyOf={({ name }) => name}
              empty={<p>The catalogue is empty. An endpoint can still get all events.</p>}
              columns={[
                { head: "type", cell: ({ name }) => <code>{name}</code> },
                {
                  head: "what it is",
                  cell: ({ description, deprecated }) => `${description ?? ""}${deprecated ? " (deprecated)" : ""}`,
                },
                { head: "schema", cell: ({ name, has_schema }) => (has_schema ? <Schema name={name} /> : "none") },
              ]}
            />
            <More next={next} />
          </>
        )}
      </SeenValue>
    </>
  );
}
