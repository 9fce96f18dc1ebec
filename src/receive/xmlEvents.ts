import { cloudEventFields } from "./cloudEvents.ts";
import { type Content, makeEvent } from "./content.ts";
import type { ReceivedEvent } from "./event.ts";
import { jsonOf, textOf } from "./json.ts";
import { JsonFromXml } from "./jsonFromXml.ts";
import { MalformedBody } from "./malformedBody.ts";
import { standardFields } from "./standardEvents.ts";
import { readTree, type XmlNode } from "./xmlTree.ts";

const CLOUD_EVENTS = "http://cloudevents.io/xmlformat/V1";
const SCHEMA = "http://www.w3.org/2001/XMLSchema";
const TYPE_ATTRIBUTE = "{http://www.w3.org/2001/XMLSchema-instance}type";
const INTEGER = /^-?\d{1,15}$/;

/** The event of a body in the format `xml`. */
export function xmlEvents(content: Content): readonly ReceivedEvent[] {
  const json = new JsonFromXml();
  const root = readTree(textOf(content.body), "", ["data", json]);
  refuseOtherName(root);
  const text = root.children.has("data") ? json.json : "";
  const dataref = root.children.get("dataref");
  const envelope = {
    ...membersOf(root, ({ text }) => text),
    data: root.children.has("data") ? jsonOf(text) : undefined,
    dataref: dataref && membersOf(dataref, ({ element, text }) => (element.name === "size" ? integerOf(text) : text)),
  };
  return [
    makeEvent(
      standardFields(envelope, content.webhookId, () => text),
      content,
    ),
  ];
}

/** The event of a body in the XML format of CloudEvents. Its data is the JSON text of the payload. */
export function cloudEventsXml(content: Content): readonly ReceivedEvent[] {
  const root = readTree(textOf(content.body), CLOUD_EVENTS);
  refuseOtherName(root);
  const data = root.children.get("data");
  if (data !== undefined && typeOf(data) !== `{${SCHEMA}}string`) {
    throw new MalformedBody("the data of a CloudEvent is not a string of JSON");
  }
  const event = {
    ...membersOf(root, typedValue),
    specversion: root.element.attributes.get("specversion"),
    data: data && jsonOf(data.text),
  };
  return [
    makeEvent(
      cloudEventFields(event, () => data?.text ?? ""),
      content,
    ),
  ];
}

function refuseOtherName({ element }: XmlNode): void {
  if (element.name !== "event") {
    throw new MalformedBody("its root is not the element event");
  }
}

function membersOf(node: XmlNode, readChild: (child: XmlNode) => unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...node.children].map(([name, child]) => [name, readChild(child)]));
}

/** The value of an attribute of a CloudEvent, by its type. */
function typedValue(node: XmlNode): unknown {
  switch (typeOf(node)) {
    case `{${CLOUD_EVENTS}}integer`:
      return integerOf(node.text);
    case `{${CLOUD_EVENTS}}boolean`:
      return booleanOf(node.text);
    default:
      return node.text;
  }
}

/** The value of xsi:type with its prefix resolved; null if there is none. */
function typeOf({ element }: XmlNode): string | null {
  const value = element.attributes.get(TYPE_ATTRIBUTE);
  const [prefix = "", name] = value?.split(":", 2) ?? [];
  return name === undefined ? null : `{${element.uriOf(prefix) ?? ""}}${name}`;
}

function integerOf(text: string): number {
  if (!INTEGER.test(text.trim())) {
    throw new MalformedBody("it has an integer that is none");
  }
  return Number(text);
}

function booleanOf(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed !== "true" && trimmed !== "false") {
    throw new MalformedBody("it has a boolean that is none");
  }
  return trimmed === "true";
}
