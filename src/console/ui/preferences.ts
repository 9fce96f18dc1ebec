import { effect, signal } from "@preact/signals";
import { type Zone, zone } from "./shown.ts";

export type Theme = "auto" | "light" | "dark";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const ZONES: readonly Zone[] = ["local", "UTC"];

export const theme = signal<Theme>(stored("theme", THEMES));
/** Whether single letters are commands: who dictates text, or whose keys slip, switches them off. */
export const hasKeys = signal(stored("keys", ["on", "off"]) === "on");
zone.value = stored("zone", ZONES);

effect(() => {
  const { classList } = document.documentElement;
  for (const each of THEMES) classList.toggle(`theme-${each}`, each === theme.value);
  keep("theme", theme.value);
});
effect(() => keep("zone", zone.value));
effect(() => keep("keys", hasKeys.value ? "on" : "off"));

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "auto";
}

export function nextZone(): void {
  zone.value = zone.value === "UTC" ? "local" : "UTC";
}

/** A browser may forbid storage; then a preference lasts as long as the page. */
function stored<Value extends string>(name: string, values: readonly [Value, ...Value[]] | readonly Value[]): Value {
  const [first] = values;
  if (first === undefined) {
    throw new Error(`the preference ${name} has no values`);
  }
  try {
    const kept = localStorage.getItem(`postrider.${name}`);
    return values.find((value) => value === kept) ?? first;
  } catch {
    return first;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`postrider.${name}`, value);
  } catch {
    // See stored().
  }
}

/** Named searches of a screen. What somebody else has put there counts as none. */
export function keptViews(screen: string): Readonly<Record<string, string>> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(`postrider.views.${screen}`) ?? "{}");
    const entries = typeof kept === "object" && kept !== null ? Object.entries(kept) : [];
    return Object.fromEntries(entries.filter(([, text]) => typeof text === "string"));
  } catch {
    return {};
  }
}

export function keepViews(screen: string, views: Readonly<Record<string, string>>): void {
  keep(`views.${screen}`, JSON.stringify(views));
}
