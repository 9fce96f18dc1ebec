import { SaxesParser } from "saxes";
import { MalformedBody } from "./malformedBody.ts";

/** An element as it begins, with its namespaces resolved. */
export interface XmlElement {
  /** Empty if it is in no namespace. */
  readonly uri: string;
  readonly name: string;
  /** By name; one with a namespace is named `{URI}name`. */
  readonly attributes: ReadonlyMap<string, string>;
  /** The namespace of a prefix; undefined if there is none. */
  readonly uriOf: (prefix: string) => string | undefined;
}

export interface XmlHearer {
  open(element: XmlElement): void;
  /** Called once or several times for one text. */
  text(text: string): void;
  close(): void;
}

/** JSON in Postgres is nested less deeply. */
const DEPTH_MAX = 10_000;
/** Of one element; the formats have three. */
const ATTRIBUTES_MAX = 50;
/** Prefixes that are declared at one place; the formats have three. */
const PREFIXES_MAX = 16;

type Scope = ReadonlyMap<string, string>;

const OUTERMOST: Scope = new Map([
  ["", ""],
  ["xml", "http://www.w3.org/XML/1998/namespace"],
]);

/** A document type, a comment, a section or an instruction, but for the declaration at the very beginning. */
const BESIDE_ELEMENTS = /<!|(?<!^)<\?/;

/**
 * Reads a document without making a tree of it, so that its time and memory are linear in its size. Throws MalformedBody if
 * it is not well formed, or has anything but elements and text: a document type, which is all that can define an entity, and
 * what Postrider never writes.
 */
export function readXml(text: string, hearer: XmlHearer): void {
  if (BESIDE_ELEMENTS.test(text)) {
    throw new MalformedBody(
      "it has a document type, a comment, a CDATA section or an instruction, which are never read",
    );
  }
  const scopes: Scope[] = [OUTERMOST];
  // Namespaces are resolved here: the parser looks for each one upwards through all elements that are open.
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on("error", () => {
    throw new MalformedBody("it is not well-formed XML");
  });
  let attributesCount = 0;
  parser.on("opentagstart", () => {
    attributesCount = 0;
  });
  parser.on("attribute", () => {
    attributesCount += 1;
    if (attributesCount > ATTRIBUTES_MAX) {
      throw new MalformedBody(`an element has more than ${ATTRIBUTES_MAX} attributes`);
    }
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (scopes.length > DEPTH_MAX) {
      throw new MalformedBody(`its elements are nested more than ${DEPTH_MAX} deep`);
    }
    const scope = scopeOf(attributes, scopes.at(-1) ?? OUTERMOST);
    scopes.push(scope);
    hearer.open(elementOf(name, attributes, scope));
  });
  parser.on("closetag", () => {
    scopes.pop();
    hearer.close();
  });
  parser.on("text", (part) => hearer.text(part));
  parser.write(text).close();
}

function scopeOf(attributes: Readonly<Record<string, string>>, outer: Scope): Scope {
  const declared = Object.entries(attributes).flatMap(([name, uri]): readonly (readonly [string, string])[] => {
    const [, prefix = ""] = /^xmlns(?::(.+))?$/.exec(name) ?? [];
    return /^xmlns(?::|$)/.test(name) ? [[prefix, uri]] : [];
  });
  if (declared.length === 0) {
    return outer;
  }
  const scope = new Map([...outer, ...declared]);
  if (scope.size > PREFIXES_MAX) {
    throw new MalformedBody(`it declares more than ${PREFIXES_MAX} namespaces at one place`);
  }
  return scope;
}

function elementOf(name: string, attributes: Readonly<Record<string, string>>, scope: Scope): XmlElement {
  const uriOf = (prefix: string) => scope.get(prefix);
  const named = Object.entries(attributes).map(
    ([attribute, value]) => [attributeName(attribute, scope), value] as const,
  );
  return { ...qualified(name, scope), attributes: new Map(named), uriOf };
}

/** Attributes without a prefix are in no namespace, whatever the default is. */
function attributeName(name: string, scope: Scope): string {
  if (!name.includes(":") || name.startsWith("xmlns:")) {
    return name;
  }
  const { uri, name: local } = qualified(name, scope);
  return `{${uri}}${local}`;
}

function qualified(name: string, scope: Scope): { readonly uri: string; readonly name: string } {
  const colon = name.indexOf(":");
  const uri = scope.get(colon === -1 ? "" : name.slice(0, colon));
  if (uri === undefined) {
    throw new MalformedBody("it uses a prefix that it does not declare");
  }
  return { uri, name: name.slice(colon + 1) };
}
