import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, call } from "../operation.ts";
import { go } from "../route.ts";
import type { ListedEndpoint, ListedEventType, Page } from "../rows.ts";
import { completions, type Search, type SearchFields, typedWord } from "../search.ts";
import { isUuid } from "../uuid.ts";
import { SearchField } from "./searchField.tsx";
import { SavedViews } from "./views.tsx";

interface SearchFormProps {
  readonly label: string;
  readonly placeholder: string;
  readonly help: string;
  readonly search: Search;
  readonly fields: SearchFields;
  /** What the list shows, by field: its values are offered. */
  readonly seen: Readonly<Record<string, readonly string[]>>;
}

/** A search that completes its fields and values, with those that were saved. An event's id leads to the event. */
export function SearchForm({ label, placeholder, help, search: { mistakes }, fields, seen }: SearchFormProps) {
  const form = useRef<HTMLFormElement>(null);
  const typed = useSignal("");
  const known = useKnown(typed.value, fields);
  const submit = (event: Event): void => {
    event.preventDefault();
    const word = form.current?.querySelector("input")?.value.trim() ?? "";
    if (isUuid(word)) go(["events", word.toLowerCase()]);
  };
  const [mistake] = mistakes;
  return (
    <search>
      <form ref={form} class="search" onSubmit={submit}>
        <SearchField
          label={label}
          placeholder={placeholder}
          describedBy="search-help"
          onTyped={(text) => {
            typed.value = text;
          }}
          offered={completions(typed.value, fields, {
            ...seen,
            type: [...(seen.type ?? []), ...known.types],
            endpoint: known.endpoints,
          })}
        />
        <p id="search-help" class={mistake === undefined ? "faint" : "bad"}>
          {mistake ?? help}
        </p>
      </form>
      <SavedViews />
    </search>
  );
}

interface Known {
  readonly endpoints: readonly string[];
  readonly types: readonly string[];
}

/** What the API knows of the value that is being typed. */
function useKnown(text: string, fields: SearchFields): Known {
  const known = useSignal<Known>({ endpoints: [], types: [] });
  const typed = typedWord(text, fields);
  const endpoint = typed?.name === "endpoint" ? typed.begun : null;
  const isType = typed?.name === "type";
  useEffect(() => {
    const end = new AbortController();
    const find = async (): Promise<void> => {
      if (endpoint !== null) {
        const asked = call("list_endpoints", { search: endpoint, limit: 20 });
        const { data } = await ask<Page<ListedEndpoint>>(asked, end.signal);
        known.value = { ...known.peek(), endpoints: data.map(({ name, id }) => name ?? id) };
      } else if (isType) {
        const { data } = await ask<Page<ListedEventType>>(call("list_event_types", { limit: 200 }), end.signal);
        known.value = { ...known.peek(), types: data.map(({ name }) => name) };
      }
    };
    find().catch(() => {
      // Nothing is offered then; the list itself says what is wrong.
    });
    return () => end.abort();
  }, [endpoint, isType]);
  return known.value;
}
