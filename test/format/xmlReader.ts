/** A reader of the XML formats that shares nothing with what writes them: libxml2, the schemas, and rules of fn:xml-to-json. */
import "./keepMarks.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ParseOption, XmlDocument, XmlElement, type XmlTreeNode, XsdValidator } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { unitsOf } from "./jsonText.ts";

const NAMESPACE = "http://www.w3.org/2005/xpath-functions";
export const CLOUD_EVENTS = "http://cloudevents.io/xmlformat/V1";
const SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance";

xmlRegisterFsInputProviders();
const schemaPath = fileURLToPath(new URL("../../src/receive/xml/event.xsd", import.meta.url));
const schema = XsdValidator.fromDoc(XmlDocument.fromBuffer(readFileSync(schemaPath), { url: schemaPath }));

export function parseXml<Result>(body: Buffer, read: (root: XmlElement) => Result): Result {
  const document = XmlDocument.fromBuffer(body, { option: ParseOption.XML_PARSE_HUGE | ParseOption.XML_PARSE_NONET });
  try {
    return read(document.root);
  } finally {
    document.dispose();
  }
}

/** What a body in the format `xml` says. It must be valid by the published schema. */
export function readEnvelope(body: Buffer): {
  readonly type: string;
  readonly timestamp: string;
  readonly data: readonly string[];
} {
  return parseXml(body, (root) => {
    schema.validate(root.doc);
    const [type, timestamp, data] = elementsOf(root);
    assert.deepEqual([root.name, type?.name, timestamp?.name, data?.name], ["event", "type", "timestamp", "data"]);
    const [value] = elementsOf(data);
    return { type: type?.content ?? "", timestamp: timestamp?.content ?? "", data: jsonTokensOf(value) };
  });
}

export interface XmlAttribute {
  readonly type: string | null;
  readonly text: string;
}

/** What a body in the format `cloudevents-xml` says. */
export function readCloudEvent(body: Buffer): {
  readonly attributes: Readonly<Record<string, XmlAttribute>>;
  readonly data: string;
} {
  return parseXml(body, (root) => {
    assert.deepEqual([root.name, root.namespaceUri, root.attr("specversion")?.content], ["event", CLOUD_EVENTS, "1.0"]);
    const attributes: Record<string, XmlAttribute> = {};
    for (const element of elementsOf(root)) {
      assert.equal(element.namespaceUri, CLOUD_EVENTS);
      assert.ok(!(element.name in attributes), `${element.name} is there twice`);
      assert.deepEqual(elementsOf(element), []);
      attributes[element.name] = { type: schemaType(element), text: element.content };
    }
    const { data, ...rest } = attributes;
    assert.equal(data?.type, "{http://www.w3.org/2001/XMLSchema}string");
    return { attributes: rest, data: data?.text ?? "" };
  });
}

/** The value of xsi:type, with its prefix resolved. */
function schemaType(element: XmlElement): string | null {
  const value = element.attrs.find(
    ({ name, namespaceUri }) => name === "type" && namespaceUri === SCHEMA_INSTANCE,
  )?.content;
  if (value === undefined) {
    return null;
  }
  const [prefix = "", name] = value.split(":");
  return `{${element.namespaces[prefix]}}${name}`;
}

function elementsOf(parent: XmlElement | undefined): readonly XmlElement[] {
  const elements: XmlElement[] = [];
  for (let node: XmlTreeNode | null = parent?.firstChild ?? null; node !== null; node = node.next) {
    if (node instanceof XmlElement) {
      elements.push(node);
    }
  }
  return elements;
}

/** As `tokensOf` has the JSON of an element, by the rules of fn:xml-to-json. */
function jsonTokensOf(element: XmlElement | undefined): readonly string[] {
  assert.ok(element !== undefined);
  assert.equal(element.namespaceUri, NAMESPACE);
  switch (element.name) {
    case "map":
      return [
        "{",
        ...separated(elementsOf(element).map((member) => [keyOf(member), ":", ...jsonTokensOf(member)])),
        "}",
      ];
    case "array":
      return ["[", ...separated(elementsOf(element).map(jsonTokensOf)), "]"];
    case "string":
      return [stringOf(element.content, element.attr("escaped")?.content === "true")];
    case "null":
      return ["null"];
    default:
      assert.match(element.name, /^(?:number|boolean)$/);
      return [element.content];
  }
}

function keyOf(member: XmlElement): string {
  const key = member.attr("key")?.content;
  assert.ok(key !== undefined);
  return stringOf(key, member.attr("escaped-key")?.content === "true");
}

/** In an escaped string the quotation mark alone is not as JSON has it. */
function stringOf(text: string, isEscaped: boolean): string {
  assert.ok(isEscaped === text.includes("\\"), "a string is marked as escaped if it holds a backslash");
  return unitsOf(isEscaped ? JSON.parse(`"${text.replaceAll('"', '\\"')}"`) : text);
}

function separated(lists: readonly (readonly string[])[]): readonly string[] {
  return lists.flatMap((list, at) => (at === 0 ? list : [",", ...list]));
}
