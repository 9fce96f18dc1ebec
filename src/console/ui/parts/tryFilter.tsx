import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLive } from "../live.ts";
import { call, canDo } from "../operation.ts";
import type { Rows, Tried } from "../rows.ts";
import { EventId } from "./id.tsx";
import { SeenValue } from "./seen.tsx";
import { SqlText } from "./sql.tsx";
import { Time } from "./time.tsx";

/** A pause in typing after which the filter is tried. */
const TYPED_MS = 250;

interface TryFilterProps {
  readonly type: string;
  readonly filter: string;
  readonly tenant: string;
}

/** What a subscription would get of the newest events, while it is typed. It reads payloads, which takes a scope more. */
export function TryFilter({ type, filter, tenant }: TryFilterProps) {
  const tried = useSignal({ type, filter });
  useEffect(() => {
    const timer = setTimeout(() => {
      tried.value = { type, filter };
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [type, filter]);
  const isAsked = tried.value.filter !== "" && canDo("try_filter");
  const read = isAsked
    ? call("try_filter", { event_type: tried.value.type, filter: tried.value.filter, tenant })
    : null;
  const events = useLive<Rows<Tried>>(read);
  if (read === null) {
    return null;
  }
  return (
    <div class="tried">
      <SeenValue of={events}>{({ data }) => <TriedEvents events={data} />}</SeenValue>
      <SqlText of={read} />
    </div>
  );
}

function TriedEvents({ events }: { readonly events: readonly Tried[] }) {
  const matching = events.filter(({ matches }) => matches === true).length;
  return (
    <>
      <p role="status">
        {events.length === 0
          ? "No event of the last day is of this type."
          : `${matching} of the newest ${events.length} events match.`}
      </p>
      <ul class="why">
        {events.map(({ id, event_type, created_at, matches }) => (
          <li key={id}>
            <span class={matches === true ? "good" : "faint"}>
              <span aria-hidden="true">{matches === true ? "✔" : "–"}</span> {matchText(matches)}
            </span>{" "}
            <EventId id={id} /> {event_type} <Time at={created_at} />
          </li>
        ))}
      </ul>
    </>
  );
}

function matchText(matches: boolean | null): string {
  return matches === null ? "no answer" : matches ? "matches" : "does not match";
}
