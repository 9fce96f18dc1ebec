import { useSignal } from "@preact/signals";
import { DEFINE, dropAct, policyAct, redefineAct } from "../acts/eventType.ts";
import { LOOK_MS, useLive } from "../live.ts";
import { call } from "../operation.ts";
import { ActButton } from "../parts/act.tsx";
import { Heading } from "../parts/heading.tsx";
import { JsonText } from "../parts/json.tsx";
import { More } from "../parts/more.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { href, route } from "../route.ts";
import type { EventType, EventTypePolicy, ListedEventType, Page } from "../rows.ts";

export function Types() {
  const { query } = route.value;
  const asked = call("list_event_types", { after: query.get("after") ?? null });
  const page = useLive<Page<ListedEventType>>(asked);
  return (
    <>
      <Heading title="Event types">
        <ActButton act={DEFINE} />
      </Heading>
      <Policy />
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <TypeTable types={data} />
            <More next={next} />
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
      empty={<p>The catalogue is empty. It documents what is published, and can refuse what does not fit.</p>}
      columns={[
        { head: "type", cell: ({ name }) => <a href={href(["events"], { q: `type:${name}` })}>{name}</a> },
        { head: "what it is", cell: ({ description }) => description },
        { head: "payloads", cell: payloadsText },
        { head: "", cell: ({ deprecated }) => (deprecated ? "deprecated" : "") },
        { head: "changed", cell: ({ updated_at }) => <Time at={updated_at} /> },
        { head: "definition", cell: ({ name }) => <Definition name={name} /> },
      ]}
    />
  );
}

function payloadsText({ enforce, has_schema }: ListedEventType): string {
  if (!has_schema) return "any";
  return enforce ? "must fit the schema" : "should fit the schema";
}

/** Read when somebody wants to see it. */
function Definition({ name }: { readonly name: string }) {
  const isOpen = useSignal(false);
  return (
    <details
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>show</summary>
      {isOpen.value ? <DefinitionText name={name} /> : null}
    </details>
  );
}

function DefinitionText({ name }: { readonly name: string }) {
  const read = call("read_event_type", { name });
  const type = useLive<EventType>(read, LOOK_MS, ["json_schema"]);
  return (
    <SeenValue of={type}>
      {(value) => (
        <>
          {value.json_schema === null ? <p>It has no schema.</p> : <JsonText text={value.json_schema} />}
          <p class="buttons">
            <ActButton act={redefineAct(value)} />
            <ActButton act={dropAct(value)} />
          </p>
          <SqlText of={read} />
        </>
      )}
    </SeenValue>
  );
}

const POLICY = call("read_event_type_policy");

/** What becomes of events whose type is not in the catalogue. */
function Policy() {
  const policy = useLive<EventTypePolicy>(POLICY);
  return (
    <SeenValue of={policy}>
      {({ unknown_types }) => (
        <p>
          Events whose type is not in the catalogue are {unknown_types}.{" "}
          <ActButton act={policyAct(unknown_types)} short="change" />
        </p>
      )}
    </SeenValue>
  );
}
