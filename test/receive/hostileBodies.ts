/**
 * Bodies of any size that cost a careless parser more than their size, or more than memory. Each is signed by the test:
 * what stands here is what an endpoint's own sender could do, or whoever stole its secret.
 */

export interface HostileBody {
  readonly name: string;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** With about so many bytes. */
  readonly body: (bytes: number) => string;
}

const JSON_TYPE = "application/json";
const XML = "application/xml";
const CLOUD_XML = "application/cloudevents+xml";
const CLOUD_JSON = "application/cloudevents+json";
const CLOUD_BATCH = "application/cloudevents-batch+json";
const JWE = "application/jose+json";

function filled(before: string, unit: string, after: string): (bytes: number) => string {
  return (bytes) => `${before}${unit.repeat(Math.ceil(bytes / unit.length))}${after}`;
}

/** Opened and closed as often. */
function nested(before: string, open: string, close: string, after: string): (bytes: number) => string {
  return (bytes) => {
    const depth = Math.ceil(bytes / (open.length + close.length));
    return `${before}${open.repeat(depth)}${close.repeat(depth)}${after}`;
  };
}

function numbered(before: string, unit: (index: number) => string, after: string): (bytes: number) => string {
  return (bytes) => {
    const count = Math.ceil(bytes / unit(1_000).length);
    return `${before}${Array.from({ length: count }, (_, index) => unit(index)).join("")}${after}`;
  };
}

const HEAD = '{"type":"order.paid","timestamp":"2026-11-24T09:00:00.123456Z","data":';
const CLOUD_HEAD = '{"specversion":"1.0","id":"1","source":"/","type":"a","data":';
const XML_HEAD = "<event><type>a</type><timestamp>2026-11-24T09:00:00Z</timestamp><data>";
const MAP = "http://www.w3.org/2005/xpath-functions";
const XML_TAIL = "</data></event>";

const JSON_BODIES: readonly (readonly [string, (bytes: number) => string])[] = [
  ["nested arrays", nested(HEAD, "[", "]", "}")],
  ["nested objects", nested(HEAD, '{"a":', "}", "}")],
  ["arrays that are never closed", filled(HEAD, "[", "")],
  ["objects that are never closed", filled(HEAD, '{"a":', "")],
  ["a long string", filled(`${HEAD}"`, "a", '"}')],
  ["a string that is never closed", filled(`${HEAD}"`, "a", "")],
  ["backslashes", filled(`${HEAD}"`, "\\\\", '"}')],
  ["an odd number of backslashes", filled(`${HEAD}"`, "\\\\", '\\"}')],
  ["escaped quotes", filled(`${HEAD}"`, '\\"', '"}')],
  ["escapes", filled(`${HEAD}"`, "\\u0000", '"}')],
  ["a long number", filled(`${HEAD}1`, "0", "}")],
  ["a long fraction", filled(`${HEAD}0.`, "9", "}")],
  ["a long exponent", filled(`${HEAD}1e`, "9", "}")],
  ["blanks before", filled("", " ", `${HEAD}1}`)],
  ["blanks inside", filled(HEAD, " \n", "1}")],
  ["blanks behind", filled(`${HEAD}1}`, "\t", "")],
  ["members of the same name", filled(`${HEAD}{"a":1`, ',"a":1', "}}")],
  ["members of other names", numbered(`${HEAD}{"a":1`, (index) => `,"a${index}":1`, "}}")],
  ["the envelope's members again", filled('{"type":"a"', ',"data":1,"type":"b"', "}")],
  ["members of the envelope", numbered('{"type":"a","data":1', (index) => `,"m${index}":{}`, "}")],
  ["commas", filled(`${HEAD}[1`, ",", "]}")],
  ["__proto__", filled(`${HEAD}{"__proto__":{"a":1}`, ',"__proto__":{"polluted":true}', "}}")],
  ["a batch of nothing", filled("[{}", ",{}", "]")],
  ["a batch of batches", nested("", "[", "]", "")],
  ["a batch of numbers", filled("[0", ",0", "]")],
  ["a batch of small events", numbered("[0", (index) => `,{"id":"${index}","type":"a","timestamp":"","data":0}`, "]")],
];

