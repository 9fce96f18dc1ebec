import { nameOfReference, referredSchema } from "./references.ts";
import { directReferences, isObject, partsOfSchema, type Resolve, remarksOn, typeOfSchema } from "./schemaType.ts";
import { DEPRECATED, docComment, propertyName } from "./sourceText.ts";
import { TypeNames } from "./typeNames.ts";

/** A row of postrider.event_type. */
export interface EventType {
  readonly name: string;
  readonly description: string | null;
  /** Null if the catalogue says nothing about the payload. */
  readonly jsonSchema: unknown;
  readonly deprecated: boolean;
}

/** A type of the module: the payload of an event type, or a definition that it refers to. */
interface NamedSchema {
  readonly typeName: string;
  readonly schema: unknown;
  readonly remarks: readonly string[];
  readonly resolve: Resolve;
  /** Whether its references lead only back to itself: no payload can be judged by it, and no type written for it. */
  readonly isCircular: boolean;
}

/** The TypeScript module that `postrider types` writes. The same types in any order give the same text. */
export function eventTypesModule(eventTypes: readonly EventType[]): string {
  const sorted = [...eventTypes].sort((one, other) => (one.name < other.name ? -1 : 1));
  const names = new TypeNames(["EventTypes"]);
  const withSchema = sorted.filter(({ jsonSchema }) => jsonSchema !== null);
  const typeNames = new Map(withSchema.map(({ name }) => [name, names.take(name)]));
  const schemas = withSchema.flatMap((eventType) =>
    namedSchemas(eventType, typeNames.get(eventType.name) ?? "", names),
  );
  return [HEAD, interfaceText(sorted, typeNames), ...schemas.map(typeText)].join("\n");
}

const HEAD = `// Written by "postrider types" from the table postrider.event_type: do not edit.\n`;

function interfaceText(eventTypes: readonly EventType[], typeNames: ReadonlyMap<string, string>): string {
  const members = eventTypes.map(({ name, description, deprecated }) => {
    const comment = docComment([description ?? "", ...(deprecated ? [DEPRECATED] : [])], "  ");
    return `${comment}  ${propertyName(name)}: ${typeNames.get(name) ?? "unknown"};\n`;
  });
  return `/** The payload of each event type. */\nexport interface EventTypes {\n${members.join("")}}\n`;
}

function typeText({ typeName, schema, remarks, resolve, isCircular }: NamedSchema): string {
  const type = isCircular ? "unknown" : typeOfSchema(schema, resolve).text;
  return `${docComment(remarks, "")}export type ${typeName} = ${type};\n`;
}

/** The payload's type first, then those of what it refers to, ordered by reference. */
function namedSchemas({ name, jsonSchema }: EventType, typeName: string, names: TypeNames): readonly NamedSchema[] {
  const schemas = new Map([["#", jsonSchema], ...[...referredSchemas(jsonSchema)].sort(byReference)]);
  const typeNames = new Map(
    [...schemas.keys()].map((reference) => [
      reference,
      reference === "#" ? typeName : names.take(name, nameOfReference(reference)),
    ]),
  );
  return [...typeNames].map(([reference, its]) => ({
    typeName: its,
    schema: schemas.get(reference),
    remarks: [...(reference === "#" ? [`The payload of ${name}.`] : []), ...remarksOn(schemas.get(reference))],
    resolve: (other) => typeNames.get(other) ?? null,
    isCircular: leadsTo(reference, reference, schemas),
  }));
}

function byReference([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** What the schema refers to, and what that refers to, by reference. */
function referredSchemas(root: unknown): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  const toRead = [root];
  for (let next = toRead.pop(); next !== undefined; next = toRead.pop()) {
    for (const reference of referencesIn(next).filter((each) => each !== "#" && !found.has(each))) {
      const schema = referredSchema(root, reference);
      if (schema !== undefined) {
        found.set(reference, schema);
        toRead.push(schema);
      }
    }
  }
  return found;
}

/** Only references that form a type. Those in a const or a default do not, and may be nested as deep as Postgres reads. */
function referencesIn(schema: unknown): readonly string[] {
  if (!isObject(schema)) {
    return [];
  }
  const own = typeof schema.$ref === "string" ? [schema.$ref] : [];
  return [...own, ...partsOfSchema(schema).flatMap(referencesIn)];
}

/** Whether a chain of direct references leads from one to the other. */
function leadsTo(from: string, to: string, schemas: ReadonlyMap<string, unknown>, seen = new Set<string>()): boolean {
  return directReferences(schemas.get(from)).some((next) => {
    if (next === to) {
      return true;
    }
    if (seen.has(next)) {
      return false;
    }
    seen.add(next);
    return leadsTo(next, to, schemas, seen);
  });
}
