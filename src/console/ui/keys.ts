import { signal } from "@preact/signals";
import { hasKeys, isLive, nextTheme, nextZone } from "./preferences.ts";
import { go } from "./route.ts";

export const isHelpOpen = signal(false);

/** How long the second key of `g o` may take. */
const SECOND_MS_MAX = 1_200;

/** By the key behind `g`. */
export const PLACES: Readonly<Record<string, string>> = {
  o: "overview",
  e: "events",
  p: "endpoints",
  t: "types",
  r: "replays",
  d: "daemons",
  a: "audit",
};

/** What a key does; what stands on the screen has its own keys, in data-key. */
export const KEYS: Readonly<Record<string, { readonly does: string; run(): void }>> = {
  "/": { does: "search", run: () => focusOn("[data-search]") },
  j: { does: "next row", run: () => moveRow(1) },
  k: { does: "row before", run: () => moveRow(-1) },
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
  ["y", "copy the id"],
  ["[", "newer"],
  ["]", "older"],
];

let gAtMs = Number.NEGATIVE_INFINITY;

export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
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
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
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
