import { SCOPES } from "../domain/scope.ts";
import { LIMIT_DEFAULT, LIMIT_MAX } from "./asked.ts";
import { ROLES } from "./caller.ts";
import { API_PATH } from "./http.ts";
import { KEPT_HOURS, takesIdempotencyKey } from "./idempotency.ts";
import { type AnyRoute, type ColumnType, type Parameter, statementOf } from "./route.ts";
import { SUBJECTS } from "./routes.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type Members = Readonly<Record<string, Json>>;

let text: string | null = null;

/** The OpenAPI document; src/console/openapi.json is the same. */
export function openApiText(): string {
  text ??= JSON.stringify(openApi());
  return text;
}

/** Of the table of routes: what it does not say is the same for all. */
export function openApi(): Members {
  return {
    openapi: "3.1.0",
    info: {
      title: "Postrider's API",
      version: "1",
      license: { name: "MIT", identifier: "MIT" },
      description:
        "What operators see and do. Each operation runs one SQL statement in one transaction, as the role that its scope needs: `x-sql` is its text, with the parameters of `x-sql-parameters` as $1, $2 and so on. Names are those of columns. Numbers have the digits that Postgres writes, times are RFC 3339 in UTC, intervals are as Postgres writes them. Members are added, and none is removed or gets another meaning.",
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }, { session: [] }],
    tags: Object.keys(SUBJECTS).map((name) => ({ name, description: TAGS[name] ?? "" })),
    paths: { ...sessionPaths(), ...pathsOf(API_PATH, SUBJECTS, bySql) },
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "A key that postrider.create_api_key() made." },
        session: { type: "apiKey", in: "cookie", name: "postrider_session", description: "What logging in sets." },
      },
      schemas: { Problem: PROBLEM, Scope: { type: "string", enum: [...SCOPES] } },
      responses: RESPONSES,
    },
  };
}

const TAGS: Readonly<Record<string, string>> = {
  state: "Whether anything is sent, by which daemons, and what waits.",
  events: "Events, their deliveries and attempts, and what is done about them.",
  endpoints: "Where events go: endpoints, their subscriptions and secrets.",
  replays: "Ranges of events that are sent again.",
  event_types: "The catalogue.",
  history: "Who did what, what was not delivered, and what failed.",
  charts: "What happened in each stretch of time.",
  administration: "The keys of the API, and what feeds the outbox.",
};

const PROBLEM_CONTENT: Json = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };

/** When which error is answered. */
const ERRORS: Readonly<Record<string, string>> = {
  400: "A parameter that there is not, or of the wrong form.",
  401: "No key, session or token, or none that is valid.",
  403: "The key lacks the scope, the token the capability, or the login of the API the role: the answer says which.",
  404: "There is no such thing.",
  409: "Something must be done before, is there already, or is being done.",
  412: "What was to be changed has changed since it was read.",
  413: "The body has more than 4 MiB, or for the portal more than 256 KiB.",
  415: "The body is not declared as JSON.",
  422: "Postgres does not take a value, or the Idempotency-Key was used for another request.",
  429: "Too often. `Retry-After` says in how many seconds to come back.",
  503: "Postgres is away.",
  504: "It took more than 5 seconds: ask for less.",
};

export const RESPONSES: Members = {
  ...Object.fromEntries(Object.keys(ERRORS).map((status) => [`Problem${status}`, errorResponse(status)])),
  Problem: {
    description: "What could not be done, in the words of Postgres if it refused.",
    content: PROBLEM_CONTENT,
  },
};

function errorResponse(status: string): Json {
  const headers =
    status === "429" || status === "503"
      ? { headers: { "Retry-After": { description: "In how many seconds.", schema: { type: "integer" } } } }
      : {};
  return { description: ERRORS[status] ?? "", ...headers, content: PROBLEM_CONTENT };
}

