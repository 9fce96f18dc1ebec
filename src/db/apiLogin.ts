import { defineStatement, type Queryable, type RowOf } from "./statements.ts";

const findApiLogin = defineStatement("find_api_login", {
  params: {},
  columns: {
    ...{ login: "text", is_superuser: "boolean", is_owner: "boolean", reads_secrets: "boolean" },
    ...{ is_reader: "boolean", is_operator: "boolean", is_publisher: "boolean", is_daemon: "boolean" },
    ...{ is_portal: "boolean", connections_max: "integer?", place: "text" },
  },
});
const countReadRelations = defineStatement("count_read_relations", {
  params: {},
  columns: { by_login: "integer", by_login_such_as: "text?", by_portal: "integer", by_portal_such_as: "text?" },
});
const countApiKeys = defineStatement("count_api_keys", {
  params: { isReader: "boolean", isOperator: "boolean", isPublisher: "boolean" },
  columns: { keys: "integer", unserved: "integer", such_as: "text?" },
});

export type ApiLogin = RowOf<typeof findApiLogin.shape>;

/** Who is logged in, and where; null if the schema is not there. */
export async function apiLoginOf(client: Queryable): Promise<ApiLogin | null> {
  return (await client.run(findApiLogin, {})).rows[0] ?? null;
}

/** How many keys are valid, and how many of these a login serves only in part. It must be a reader or an operator. */
export async function apiKeysFor(client: Queryable, login: ApiLogin): Promise<RowOf<typeof countApiKeys.shape>> {
  const { is_reader: isReader, is_operator: isOperator, is_publisher: isPublisher } = login;
  const { rows } = await client.run(countApiKeys, { isReader, isOperator, isPublisher });
  return rows[0] ?? { keys: 0, unserved: 0, such_as: null };
}

/** What the login reads beyond the views of the portal, and which tables the portal's role reads. That role must be there. */
export async function readRelations(client: Queryable): Promise<RowOf<typeof countReadRelations.shape>> {
  const { rows } = await client.run(countReadRelations, {});
  return rows[0] ?? { by_login: 0, by_login_such_as: null, by_portal: 0, by_portal_such_as: null };
}
