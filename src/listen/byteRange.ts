/** What a request asks of a representation of `size` bytes, by RFC 9110 §14. */
export type ByteRange =
  /** All of it: no range is asked for, several are, or one in a unit or form that is not understood. */
  | { readonly kind: "whole" }
  /** `to` is behind the last byte. */
  | { readonly kind: "part"; readonly from: number; readonly to: number }
  /** Nothing of it is there. */
  | { readonly kind: "unsatisfiable" };

const WHOLE: ByteRange = { kind: "whole" };
const UNSATISFIABLE: ByteRange = { kind: "unsatisfiable" };

/** `ifRange` holds an entity tag or a date; only the strong tag of what is there now lets a range apply. */
export function byteRangeOf(
  range: string | undefined,
  ifRange: string | undefined,
  { size, etag }: { readonly size: number; readonly etag: string },
): ByteRange {
  const [, first, last] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(range ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) {
    return WHOLE;
  }
  if (ifRange !== undefined && ifRange !== etag) {
    return WHOLE;
  }
  if (first === "") {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? UNSATISFIABLE : { kind: "part", from: size - suffix, to: size };
  }
  const from = Number(first);
  const to = last === "" ? size : Math.min(Number(last) + 1, size);
  if (last !== "" && Number(last) < from) {
    return WHOLE;
  }
  return from >= size ? UNSATISFIABLE : { kind: "part", from, to };
}
