import { createHash } from "node:crypto";
import pg from "pg";
import { statementText } from "./sqlFiles.ts";

/** The types that statements return, as node-postgres reads them: a bigint does not fit a number, so it stays text. */
interface ReadTypes {
  readonly boolean: boolean;
  readonly smallint: number;
  readonly integer: number;
  readonly bigint: string;
  readonly "double precision": number;
  readonly text: string;
  readonly name: string;
  readonly uuid: string;
  /** JSON text as it was written: what was sent as json must not be parsed. */
  readonly json: string;
  readonly jsonb: unknown;
  readonly bytea: Buffer;
  readonly void: string;
}

/** The types that statements take. The bytes of a Buffer go to Postgres as they are: nothing is decoded or escaped. */
interface WrittenTypes {
  readonly boolean: boolean;
  readonly smallint: number;
  readonly integer: number;
  readonly bigint: string | number;
  readonly "double precision": number;
  readonly text: string | Buffer;
  readonly uuid: string;
  /** JSON text. */
  readonly json: string;
  readonly jsonb: string;
  readonly jsonpath: string;
}

/** `integer`, `integer?` if it may be null, `integer[]`, `integer?[]` if its elements may be null, `integer?[]?`. */
type TypeText<Known> = `${keyof Known & string}${"" | "?" | "[]" | "?[]" | "[]?" | "?[]?"}`;

type ValueOf<Known, Type, ArrayBytes = never> = Type extends `${infer Nullable}?`
  ? ValueOf<Known, Nullable, ArrayBytes> | null
  : Type extends `${infer Element}[]`
    ? readonly ValueOf<Known, Element>[] | ArrayBytes
    : Type extends keyof Known
      ? Known[Type]
      : never;

export interface StatementShape {
  /** In the order of $1, $2, … */
  readonly params: Readonly<Record<string, TypeText<WrittenTypes>>>;
  /** In the order of the columns. A list stands for a text that is one of these words. */
  readonly columns: Readonly<Record<string, TypeText<ReadTypes> | readonly (string | null)[]>>;
  /** Its rows are to be read by name and not copied: see `lightRow`. */
  readonly hasManyRows?: boolean;
}

/** A file of sql/statements with the parameters it takes and the columns it returns. */
export interface Statement<Shape extends StatementShape = StatementShape> {
  /** NAME of sql/statements/NAME.sql. */
  readonly name: string;
  readonly shape: Shape;
  /** The text, and the name under which a session keeps it prepared. */
  prepared(): PreparedStatement;
  /** Makes a row of its values; null if node-postgres does. */
  readonly makeRow: ((values: readonly unknown[]) => unknown) | null;
}

/** An array may also be given in the binary format: a BinaryArray makes it. */
export type ParamsOf<Shape extends StatementShape> = {
  readonly [Name in keyof Shape["params"]]: ValueOf<WrittenTypes, Shape["params"][Name], Buffer>;
};

export type RowOf<Shape extends StatementShape> = {
  readonly [Name in keyof Shape["columns"]]: Shape["columns"][Name] extends readonly (infer Word)[]
    ? Word
    : ValueOf<ReadTypes, Shape["columns"][Name]>;
};

export interface Result<Row> {
  readonly rows: readonly Row[];
  /** Rows returned or changed. */
  readonly rowCount: number;
}

/** What a statement can be sent through: a database, one of its transactions, or a connection. */
export interface Queryable {
  /** Sends a statement. Rejects with the error of the server or the link. */
  run<Shape extends StatementShape>(
    statement: Statement<Shape>,
    params: ParamsOf<Shape>,
  ): Promise<Result<RowOf<Shape>>>;
  /** Sends a text that is not a statement of sql/statements, such as a setting or a migration. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Result<Row>>;
}

interface PreparedStatement {
  readonly name: string;
  readonly text: string;
}

const JSON_OID: number = pg.types.builtins.JSON;
const READERS: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === JSON_OID ? (text: string) => text : pg.types.getTypeParser(oid, format),
};

const declared = new Map<string, Statement>();

/**
 * Declares a statement of sql/statements. The types of its parameters and rows follow from the declaration, and a test
 * compares every declaration with what a server says about the statement. A server knows whether a column may be null
 * only if it comes unchanged from a table; for any other column the declaration decides.
 *
 *     const beat = defineStatement("beat", { params: { daemonId: "uuid" }, columns: { is_held: "boolean" } });
 *     const { rows } = await database.run(beat, { daemonId });
 */
export function defineStatement<const Shape extends StatementShape>(name: string, shape: Shape): Statement<Shape> {
  if (declared.has(name)) {
    throw new Error(`the statement "${name}" is declared twice`);
  }
  let prepared: PreparedStatement | null = null;
  const statement: Statement<Shape> = {
    name,
    shape,
    prepared: () => {
      prepared ??= prepare(name);
      return prepared;
    },
    makeRow: shape.hasManyRows === true ? lightRow(Object.keys(shape.columns)) : null,
  };
  declared.set(name, statement);
  return statement;
}

/** The declarations of every module that has been imported. */
export function declaredStatements(): readonly Statement[] {
  return [...declared.values()];
}

export interface QueryOptions {
  /** False for a pooler that loses prepared statements. */
  readonly preparedStatements: boolean;
  /** How long to wait for an answer. Default: what the client was configured with. */
  readonly queryTimeoutMs?: number | null;
}

export function queryable(client: pg.ClientBase, options: QueryOptions): Queryable {
  const { preparedStatements, queryTimeoutMs = null } = options;
  const timeout = queryTimeoutMs === null ? {} : { query_timeout: queryTimeoutMs };
  return {
    async run<Shape extends StatementShape>(statement: Statement<Shape>, params: ParamsOf<Shape>) {
      const { name, text } = statement.prepared();
      const values = Object.keys(statement.shape.params).map((param) => params[param]);
      const named = preparedStatements ? { name, text } : { text };
      const { makeRow } = statement;
      const message = { ...named, ...timeout, values, types: READERS };
      if (makeRow === null) {
        const { rows, rowCount } = await client.query(message);
        return { rows: rows as readonly RowOf<Shape>[], rowCount: rowCount ?? 0 };
      }
      const { rows, rowCount } = await client.query<unknown[]>({ ...message, rowMode: "array" });
      return { rows: rows.map(makeRow) as readonly RowOf<Shape>[], rowCount: rowCount ?? 0 };
    },
    async query<Row>(text: string, values?: readonly unknown[]) {
      const result = await client.query({ text, ...timeout, ...(values !== undefined && { values: [...values] }) });
      return { rows: result.rows as readonly Row[], rowCount: result.rowCount ?? 0 };
    },
  };
}

/**
 * Makes rows that hold their values as they came. The columns are getters of their prototype, so that spreading or printing
 * such a row shows none. An object with a property for each of 14 columns takes 2 µs, this one 0.5.
 */
function lightRow(columns: readonly string[]): (values: readonly unknown[]) => unknown {
  class Row {
    readonly values: readonly unknown[];

    constructor(values: readonly unknown[]) {
      this.values = values;
    }
  }
  for (const [place, column] of columns.entries()) {
    Object.defineProperty(Row.prototype, column, {
      get(this: Row) {
        return this.values[place];
      },
    });
  }
  return (values) => new Row(values);
}

/**
 * The name carries a hash of the text. Behind a pooler, two releases of this program can share a session during a rolling
 * upgrade, and must not find each other's text under one name.
 */
function prepare(name: string): PreparedStatement {
  const text = statementText(name);
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  // Postgres keeps 63 bytes of a name.
  return { name: `${name.slice(0, 54)}_${hash}`, text };
}
