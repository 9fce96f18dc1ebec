import { useSignal } from "@preact/signals";
import { keepViews, keptViews } from "../preferences.ts";
import { href, route } from "../route.ts";

/** Searches that the reader has given a name; this browser keeps them. Their addresses can be sent to others. */
export function SavedViews() {
  const { path, query } = route.value;
  const [screen] = path;
  const q = query.get("q") ?? "";
  const views = useSignal(keptViews(screen));
  const name = useSignal("");
  const change = (next: Readonly<Record<string, string>>): void => {
    views.value = next;
    keepViews(screen, next);
  };
  const save = (event: Event): void => {
    event.preventDefault();
    change({ ...views.value, [name.value.trim()]: q });
    name.value = "";
  };
  const entries = Object.entries(views.value);
  return (
    <details class="views">
      <summary>Saved searches{entries.length === 0 ? "" : ` (${entries.length})`}</summary>
      <ul>
        {entries.map(([each, text]) => (
          <li key={each}>
            <a href={href(path, { q: text })}>{each}</a> <code>{text}</code>{" "}
            <button
              type="button"
              class="quiet"
              aria-label={`Forget ${each}`}
              onClick={() => change(Object.fromEntries(entries.filter(([other]) => other !== each)))}
            >
              forget
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={save}>
        <label>
          Save this search as{" "}
          <input
            required
            pattern=".*\S.*"
            maxLength={60}
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value;
            }}
          />
        </label>{" "}
        <button type="submit" disabled={q === ""}>
          Save
        </button>
      </form>
    </details>
  );
}
