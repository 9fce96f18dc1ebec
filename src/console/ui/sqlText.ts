import { partsOf } from "../cursor.ts";
import type { Operation } from "./table.ts";

/** What stands for the parameters of an operation; JSON is its text. What is left out is null, and Postgres takes its default. */
export type Values = Readonly<Record<string, string | readonly string[] | boolean | number | null | undefined>>;

/** One operation of the API with its values: its address, and the SQL that it runs. */
export interface Call {
  readonly operation: Operation;
  readonly values: Values;
}

const LISTED = 50;

/** The statement as psql takes it: with its parameters written in as literals. */
export function sqlOf({ operation, values }: Call, statement: string): string {
  const names = Object.keys(operation.takes);
  const places = placesOf({ operation, values });
  const written = statement.replace(/\$(\d+)/g, (_, place) => {
    const name = names[Number(place) - 1] ?? "";
    return literal(operation.takes[name] === "limit" ? (values.limit ?? LISTED) : (places[name] ?? values[name]));
  });
  return `${written};`;
}

/** What the cursor of a later page says, by parameter. */
function placesOf({ operation: { takes }, values: { after } }: Call): Values {
  const names = Object.keys(takes).filter((name) => takes[name] === "cursor");
  const parts = typeof after === "string" ? partsOf(after, names.length) : [];
  return Object.fromEntries(names.map((name, index) => [name, parts[index]]));
}

function literal(value: Values[string]): string {
  if (value === null || value === undefined) {
    return "null";
  }
  if (typeof value === "boolean" || typeof value === "number") {
    return String(value);
  }
  return typeof value === "string" ? quoted(value) : quoted(`{${value.map(arrayElement).join(",")}}`);
}

/** Whatever standard_conforming_strings says. */
function quoted(text: string): string {
  const doubled = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${doubled.replaceAll("\\", "\\\\")}` : doubled;
}

function arrayElement(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