function errorsOf({ method, takes, answer }: AnyRoute): Members {
  const froms = new Set(Object.values(takes).map(({ from }) => from));
  const hasBody = ["body", "content", "members"].some((from) => froms.has(from as Parameter["from"]));
  return problems([
    ...["400", "401", "403", "422", "429", "503", "504"],
    ...(froms.has("path") ? ["404"] : []),
    ...(method !== "GET" || answer.kind === "request" ? ["409"] : []),
    ...(froms.has("ifMatch") ? ["412"] : []),
    ...(hasBody ? ["413", "415"] : []),
  ]);
}

function problems(statuses: readonly string[]): Members {
  const refs = statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]);
  return { ...Object.fromEntries(refs), default: { $ref: "#/components/responses/Problem" } };
}

/** Which key may ask for it, and as whom Postgres does it. */
function needsOf({ scope, alsoScope }: AnyRoute): string {
  const held = SCOPES.find((each) => each === scope);
  const role = held === undefined ? "" : ` Postgres does it as \`${ROLES[held]}\`.`;
  const scopes = alsoScope === undefined ? `the scope \`${scope}\`` : `the scopes \`${scope}\` and \`${alsoScope}\``;
  return `Needs ${scopes}.${role}`;
}

/** `lacking`: what the answer says of a key or token that may not do it. */
export function problemSchema(lacking: Members): Members {
  return {
    type: "object",
    description: "An error, by RFC 9457.",
    required: ["title", "status"],
    properties: {
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string", description: "What could not be done." },
      found: { type: "string", description: "What Postgres adds to it." },
      hint: { type: "string", description: "What to do next." },
      code: { type: "string", description: "The SQLSTATE." },
      ...lacking,
    },
  };
}

const PROBLEM = problemSchema({
  scope: { type: "string", description: "The scope that the key lacks." },
  role: { type: "string", description: "The role of Postgres that does it." },
});

/** The operations of a table of routes behind a path. `more`: what else the document says of each, and its parameters. */
export function pathsOf(
  base: string,
  subjects: Readonly<Record<string, readonly AnyRoute[]>>,
  more: (route: AnyRoute) => Members & { readonly parameters?: readonly Json[] },
): Members {
  const made: Record<string, Record<string, Json>> = {};
  for (const [subject, routes] of Object.entries(subjects)) {
    for (const route of routes) {
      const path = `${base}${route.path}`;
      const { parameters = [], ...members } = more(route);
      const described = operation(route, subject, parameters);
      made[path] = { ...made[path], [route.method.toLowerCase()]: { ...described, ...members } };
    }
  }
  return made;
}

function bySql(route: AnyRoute): Members & { readonly parameters: readonly Json[] } {
  return {
    parameters: takesIdempotencyKey(route) ? [IDEMPOTENCY_KEY] : [],
    description: needsOf(route),
    "x-scope": route.scope,
    ...(route.alsoScope !== undefined && { "x-also-scope": route.alsoScope }),
    "x-sql": statementOf(route),
    "x-sql-parameters": Object.keys(route.takes),
  };
}

function operation(route: AnyRoute, subject: string, more: readonly Json[]): Members {
  const body = bodyOf(route);
  return {
    operationId: route.name,
    tags: [subject],
    summary: route.summary,
    parameters: [...parametersOf(route), ...more],
    ...(body !== null && { requestBody: body }),
    responses: { ...answerOf(route), ...errorsOf(route) },
  };
}

function parametersOf({ takes }: AnyRoute): readonly Json[] {
  const named = Object.entries(takes).filter(([, { from }]) => from === "path" || from === "query");
  const froms = new Set(Object.values(takes).map(({ from }) => from));
  return [
    ...named.map(([name, parameter]) => parameterOf(name, parameter)),
    ...(froms.has("limit") ? [LIMIT] : []),
    ...(froms.has("cursor") ? [AFTER] : []),
    ...(froms.has("ifMatch") ? [IF_MATCH] : []),
  ];
}