const XML_BODIES: readonly (readonly [string, (bytes: number) => string])[] = [
  ["nested elements", nested(XML_HEAD, "<a>", "</a>", XML_TAIL)],
  ["nested maps", nested(XML_HEAD, `<map xmlns="${MAP}">`, "</map>", XML_TAIL)],
  ["elements that are never closed", filled(XML_HEAD, "<a>", "")],
  ["tags that are never closed", filled(XML_HEAD, "<a ", "")],
  ["angle brackets", filled(XML_HEAD, "<", "")],
  ["attributes", numbered(`${XML_HEAD}<a`, (index) => ` b${index}="1"`, `/>${XML_TAIL}`)],
  ["attributes of the same name", filled(`${XML_HEAD}<a`, ' b="1"', `/>${XML_TAIL}`)],
  ["an attribute that is never closed", filled(`${XML_HEAD}<a b="`, "c", "")],
  ["blanks in a tag", filled(`${XML_HEAD}<a`, " ", `/>${XML_TAIL}`)],
  ["comments", filled(XML_HEAD, "<!---->", XML_TAIL)],
  ["comments that are never closed", filled(XML_HEAD, "<!--", "")],
  ["dashes", filled(`${XML_HEAD}<!--`, "-", "")],
  ["CDATA", filled(XML_HEAD, "<![CDATA[]]>", XML_TAIL)],
  ["CDATA that is never closed", filled(XML_HEAD, "<![CDATA[", "")],
  ["instructions", filled(XML_HEAD, "<?a?>", XML_TAIL)],
  ["instructions that are never closed", filled(XML_HEAD, "<?a ", "")],
  ["declarations of XML", filled("", '<?xml version="1.0"?>', `${XML_HEAD}${XML_TAIL}`)],
  ["references", filled(XML_HEAD, "&amp;", XML_TAIL)],
  ["references that are never closed", filled(XML_HEAD, "&amp", XML_TAIL)],
  ["references to characters", filled(XML_HEAD, "&#x10ffff;", XML_TAIL)],
  ["ampersands", filled(XML_HEAD, "&", XML_TAIL)],
  ["a long name", filled(`${XML_HEAD}<`, "a", `/>${XML_TAIL}`)],
  ["prefixes", filled(`${XML_HEAD}<`, "a:", `a/>${XML_TAIL}`)],
  ["namespaces", numbered(`${XML_HEAD}<a`, (index) => ` xmlns:n${index}="u"`, `/>${XML_TAIL}`)],
  ["blanks before", filled("", "\n ", `${XML_HEAD}${XML_TAIL}`)],
  ["blanks between", filled(XML_HEAD, " <a/>", XML_TAIL)],
  ["closing tags", filled(XML_HEAD, "</a>", XML_TAIL)],
  ["numbers", filled(`${XML_HEAD}<number xmlns="${MAP}">`, "9", `</number>${XML_TAIL}`)],
  ["small values", filled(`${XML_HEAD}<array xmlns="${MAP}">`, "<null/>", `</array>${XML_TAIL}`)],
  ["text between", filled(`${XML_HEAD}<array xmlns="${MAP}">`, "a<null/>", `</array>${XML_TAIL}`)],
  ["keys", numbered(`${XML_HEAD}<map xmlns="${MAP}">`, (index) => `<null key="k${index}"/>`, `</map>${XML_TAIL}`)],
  ["__proto__", filled(`${XML_HEAD}<map xmlns="${MAP}">`, '<null key="__proto__"/>', `</map>${XML_TAIL}`)],
];

