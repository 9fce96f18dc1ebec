import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { JsonText } from "../../../ui/parts/json.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import type { EventType } from "../rows.ts";

const LOOK_MS = 60_000;

/** What the payloads of a type look like, read when somebody wants to see it. */
export function Schema({ name }: { readonly name: string }) {
  const isOpen = useSignal(false);
  return (
    <details
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary aria-label={`Schema of ${name}`}>schema</summary>
      {isOpen.value ? <SchemaText name={name} /> : null}
    </details>
  );
}

function SchemaText({ name }: { readonly name: string }) {
  const type = useLive<EventType>(call("portal_read_event_type", { name }), LOOK_MS, ["json_schema"]);
  return <SeenValue of={type}>{({ json_schema }) => <JsonText text={json_schema ?? "null"} />}</SeenValue>;
}