const LIMIT: Json = {
  ...{ name: "limit", in: "query", description: "How many at most." },
  schema: { type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
};
const AFTER: Json = {
  ...{ name: "after", in: "query", description: "Continues a list: what the last answer had as `next`." },
  schema: { type: "string" },
};
const IF_MATCH: Json = {
  ...{ name: "If-Match", in: "header", description: "The ETag of what is to be changed; 412 if it has changed since." },
  schema: { type: "string" },
};
const IDEMPOTENCY_KEY: Json = {
  ...{ name: "Idempotency-Key", in: "header" },
  description: `A request that is repeated with the key within ${KEPT_HOURS} hours is answered as before, and not done again: 409 while the first is in progress, 422 if it is another one.`,
  schema: { type: "string", minLength: 1, maxLength: 257 },
};

function parameterOf(name: string, { from, isOptional, sentence, type }: Parameter): Json {
  const list = type.includes("[]") ? { style: "form", explode: false } : {};
  return { name, in: from, required: !isOptional, description: sentence, schema: schemaOf(type), ...list };
}

function bodyOf({ takes, example }: AnyRoute): Json | null {
  const contentOf = (schema: Json): Json => ({
    "application/json": { schema, ...(example !== undefined && { example }) },
  });
  const content = Object.values(takes).find(({ from }) => from === "content");
  if (content !== undefined) {
    return { required: true, description: content.sentence, content: contentOf({}) };
  }
  const settings = Object.values(takes).find(({ from }) => from === "members");
  if (settings !== undefined) {
    const schema = { type: "object", additionalProperties: false, properties: propertiesOf(settings.members ?? {}) };
    return { required: true, description: settings.sentence, content: contentOf(schema) };
  }
  const members = Object.entries(takes).filter(([, { from }]) => from === "body");
  const required = members.filter(([, { isOptional }]) => !isOptional).map(([name]) => name);
  const properties = Object.fromEntries(
    members.map(([name, { type, sentence }]) => [name, { ...schemaOf(type), description: sentence }]),
  );
  const schema = { type: "object", additionalProperties: false, ...(required.length > 0 && { required }), properties };
  return members.length === 0 ? null : { required: required.length > 0, content: contentOf(schema) };
}

function answerOf(route: AnyRoute): Members {
  const { answer } = route;
  const row = rowSchema(route);
  switch (answer.kind) {
    case "page":
      return answered("200", "So many rows as were asked for.", pageSchema(row, answer.search !== undefined));
    case "rows":
      return answered("200", "The rows.", {
        type: "object",
        required: ["data"],
        properties: { data: { type: "array", items: row } },
      });
    case "row":
      return answered("200", "It.", row);
    case "created":
      return answered("201", "It was made.", row);
    case "request":
      return answered("200", "What would be sent.", REQUEST);
    case "nothing":
      return { "204": { description: "It was done." } };
  }
}

/** What requests.ts makes of the rows. */
const REQUEST: Json = {
  type: "object",
  required: [
    ...[
      "method",
      "url",
      "headers",
      "body",
      "body_bytes",
      "attempt_number",
      "endpoint_revision",
      "endpoint_has_changed",
    ],
    ...["valid_until", "shows_certificate", "curl"],
  ],
  properties: {
    method: { type: "string" },
    url: { type: "string", description: "With its query, which `read` does not see." },
    headers: {
      type: "array",
      description: "In the order in which they are sent.",
      items: {
        type: "object",
        required: ["name", "value"],
        properties: {
          name: { type: "string" },
          value: { type: ["string", "null"], description: "Null for a credential, which nobody sees." },
        },
      },
    },
    body: { type: "string", description: "As it is sent: encrypted if the endpoint has a key for that." },
    body_bytes: { type: "integer" },
    attempt_number: { type: "integer", description: "The number that the next attempt has." },
    endpoint_revision: { type: "integer", format: "int64" },
    endpoint_has_changed: {
      type: ["boolean", "null"],
      description: "Whether the endpoint was changed since the last attempt; null if there was none.",
    },
    valid_until: {
      ...{ type: ["string", "null"], format: "date-time" },
      description: "Until when receivers take the signature for fresh; null without one.",
    },
    shows_certificate: {
      type: "boolean",
      description: "Whether a daemon shows a client certificate, which curl lacks.",
    },
    curl: {
      type: ["string", "null"],
      description: "A command for bash, zsh, ksh or busybox that sends it. A credential is a variable of the shell.",
    },
  },
};

function answered(status: string, description: string, schema: Json): Members {
  return { [status]: { description, content: { "application/json": { schema } } } };
}

function pageSchema(row: Json, isSearch: boolean): Json {
  const next = { type: ["string", "null"], description: "Continues the list, as `after`; null if there is no more." };
  const searchedTo = {
    ...{ type: ["string", "null"], format: "date-time" },
    description:
      "How far back was looked, if there were fewer rows than asked for. Then `next` goes on from there; it is null if everything was looked at.",
  };
  return {
    type: "object",
    required: ["data", "next", ...(isSearch ? ["searched_to"] : [])],
    properties: { data: { type: "array", items: row }, next, ...(isSearch && { searched_to: searchedTo }) },
  };
}

function rowSchema({ gives, shownOnce = [] }: AnyRoute): Json {
  const properties = propertiesOf(gives);
  if (shownOnce.length === 0) {
    return { type: "object", required: Object.keys(gives), properties };
  }
  const once = shownOnce.map((name) => [name, { type: ["string", "null"], description: SHOWN_ONCE }]);
  const note = { type: "string", description: "Why something is not shown again." };
  return {
    type: "object",
    required: Object.keys(gives),
    properties: { ...properties, ...Object.fromEntries(once), note },
  };
}

const SHOWN_ONCE = "Shown this once: null if the request is repeated with its Idempotency-Key.";

function propertiesOf(types: Readonly<Record<string, ColumnType>>): Members {
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [name, schemaOf(type)]));
}

