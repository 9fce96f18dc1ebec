import { createHash } from "node:crypto";
import { keepsPreparedStatements, lendsSessions, type Session, withTransaction } from "./connection.ts";
import { statementText } from "./sqlFiles.ts";

export interface StatementResult<Row> {
  readonly rows: readonly Row[];
  /** Rows returned or changed. */
  readonly rowCount: number;
}

export interface Statement<Row, Params extends readonly unknown[]> {
  /** Of sql/statements/NAME.sql. */
  readonly name: string;
  /**
   * Sends it through a connection, or any connection of a pool; in a transaction of its own where a pooler lends the
   * sessions, for without one it has no deadline there. Rejects with what the server or the link met.
   */
  run(session: Session, params: Params): Promise<StatementResult<Row>>;
}

/**
 * A statement of sql/statements with the shape of its rows and parameters, for which the tests of that statement
 * vouch. It is prepared once in each session, unless the connection goes through a pooler that cannot keep it.
 */
export function defineStatement<Row, Params extends readonly unknown[] = readonly unknown[]>(
  name: string,
): Statement<Row, Params> {
  let prepared: PreparedStatement | null = null;
  return {
    name,
    async run(session, params) {
      prepared ??= prepare(name);
      const statement = prepared;
      const result = lendsSessions(session)
        ? await withTransaction(session, (client) => send(client, statement, params))
        : await send(session, statement, params);
      return { rows: result.rows as readonly Row[], rowCount: result.rowCount ?? 0 };
    },
  };
}

function send(session: Session, { name, text }: PreparedStatement, params: readonly unknown[]) {
  const values = [...params];
  return session.query(keepsPreparedStatements(session) ? { name, text, values } : { text, values });
}

interface PreparedStatement {
  readonly name: string;
  readonly text: string;
}

/**
 * The name carries a hash of the text: behind a pooler, two releases of this program can share a session during a
 * rolling upgrade, and must not find each other's text under one name.
 */
function prepare(name: string): PreparedStatement {
  const text = statementText(name);
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  // Postgres keeps 63 bytes of a name.
  return { name: `${name.slice(0, 54)}_${hash}`, text };
}
