import { href, route } from "../../../ui/route.ts";

/** The way to what continues behind the last row, and back to the first one. */
export function More({ next }: { readonly next: string | null }) {
  const { path, query } = route.value;
  const kept = Object.fromEntries(query);
  return (
    <p class="ends">
      {query.has("after") ? <a href={href(path, { ...kept, after: null })}>to the newest</a> : null}
      {next === null ? null : <a href={href(path, { ...kept, after: next })}>more</a>}
    </p>
  );
}
