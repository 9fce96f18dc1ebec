/** All that needs no encoding: visible ASCII but the quotation mark and the percent sign. */
const NEEDS_ENCODING = /[^!#$&-~]/;
const ENCODED = /[^!#$&-~]+/g;

/**
 * Any text as the value of a header, percent-encoded as the CloudEvents binding for HTTP does it (§3.1.3.2): blanks, `"`,
 * `%` and everything that is not visible ASCII, in UTF-8. `decodeURIComponent` gives the text back.
 */
export function headerText(text: string): string {
  return NEEDS_ENCODING.test(text) ? text.toWellFormed().replace(ENCODED, encodeURIComponent) : text;
}
