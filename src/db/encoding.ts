import { defineStatement, type Queryable } from "./statements.ts";

const findEncoding = defineStatement("find_encoding", { params: {}, columns: { encoding: "text" } });

/** What the encoding of a database means for deliveries. */
export interface Encoding {
  readonly name: string;
  /** Null for UTF8, where nothing is to be known. */
  readonly warning: { readonly found: string; readonly remedy: string } | null;
}

/** Asks for the encoding of the database. It works without the schema. */
export async function readEncoding(client: Queryable): Promise<Encoding> {
  const { rows } = await client.run(findEncoding, {});
  const name = rows[0]?.encoding ?? "";
  return { name, warning: warningOf(name) };
}

const MOVE = "restore a dump into a database that was made with encoding 'UTF8' template template0";

function warningOf(name: string): Encoding["warning"] {
  switch (name) {
    case "UTF8":
      return null;
    case "SQL_ASCII":
      return {
        found:
          "the database's encoding is SQL_ASCII, in which Postgres does not know what bytes mean: an event whose bytes are not UTF-8 is discarded",
        remedy: `let every client write UTF-8, or ${MOVE}`,
      };
    default:
      return {
        found: `the database's encoding is ${name}: receivers get UTF-8, and an event with a character that cannot be translated is discarded; an answer with a character that ${name} lacks is recorded in ASCII`,
        remedy: `if that matters, ${MOVE}`,
      };
  }
}