const SCHEMAS: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  uuid: { type: "string", format: "uuid" },
  text: { type: "string" },
  jsonpath: { type: "string", examples: ["$.amount > 100"] },
  smallint: { type: "integer" },
  integer: { type: "integer" },
  bigint: { type: "integer", format: "int64" },
  "double precision": { type: "number" },
  numeric: { type: "number" },
  boolean: { type: "boolean" },
  "timestamp with time zone": { type: "string", format: "date-time" },
  interval: { type: "string", description: "An interval as Postgres writes it.", examples: ["00:05:00"] },
  xid8: { type: "string" },
  bytea: { type: "string" },
};

function schemaOf(type: ColumnType): Readonly<Record<string, Json>> {
  const plain = type.replace("?", "");
  const schema = plain.endsWith("[]")
    ? { type: "array", items: SCHEMAS[plain.slice(0, -2)] ?? {} }
    : // Any JSON.
      (SCHEMAS[plain] ?? {});
  return type.endsWith("?") && "type" in schema ? { ...schema, type: [schema.type, "null"] } : schema;
}

/** What the table has not: it runs no statement of a person's. */
function sessionPaths(): Members {
  const done = { "204": { description: "It was done." }, ...problems(["400", "401", "403", "415", "503"]) };
  const who = {
    type: "object",
    required: ["name", "scopes"],
    properties: { name: { type: "string" }, scopes: { type: "array", items: { $ref: "#/components/schemas/Scope" } } },
  };
  const opener = {
    type: "object",
    properties: {
      key: { type: "string", description: "A key." },
      link: { type: "string", description: "What postrider.create_api_link() made, which logs in once." },
    },
  };
  return {
    [`${API_PATH}/session`]: {
      get: {
        ...{ operationId: "read_session", tags: ["state"], summary: "Who asks, and what the key may do." },
        description: "By the key, the session, or the user whom a trusted proxy names.",
        responses: { ...answered("200", "The key.", who), ...problems(["401", "503"]) },
      },
      post: {
        ...{
          operationId: "open_session",
          tags: ["state"],
          summary: "Logs a browser in, by a key or a link.",
          description: "Sets a cookie that lasts for twelve hours, or until the key ends.",
          security: [],
        },
        ...{ requestBody: { required: true, content: { "application/json": { schema: opener } } }, responses: done },
      },
      delete: {
        ...{ operationId: "close_session", tags: ["state"], summary: "Logs a browser out." },
        ...{ description: "Ends the session of the cookie.", responses: done },
      },
    },
  };
}