const CLOUD_BODIES: readonly (readonly [string, string, (bytes: number) => string])[] = [
  ["nested data", CLOUD_JSON, nested(CLOUD_HEAD, "[", "]", "}")],
  ["attributes", CLOUD_JSON, numbered(`${CLOUD_HEAD}1`, (index) => `,"a${index}":"b"`, "}")],
  [
    "a long base64",
    CLOUD_JSON,
    filled('{"specversion":"1.0","id":"1","source":"/","type":"a","data_base64":"', "AAAA", '"}'),
  ],
  ["a batch", CLOUD_BATCH, numbered("[0", (index) => `,${CLOUD_HEAD}${index}}`, "]")],
  [
    "JSON in XML",
    CLOUD_XML,
    nested(
      '<event xmlns="http://cloudevents.io/xmlformat/V1" specversion="1.0"><id>1</id><source>/</source><type>a</type><time>2026-11-24T09:00:00Z</time><data>',
      "[",
      "]",
      "</data></event>",
    ),
  ],
];

const JWE_BODIES: readonly (readonly [string, (bytes: number) => string])[] = [
  [
    "a long ciphertext",
    filled('{"protected":"e30","encrypted_key":"AA","iv":"AA","tag":"AA","ciphertext":"', "A", '"}'),
  ],
  ["a long header", filled('{"ciphertext":"","protected":"', "A", '"}')],
  ["a long key", filled('{"protected":"e30","ciphertext":"","encrypted_key":"', "A", '"}')],
  ["nested members", nested('{"protected":', "[", "]", "}")],
];

/** All of them; each takes time and memory in proportion to its size, or is refused. */
export const HOSTILE_BODIES: readonly HostileBody[] = [
  ...JSON_BODIES.map(([name, body]) => ({ name: `JSON: ${name}`, contentType: JSON_TYPE, body })),
  ...XML_BODIES.map(([name, body]) => ({ name: `XML: ${name}`, contentType: XML, body })),
  ...CLOUD_BODIES.map(([name, contentType, body]) => ({ name: `CloudEvents: ${name}`, contentType, body })),
  ...JWE_BODIES.map(([name, body]) => ({ name: `JWE: ${name}`, contentType: JWE, body })),
];

/** Small ones that would take gigabytes, read a file, or ask a server, if a parser believed them. */
export const XML_BOMBS: readonly (readonly [string, string])[] = [
  ["a billion laughs", bomb("<!DOCTYPE event [", "]>")],
  ["in lower case", bomb("<!doctype event [", "]>")],
  ["behind a comment", `<!-- -->${bomb("<!DOCTYPE event [", "]>")}`],
  ["behind the declaration of XML", `<?xml version="1.0"?>\n${bomb("<!DOCTYPE event [", "]>")}`],
  ["behind a byte order mark", `\ufeff${bomb("<!DOCTYPE event [", "]>")}`],
  ["behind an instruction with a bracket", `<?a >?>${bomb("<!DOCTYPE event [", "]>")}`],
  ["inside the root", `<event>${bomb("<!DOCTYPE event [", "]>")}</event>`],
  ["a file", '<!DOCTYPE event [<!ENTITY f SYSTEM "file:///etc/passwd">]><event><type>&f;</type></event>'],
  ["a server", '<!DOCTYPE event SYSTEM "http://127.0.0.1:1/x.dtd"><event><type>a</type></event>'],
  ["a parameter entity", '<!DOCTYPE event [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]><event/>'],
  ["an entity without DOCTYPE", `<!ENTITY a "b">${XML_HEAD}&a;${XML_TAIL}`],
];

function bomb(open: string, close: string): string {
  const entities = Array.from({ length: 10 }, (_, level) => {
    const text = level === 0 ? "lol" : `&l${level - 1};`.repeat(10);
    return `<!ENTITY l${level} "${text}">`;
  });
  return `${open}${entities.join("")}${close}<event><type>&l9;</type></event>`;
}
