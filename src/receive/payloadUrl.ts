import type { LargePayload } from "./event.ts";
import { badOption } from "./payloadError.ts";

/** Refuses what may not be asked. */
export function payloadUrl({ url }: LargePayload, isSigned: boolean, origins: readonly string[] | undefined): string {
  const origin = originOf(url);
  if (origin === null) {
    throw badOption("its URL is none of http or https; ask the sender");
  }
  if (origins !== undefined && !origins.map(originOf).includes(origin)) {
    throw badOption(`its URL is at ${origin}, which is not one of the origins given; add it if you trust it`);
  }
  if (origins === undefined && !isSigned) {
    throw badOption(
      "its URL came in a header, which no signature covers, so anyone may have written it; give the origin of the sender's payloads in origins",
    );
  }
  return url;
}

function originOf(text: string): string | null {
  try {
    const { protocol, origin, username, password } = new URL(text);
    return ["http:", "https:"].includes(protocol) && username === "" && password === "" ? origin : null;
  } catch {
    return null;
  }
}
