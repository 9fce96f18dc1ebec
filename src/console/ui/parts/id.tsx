import { href } from "../route.ts";

/** Enough of a UUID version 7 to tell it from others: its first digits are the time, its last are random. */
const ENDS = 4;

export function EventId({ id }: { readonly id: string }) {
  return (
    <a class="id" href={href(["events", id])} title={id} data-event={id}>
      {shortId(id)}
    </a>
  );
}

function shortId(id: string): string {
  return `${id.slice(0, 8)}…${id.slice(-ENDS)}`;
}

export interface NamedEndpoint {
  readonly endpoint_id: string | null;
  readonly name?: string | null;
  readonly url?: string | null;
}

export function EndpointLink({ endpoint }: { readonly endpoint: NamedEndpoint }) {
  const { endpoint_id, name, url } = endpoint;
  const text = name ?? url ?? endpoint_id ?? "no endpoint";
  return endpoint_id === null ? (
    <span>{text}</span>
  ) : (
    <a href={href(["endpoints", endpoint_id])} title={url ?? endpoint_id}>
      {text}
    </a>
  );
}
