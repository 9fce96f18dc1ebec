/** RFC 3986, in parts: no part can match the same text in two ways, so that judging it takes linear time. */
const ENCODED = "%[0-9A-Fa-f]{2}";
const UNRESERVED = "A-Za-z0-9._~!$&'()*+,;=\\-";
const PATH_CHARACTER = `(?:[${UNRESERVED}:@]|${ENCODED})`;
const AUTHORITY = `(?:(?:[${UNRESERVED}:]|${ENCODED})*@)?(?:\\[[0-9A-Fa-f:.]+\\]|(?:[${UNRESERVED}]|${ENCODED})*)(?::[0-9]*)?`;
const SEGMENTS = `(?:/${PATH_CHARACTER}*)*`;
const AFTER_PATH = `(?:\\?(?:${PATH_CHARACTER}|[/?])*)?(?:#(?:${PATH_CHARACTER}|[/?])*)?`;
const ABSOLUTE_PATH = `/(?:${PATH_CHARACTER}+${SEGMENTS})?`;
const URI = new RegExp(
  `^[A-Za-z][A-Za-z0-9+.-]*:(?://${AUTHORITY}${SEGMENTS}|${ABSOLUTE_PATH}|${PATH_CHARACTER}+${SEGMENTS})?${AFTER_PATH}$`,
);
const RELATIVE = new RegExp(
  `^(?://${AUTHORITY}${SEGMENTS}|${ABSOLUTE_PATH}|(?:[${UNRESERVED}@]|${ENCODED})+${SEGMENTS})?${AFTER_PATH}$`,
);

/** Whether a text is a URI with a scheme, such as `https://example.com/orders` and `urn:orders`. */
export function isUri(text: string): boolean {
  return URI.test(text);
}

/** Whether a text is a URI or the end of one, such as `/orders` and `orders`. The empty text is one. */
export function isUriReference(text: string): boolean {
  return URI.test(text) || RELATIVE.test(text);
}
