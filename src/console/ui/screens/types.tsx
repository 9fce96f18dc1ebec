import { useSignal } from "@preact/signals";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { Heading } from "../parts/heading.tsx";
import { JsonText } from "../parts/json.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { href, route } from "../route.ts";
import type { EventType, ListedEventType, Page } from "../rows.ts";

export function Types() {
  const { path, query } = route.value;
  const asked = call("list_event_types", { after: query.get("after") ?? null });
  const page = useLive<Page<ListedEventType>>(asked);
  return (
    <>
      <Heading title="Event types" />
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <TypeTable types={data} />
            <p class="ends">
              {next === null ? null : (
                <a href={href(path, { after: next })} data-key="]">
                  more
                </a>
              )}
            </p>
          </>
        )}
      </SeenValue>
      <SqlText of={asked} />
    </>
  );
}

function TypeTable({ types }: { readonly types: readonly ListedEventType[] }) {
  return (
    <Table
      label="Event types, by name"
      rows={types}
      keyOf={({ name }) => name}
      empty={<p>The catalogue is empty. The function postrider.define_event_type describes a type.</p>}
      columns={[
        { head: "type", cell: ({ name }) => <a href={href(["events"], { q: `type:${name}` })}>{name}</a> },
        { head: "what it is", cell: ({ description }) => description },
        { head: "payloads", cell: payloadsText },
        { head: "", cell: ({ deprecated }) => (deprecated ? "deprecated" : "") },
        { head: "changed", cell: ({ updated_at }) => <Time at={updated_at} /> },
        { head: "schema", cell: ({ name, has_schema }) => (has_schema ? <Schema name={name} /> : "none") },
      ]}
    />
  );
}

function payloadsText({ enforce, has_schema }: ListedEventType): string {
  if (!has_schema) return "any";
  return enforce ? "must fit the schema" : "should fit the schema";
}

/** Read when somebody wants to see it. */
function Schema({ name }: { readonly name: string }) {
  const isOpen = useSignal(false);
  return (
    <details
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>show</summary>
      {isOpen.value ? <SchemaText name={name} /> : null}
    </details>
  );
}

function SchemaText({ name }: { readonly name: string }) {
  const type = useLive<EventType>(call("read_event_type", { name }));
  return <SeenValue of={type}>{({ json_schema }) => <JsonText text={JSON.stringify(json_schema)} />}</SeenValue>;
}
