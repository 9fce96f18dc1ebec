import { signal } from "@preact/signals";

/**
 * Where the reader is: `#/events/019a…?endpoint=billing`. It is in the fragment, so that the page works behind any prefix of
 * a proxy, and the server needs to know no screen.
 */
export interface Route {
  /** Never empty: the first is the name of the screen. */
  readonly path: readonly [string, ...string[]];
  readonly query: ReadonlyMap<string, string>;
}

export const route = signal<Route>(parseRoute(location.hash));

addEventListener("hashchange", () => {
  route.value = parseRoute(location.hash);
});

const HOME = "overview";

function parseRoute(hash: string): Route {
  const [place = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [screen = "", ...rest] = place.split("/").map(decoded);
  return { path: [screen === "" ? HOME : screen, ...rest], query: new Map(new URLSearchParams(query)) };
}

/** A person may have typed anything. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export type Query = Readonly<Record<string, string | null | undefined>>;

/** The reference to a screen. Of the query, what is null or empty is left out. */
export function href(path: readonly string[], query: Query = {}): string {
  const search = searchOf(query);
  return `#/${path.map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}

export function go(path: readonly string[], query: Query = {}): void {
  location.hash = href(path, query);
}

/** Changes some of the query, and keeps the screen. It makes no entry in the history, because a filter is typed. */
export function setQuery(changes: Query): void {
  const { path, query } = route.value;
  replace(path, { ...Object.fromEntries(query), ...changes });
}

/** Goes there without an entry in the history. */
export function replace(path: readonly string[], query: Query = {}): void {
  history.replaceState(null, "", href(path, query));
  route.value = parseRoute(location.hash);
}

export function searchOf(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === null || value === undefined || value === "" ? [] : [[name, value]],
  );
  return new URLSearchParams(given).toString();
}
