import { href, route } from "../route.ts";

/** The way to what continues behind the last row of a list, and back to its first one. */
export function More({ next }: { readonly next: string | null }) {
  const { path, query } = route.value;
  const kept = Object.fromEntries(query);
  return (
    <p class="ends">
      {query.has("after") ? (
        <a href={href(path, { ...kept, after: null })} data-key="[">
          to the first
        </a>
      ) : null}
      {next === null ? null : (
        <a href={href(path, { ...kept, after: next })} data-key="]">
          more
        </a>
      )}
    </p>
  );
}
