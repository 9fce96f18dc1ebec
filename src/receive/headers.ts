/** The headers of a request: a `Headers`, or an object such as Node's with names in any case. */
export type HeadersLike =
  | {
      get(name: string): string | null;
      forEach(callback: (value: string, name: string) => void): void;
    }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** By name in lower case. */
export type HeaderMap = ReadonlyMap<string, string>;

/** A header that came more than once has all its values, joined as `Headers` joins them; few remain valid that way. */
export function headerMap(headers: HeadersLike): HeaderMap {
  const map = new Map<string, string>();
  const add = (value: string, name: string) => {
    const key = name.toLowerCase();
    const before = map.get(key);
    map.set(key, before === undefined ? value : `${before}, ${value}`);
  };
  if (isIterated(headers)) {
    headers.forEach(add);
    return map;
  }
  for (const [name, given] of Object.entries(headers)) {
    for (const value of typeof given === "string" ? [given] : (given ?? [])) {
      add(value, name);
    }
  }
  return map;
}

function isIterated(headers: HeadersLike): headers is Extract<HeadersLike, { forEach: unknown }> {
  return typeof headers.forEach === "function";
}

/** The value of a header that is percent-encoded, as CloudEvents and Postrider do it; undefined if there is none. */
export function decodedHeader(headers: HeaderMap, name: string): string | undefined {
  const value = headers.get(name);
  if (value === undefined || !value.includes("%")) {
    return value;
  }
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** The type without its parameters, in lower case; empty if there is none. */
export function mediaType(contentType: string | undefined): string {
  const [type = ""] = (contentType ?? "").split(";", 1);
  return type.trim().toLowerCase();
}
