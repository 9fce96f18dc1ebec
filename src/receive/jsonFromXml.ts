import { MalformedBody } from "./malformedBody.ts";
import type { XmlElement, XmlHearer } from "./xmlReader.ts";

/** The namespace of the mapping of `fn:json-to-xml` in XPath and XQuery Functions 3.1. */
const NAMESPACE = "http://www.w3.org/2005/xpath-functions";

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

interface Open {
  readonly kind: string;
  readonly isEscaped: boolean;
  readonly opening: string;
  readonly closing: string;
  children: number;
  text: string;
}

/** Writes the JSON that an element of the mapping means, as `fn:xml-to-json` does. Elements come one by one. */
export class JsonFromXml implements XmlHearer {
  readonly #pieces: string[] = [];
  readonly #open: Open[] = [];

  /** The JSON text; throws if there was no element. It is JSON, or JSON.parse says that it is not. */
  get json(): string {
    if (this.#pieces.length === 0) {
      throw new MalformedBody("its data has no value");
    }
    return this.#pieces.join("");
  }

  open({ uri, name, attributes }: XmlElement): void {
    if (uri !== NAMESPACE) {
      throw new MalformedBody(`its data has an element that is not in the namespace ${NAMESPACE}`);
    }
    this.#begin(attributes);
    const [opening, closing] = name === "map" ? ["{", "}"] : name === "array" ? ["[", "]"] : ["", ""];
    this.#open.push({
      kind: name,
      isEscaped: isTrue(attributes.get("escaped")),
      opening,
      closing,
      children: 0,
      text: "",
    });
    this.#pieces.push(opening);
  }

  text(text: string): void {
    const open = this.#open.at(-1);
    if (open !== undefined) {
      open.text += text;
    } else if (!isBlank(text)) {
      throw new MalformedBody("its data has text beside its value");
    }
  }

  close(): void {
    const open = this.#open.pop();
    if (open !== undefined) {
      this.#pieces.push(scalarOf(open), open.closing);
    }
  }

  /** What precedes a value: a comma, and in an object its key. */
  #begin(attributes: ReadonlyMap<string, string>): void {
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      if (this.#pieces.length > 0) {
        throw new MalformedBody("its data has more than one value");
      }
      return;
    }
    if (parent.opening === "") {
      throw new MalformedBody("a value of its data that is not a list has elements");
    }
    if (parent.children > 0) {
      this.#pieces.push(",");
    }
    parent.children += 1;
    if (parent.kind === "map") {
      const key = attributes.get("key");
      if (key === undefined) {
        throw new MalformedBody("a member of an object in its data has no key");
      }
      this.#pieces.push(stringOf(key, isTrue(attributes.get("escaped-key"))), ":");
    }
  }
}

/** What an element without elements writes; nothing for a list, which has written its own. */
function scalarOf({ kind, text, isEscaped }: Open): string {
  const trimmed = text.trim();
  switch (kind) {
    case "string":
      return stringOf(text, isEscaped);
    case "number":
      return judged(trimmed, NUMBER.test(trimmed));
    case "boolean":
      return judged(trimmed, trimmed === "true" || trimmed === "false");
    case "null":
      return judged("null", isBlank(text));
    case "map":
    case "array":
      return judged("", isBlank(text));
    default:
      return judged("", false);
  }
}

function judged(text: string, isValid: boolean): string {
  if (!isValid) {
    throw new MalformedBody("an element of its data is not as json-to-xml writes it");
  }
  return text;
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|["\\\p{Cc}]/gu;

/** In an escaped text everything but the quotation mark is as JSON has it. */
function stringOf(text: string, isEscaped: boolean): string {
  if (!isEscaped) {
    return JSON.stringify(text);
  }
  const inner = text.replace(ESCAPE, (found) => {
    if (found === "\\") {
      throw new MalformedBody("a string of its data is escaped wrongly");
    }
    return found.length > 1 ? found : JSON.stringify(found).slice(1, -1);
  });
  return `"${inner}"`;
}

function isTrue(value: string | undefined): boolean {
  return value === "true" || value === "1";
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}
