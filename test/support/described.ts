/** Statements as a server sees them: the types of their parameters and columns. */
import type pg from "pg";

export interface Description {
  readonly params: readonly string[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Columns that are read from a table as they are, and may be null there. Of any other column a server says nothing. */
  readonly nullable: readonly string[];
}

/** As Postgres names the type: without what only a declaration knows, null and the words of a text. */
export function typeName(type: string | readonly unknown[]): string {
  return typeof type === "string" ? type.replaceAll("?", "") : "text";
}

/** What the server says about a statement without running it. */
export async function describeStatement(pool: pg.Pool, name: string, text: string): Promise<Description> {
  const client = await pool.connect();
  try {
    const fields = await fieldsOf(client, name, text);
    const { rows: prepared } = await client.query<{ params: string[] }>(
      `select array(select format_type(p.type, null)
         from unnest(s.parameter_types) with ordinality p (type, n) order by p.n) as params
       from pg_prepared_statements s where s.name = $1`,
      [name],
    );
    const { rows: types } = await client.query<{ type: string }>(
      "select format_type(t.oid, null) as type from unnest($1::oid[]) with ordinality t (oid, n) order by t.n",
      [fields.map(({ dataTypeID }) => dataTypeID)],
    );
    const { rows: attributes } = await client.query<{ is_nullable: boolean }>(
      `select coalesce(not a.attnotnull and r.relkind in ('r', 'p'), false) as is_nullable
       from unnest($1::oid[], $2::smallint[]) with ordinality c (relation, number, n)
       left join pg_class r on r.oid = c.relation
       left join pg_attribute a on a.attrelid = r.oid and a.attnum = c.number order by c.n`,
      [fields.map(({ tableID }) => tableID), fields.map(({ columnID }) => columnID)],
    );
    return {
      nullable: fields.filter((_, index) => attributes[index]?.is_nullable === true).map(({ name }) => name),
      params: prepared[0]?.params ?? [],
      columns: fields.map((field, index) => ({ name: field.name, type: types[index]?.type ?? "" })),
    };
  } finally {
    client.release();
  }
}

/** Prepares the statement and asks for its columns, by the messages of the protocol: no SQL does that before 16. */
async function fieldsOf(client: pg.PoolClient, name: string, text: string): Promise<readonly pg.FieldDef[]> {
  const described = Promise.withResolvers<readonly pg.FieldDef[]>();
  let fields: readonly pg.FieldDef[] = [];
  const request = {
    submit(connection: pg.Connection) {
      connection.parse({ name, text, types: [] }, false);
      connection.describe({ type: "S", name }, false);
      connection.sync();
    },
    handleRowDescription: (message: { readonly fields: readonly pg.FieldDef[] }) => {
      fields = message.fields;
    },
    handleReadyForQuery: () => described.resolve(fields),
    handleError: (error: unknown) => described.reject(error),
  };
  client.query(request);
  return await described.promise;
}
