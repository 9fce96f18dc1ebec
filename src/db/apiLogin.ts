import { defineStatement, type Queryable, type RowOf } from "./statements.ts";

const findApiLogin = defineStatement("find_api_login", {
  params: {},
  columns: {
    ...{ login: "text", is_superuser: "boolean", is_owner: "boolean", reads_secrets: "boolean" },
    ...{ is_reader: "boolean", is_operator: "boolean", is_publisher: "boolean", connections_max: "integer?" },
    place: "text",
  },
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
