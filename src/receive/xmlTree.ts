import { MalformedBody } from "./malformedBody.ts";
import { readXml, type XmlElement, type XmlHearer } from "./xmlReader.ts";

/** An element with what is in it. */
export interface XmlNode {
  readonly element: XmlElement;
  readonly children: Map<string, XmlNode>;
  text: string;
}

/** The root, its elements, and theirs: an envelope has no more. */
const DEPTH_MAX = 3;
/** An envelope has a few, a CloudEvent some more. */
const CHILDREN_MAX = 200;

/**
 * The small tree of an envelope, whose elements are all in the namespace `uri` and have different names beside each other.
 * What is in the element `diverted`, a child of the root, goes to another hearer instead.
 */
export function readTree(text: string, uri: string, diverted?: readonly [name: string, hearer: XmlHearer]): XmlNode {
  const tree = new Tree(uri, diverted);
  readXml(text, tree);
  return tree.root;
}

class Tree implements XmlHearer {
  readonly #uri: string;
  readonly #diverted: readonly [name: string, hearer: XmlHearer] | undefined;
  readonly #open: XmlNode[] = [];
  #root: XmlNode | null = null;
  /** How many elements are open that went to the other hearer. */
  #divertedDepth = 0;

  constructor(uri: string, diverted: readonly [name: string, hearer: XmlHearer] | undefined) {
    this.#uri = uri;
    this.#diverted = diverted;
  }

  get root(): XmlNode {
    if (this.#root === null) {
      throw new MalformedBody("it has no element");
    }
    return this.#root;
  }

  open(element: XmlElement): void {
    const hearer = this.#hearer();
    if (hearer !== null) {
      this.#divertedDepth += 1;
      hearer.open(element);
      return;
    }
    if (element.uri !== this.#uri || this.#open.length === DEPTH_MAX) {
      throw new MalformedBody("it has an element that does not belong into an envelope");
    }
    const node: XmlNode = { element, children: new Map(), text: "" };
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      this.#root = node;
    } else {
      adopt(parent, node);
    }
    this.#open.push(node);
  }

  text(text: string): void {
    const hearer = this.#hearer();
    const node = this.#open.at(-1);
    if (hearer !== null) {
      hearer.text(text);
    } else if (node !== undefined) {
      node.text += text;
    }
  }

  close(): void {
    if (this.#divertedDepth > 0) {
      this.#divertedDepth -= 1;
      this.#hearer()?.close();
    } else {
      this.#open.pop();
    }
  }

  #hearer(): XmlHearer | null {
    const [name, hearer] = this.#diverted ?? [];
    return hearer !== undefined && this.#open.length === 2 && this.#open[1]?.element.name === name ? hearer : null;
  }
}

function adopt(parent: XmlNode, node: XmlNode): void {
  const { name } = node.element;
  if (parent.children.has(name)) {
    throw new MalformedBody("it has an element twice");
  }
  if (parent.children.size === CHILDREN_MAX) {
    throw new MalformedBody(`it has more than ${CHILDREN_MAX} elements in one`);
  }
  parent.children.set(name, node);
}
