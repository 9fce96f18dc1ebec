import { isObject } from "./schemaType.ts";

/** How many steps are followed, so that no schema can keep the generator busy. */
const STEPS_MAX = 128;

/**
 * What a reference of a schema leads to: a JSON pointer (`#`, `#/$defs/NAME`, `#/definitions/NAME`, any other place) or
 * an anchor (`#NAME`), also after the schema's own `$id`. Undefined if it leads nowhere, or out of the schema.
 */
export function referredSchema(root: unknown, reference: string): unknown {
  const fragment = fragmentOf(root, reference);
  if (fragment === null) {
    return undefined;
  }
  return fragment === "" || fragment.startsWith("/") ? schemaAt(root, fragment) : anchored(root, fragment, STEPS_MAX);
}

/** The last step of a reference, which names what it leads to. */
export function nameOfReference(reference: string): string {
  return reference.slice(Math.max(reference.lastIndexOf("/"), reference.lastIndexOf("#")) + 1);
}

/** Null if it leads to another schema, or is no text of a URL. */
function fragmentOf(root: unknown, reference: string): string | null {
  const at = reference.indexOf("#");
  const base = at < 0 ? reference : reference.slice(0, at);
  if (base !== "" && !addressesOf(root).includes(base)) {
    return null;
  }
  try {
    return at < 0 ? "" : decodeURIComponent(reference.slice(at + 1));
  } catch {
    return null;
  }
}

/** The schema's own $id; relative to that, its path, and the last part of the path. The checks in SQL take the same ones. */
function addressesOf(root: unknown): readonly string[] {
  if (!isObject(root) || typeof root.$id !== "string") {
    return [];
  }
  const id = root.$id.replace(/#.*$/s, "");
  return [id, id.replace(/^[^/?#]*\/\/[^/]*/, ""), id.slice(id.lastIndexOf("/") + 1)];
}

/** RFC 6901. */
function schemaAt(root: unknown, pointer: string): unknown {
  const steps = pointer.split("/").slice(1);
  return steps.reduce<unknown>((place, step) => {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    const isThere = typeof place === "object" && place !== null && Object.hasOwn(place, name);
    return isThere ? (place as Readonly<Record<string, unknown>>)[name] : undefined;
  }, root);
}

function anchored(place: unknown, anchor: string, stepsLeft: number): unknown {
  if (typeof place !== "object" || place === null || stepsLeft === 0) {
    return undefined;
  }
  if (isObject(place) && (place.$anchor === anchor || place.$dynamicAnchor === anchor || place.$id === `#${anchor}`)) {
    return place;
  }
  for (const part of Object.values(place)) {
    const found = anchored(part, anchor, stepsLeft - 1);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
