import { signal } from "@preact/signals";
import { hasKeys, nextTheme, nextZone } from "./preferences.ts";
import { go, route } from "./route.ts";
import { session } from "./session.ts";
import { isLive } from "./shown.ts";

export const isHelpOpen = signal(false);

/** What the palette looks for; null while it is closed. */
export const palette = signal<"anything" | "why" | null>(null);

/** How long the second key of `g o` may take. */
const SECOND_MS_MAX = 1_200;

/** By the key behind `g`. */
export const PLACES: Readonly<Record<string, string>> = {
  o: "overview",
  e: "events",
  f: "attempts",
  p: "endpoints",
  t: "types",
  r: "replays",
  d: "daemons",
  a: "audit",
  k: "keys",
};

/** The screens of the menu. */
export const SCREENS: Readonly<Record<string, string>> = {
  overview: "Overview",
  events: "Events",
  attempts: "Failed attempts",
  endpoints: "Endpoints",
  types: "Event types",
  replays: "Replays",
  daemons: "Daemons",
  audit: "Audit",
  keys: "Keys",
};

/** What a key does; what stands on the screen has its own keys, in data-key. */
export const KEYS: Readonly<Record<string, { readonly does: string; run(): void }>> = {
  "/": { does: "search", run: () => focusOn("[data-search]") },
  j: { does: "next row", run: () => moveRow(1) },
  k: { does: "row before", run: () => moveRow(-1) },
  x: { does: "choose the row; with shift, up to it", run: () => chooseRow(false) },
  X: { does: "choose up to the row", run: () => chooseRow(true) },
  w: { does: "why did it not arrive", run: why },
  l: {
    does: "follow what happens, or stop",
    run: () => {
      isLive.value = !isLive.value;
    },
  },
  t: { does: "light, dark, or as the system is", run: nextTheme },
  z: { does: "local time or UTC", run: nextZone },
  "?": {
    does: "this help",
    run: () => {
      isHelpOpen.value = !isHelpOpen.value;
    },
  },
};

/** Keys of buttons and links, on the screens that have them. */
export const SCREEN_KEYS: readonly (readonly [key: string, does: string])[] = [
  ["r", "redeliver"],
  ["c", "cancel"],
  ["p", "pause or resume"],
  ["s", "show the SQL"],
  ["u", "the request as curl"],
  ["y", "copy the id"],
  ["[", "newer"],
  ["]", "older"],
  ["Enter", "open the row"],
  ["Ctrl K", "go to anything"],
  ["Esc", "close, or choose none"],
];

let gAtMs = Number.NEGATIVE_INFINITY;

export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
    if (
      event.key.toLowerCase() === "k" &&
      (event.ctrlKey || event.metaKey) &&
      !event.altKey &&
      session.value.kind === "in"
    ) {
      palette.value = "anything";
      event.preventDefault();
      return;
    }
    if (event.key === "Escape" && isWriting(event.target) && document.querySelector("dialog[open]") === null) {
      // From the field of a search back to the list.
      (event.target as HTMLElement).blur();
      return;
    }
    if (!hasKeys.value || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) {
      return;
    }
    if (pressed(event.key)) {
      event.preventDefault();
    }
  });
}

/** Returns whether the key means something here. */
function pressed(key: string): boolean {
  const place = performance.now() - gAtMs < SECOND_MS_MAX ? PLACES[key] : undefined;
  gAtMs = key === "g" ? performance.now() : Number.NEGATIVE_INFINITY;
  if (place !== undefined) {
    go([place]);
    return true;
  }
  // A dialog has no keys but those of its fields and buttons.
  if (document.querySelector("dialog[open]") !== null) {
    return false;
  }
  const known = KEYS[key];
  known?.run();
  return known !== undefined || clickOn(key);
}

function clickOn(key: string): boolean {
  const target = [...document.querySelectorAll<HTMLElement>("[data-key]")].find((each) => each.dataset.key === key);
  target?.click();
  return target !== undefined;
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")
  );
}

function focusOn(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}

function moveRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const present = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[present === -1 ? (by === 1 ? 0 : rows.length - 1) : present + by];
  next?.querySelector<HTMLElement>("a, button")?.focus();
}

function presentRow(): Element | null {
  return document.activeElement?.closest("[data-row]") ?? null;
}

function chooseRow(shiftKey: boolean): void {
  const box = presentRow()?.querySelector("input[type=checkbox]");
  box?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey }));
}

/** Of the event of this row or screen; anywhere else, of one whose id is asked for. */
function why(): void {
  const event = presentRow()?.querySelector<HTMLAnchorElement>("[data-event]")?.dataset.event;
  const [screen, id] = route.value.path;
  if (event !== undefined) go(["events", event], { see: "why" });
  else if (screen === "events" && id !== undefined) focusOn("#why");
  else palette.value = "why";
}
