import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { PLACES, palette, SCREENS } from "./keys.ts";
import { ask, call } from "./operation.ts";
import { go } from "./route.ts";
import type { ListedEndpoint, ListedEventType, Page } from "./rows.ts";

/** Goes to anything that has an id or a name, and does what the screen can do. */
export function Palette() {
  const mode = palette.value;
  return mode === null ? null : <Dialog mode={mode} />;
}

interface Option {
  readonly label: string;
  readonly kind: string;
  choose(): void;
}

/** A pause in typing after which the API is asked. */
const TYPED_MS = 150;
const SHOWN_MAX = 12;

function Dialog({ mode }: { readonly mode: "anything" | "why" }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const text = useSignal("");
  const found = useSignal<readonly Option[]>([]);
  const place = useSignal(0);
  const near = useRef(mode === "why" ? [] : nearOptions());
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    const end = new AbortController();
    const timer = setTimeout(() => {
      void lookUp(text.value.trim(), mode, end.signal).then((options) => {
        if (!end.signal.aborted) found.value = options;
      });
    }, TYPED_MS);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [text.value]);
  const options = [...found.value, ...near.current.filter((option) => fits(option, text.value))].slice(0, SHOWN_MAX);
  const present = Math.min(place.value, options.length - 1);
  const choose = (option: Option | undefined): void => {
    if (option === undefined) return;
    dialog.current?.close();
    option.choose();
  };
  const move = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined || options.length === 0) return;
    event.preventDefault();
    place.value = (present + by + options.length) % options.length;
  };
  const label =
    mode === "why" ? "Why did it not arrive? The event's id" : "Go to an id, a name, a type or a screen, or do";
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label={label}
      onClose={() => {
        palette.value = null;
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          choose(options[present]);
        }}
      >
        <label for="palette">{label}</label>
        <input
          id="palette"
          role="combobox"
          aria-expanded={options.length > 0}
          aria-controls={options.length > 0 ? "palette-options" : undefined}
          aria-activedescendant={options.length === 0 ? undefined : `palette-${present}`}
          autoComplete="off"
          spellcheck={false}
          value={text.value}
          onKeyDown={move}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            place.value = 0;
          }}
        />
        {options.length === 0 ? null : (
          <div id="palette-options" role="listbox" aria-label="What there is">
            {options.map((option, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys
              // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus
              <div
                key={`${option.kind} ${option.label}`}
                id={`palette-${index}`}
                role="option"
                aria-selected={index === present}
                onClick={() => choose(option)}
              >
                {option.label} <span class="faint">{option.kind}</span>
              </div>
            ))}
          </div>
        )}
      </form>
    </dialog>
  );
}

/** The screens, and the buttons of the one that is open. */
function nearOptions(): readonly Option[] {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>("main .buttons button, main [data-key]")].filter(
    ({ tagName, disabled }) => tagName === "BUTTON" && !disabled,
  );
  const acts = buttons.map((button) => ({
    label: button.getAttribute("aria-label") ?? button.innerText,
    kind: "do",
    choose: () => button.click(),
  }));
  const screens = Object.entries(PLACES).map(([key, screen]) => ({
    label: SCREENS[screen] ?? screen,
    kind: `g ${key}`,
    choose: () => go([screen]),
  }));
  return [...new Map([...acts, ...screens].map((option) => [option.label, option])).values()];
}

function fits({ label }: Option, text: string): boolean {
  return label.toLowerCase().includes(text.trim().toLowerCase());
}

/** An id, or two of which the second is an endpoint's, as those of a delivery are written. */
const IDS = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

async function lookUp(text: string, mode: "anything" | "why", signal: AbortSignal): Promise<readonly Option[]> {
  const [id] = text.match(IDS) ?? [];
  if (id !== undefined) {
    const event = eventOption(id.toLowerCase());
    return mode === "why" ? [event] : idOptions(id.toLowerCase(), event, signal);
  }
  return text === "" || mode === "why" ? [] : nameOptions(text, signal);
}

/** Also of an id that never was: its screen says why there may be no such event. */
function eventOption(id: string): Option {
  return { label: id, kind: "event, and why it did not arrive", choose: () => go(["events", id], { see: "why" }) };
}

async function idOptions(id: string, event: Option, signal: AbortSignal): Promise<readonly Option[]> {
  const isThere = async (name: string, parameter: string): Promise<boolean> => {
    try {
      await ask(call(name, { [parameter]: id }), signal);
      return true;
    } catch {
      return false;
    }
  };
  const [isEndpoint, isReplay] = await Promise.all([
    isThere("read_endpoint", "endpoint_id"),
    isThere("read_replay", "replay_id"),
  ]);
  return [
    ...(isEndpoint ? [{ label: id, kind: "endpoint", choose: () => go(["endpoints", id]) }] : []),
    ...(isReplay ? [{ label: id, kind: "replay", choose: () => go(["replays"]) }] : []),
    ...(isEndpoint || isReplay ? [] : [event]),
  ];
}

async function nameOptions(text: string, signal: AbortSignal): Promise<readonly Option[]> {
  const lists = await Promise.all([
    ask<Page<ListedEndpoint>>(call("list_endpoints", { search: text, limit: 5 }), signal),
    ask<Page<ListedEventType>>(call("list_event_types", { limit: 200 }), signal),
  ]).catch(() => null);
  const [endpoints, types] = lists ?? [{ data: [] }, { data: [] }];
  return [
    ...endpoints.data.map(({ id, name, url }) => ({
      label: name ?? url ?? id,
      kind: "endpoint",
      choose: () => go(["endpoints", id]),
    })),
    ...types.data
      .filter(({ name }) => name.includes(text))
      .slice(0, 5)
      .map(({ name }) => ({ label: name, kind: "event type", choose: () => go(["events"], { q: `type:${name}` }) })),
    { label: text, kind: "search events", choose: () => go(["events"], { q: text }) },
  ];
}
