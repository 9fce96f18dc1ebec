/**
 * The statements of the guide for frameworks, run as their drivers send them: with the types that they declare, in text or
 * binary, or quoted into the statement. The programs themselves take runtimes that this machine may lack.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import pg from "pg";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, openSession, rowsOf } from "../support/engine.ts";
import { guideBlock, guideBlocks } from "../support/guides.ts";
import { createLogin } from "../support/roles.ts";

const database = useDatabase();

const OIDS = { none: 0, int4: 23, text: 25, json: 114, varchar: 1043, timestamptz: 1184, uuid: 2950, jsonb: 3802 };
type TypeName = keyof typeof OIDS;

/** One parameter as it travels: a Buffer in binary, a string in text. */
interface Sent {
  readonly type: TypeName;
  readonly value: string | Buffer | null;
}

/** How a driver sends text, or null in its place. */
type SendText = (value: string | null) => Sent;

const untyped: SendText = (value) => ({ type: "none", value });
const varchar: SendText = (value) => ({ type: "varchar", value });
const binaryText: SendText = (value) => ({ type: "text", value: value === null ? null : Buffer.from(value) });
/** Prisma's engine does not know the type of a null. */
const prismaText: SendText = (value) => (value === null ? untyped(null) : binaryText(value));
/** JdbcTemplate sets a null without a type, JPA one of the type of the property. */
const jdbcText: SendText = (value) => (value === null ? untyped(null) : varchar(value));

interface Recipe {
  readonly heading: string;
  readonly block: () => string;
  readonly placeholder: RegExp;
  readonly drivers: Readonly<Record<string, SendText | "quoted">>;
}

const RECIPES: readonly Recipe[] = [
  {
    heading: "Django",
    block: () => guideBlock("sql/frameworks.md", "Django", "python"),
    placeholder: /%s/g,
    drivers: { "psycopg 3": untyped, "psycopg 3 in binary": binaryText, "psycopg 2": "quoted" },
  },
  {
    heading: "Rails",
    block: () => guideBlock("sql/frameworks.md", "Rails", "ruby"),
    placeholder: /\$\d/g,
    drivers: { pg: untyped, "pg without prepared statements": "quoted" },
  },
  {
    heading: "Prisma",
    block: () => guideBlock("sql/frameworks.md", "Prisma", "ts"),
    placeholder: /\$\{(?:[^{}]|\{[^{}]*\})*\}/g,
    drivers: { "its engine": prismaText, "node-postgres": untyped },
  },
  {
    heading: "Spring",
    block: () => guideBlock("sql/frameworks.md", "Spring", "java"),
    placeholder: /\?/g,
    drivers: { pgJDBC: jdbcText, "pgJDBC with typed nulls": varchar, "stringtype=unspecified": untyped },
  },
  {
    heading: "Go",
    block: () => guideBlock("sql/frameworks.md", "Go", "go"),
    placeholder: /\$\d/g,
    drivers: { pgx: untyped, "pgx with simple_protocol": "quoted" },
  },
];

/** Numbers, blanks and an order of members that jsonb would not keep. */
const PAYLOAD = '{"b": 1.10,  "a":12345678901234567890, "ü": "\'\\\\"}';
const KEY = "order-42-paid";

for (const { heading, block, placeholder, drivers } of RECIPES) {
  describe(`${heading}: the statement publishes the payload as it was written`, () => {
    for (const [driver, sendText] of Object.entries(drivers)) {
      test(`as ${driver} sends it`, async (t) => {
        const session = await publisherOf(t);
        const { text, count } = numbered(statementIn(block()), placeholder);
        const values = count === 4 ? ["order.paid", PAYLOAD, "", KEY] : ["order.paid", PAYLOAD, KEY];
        const publish = () => run(session, text, values, sendText);
        await session.query("begin");
        await publish();
        await session.query("rollback");
        assert.deepEqual(await events(), []);
        const id = await publish();
        assert.deepEqual(await events(), [{ id, event_type: "order.paid", payload: PAYLOAD, idempotency_key: KEY }]);
        assert.equal(await publish(), id);
        assert.equal((await events()).length, 1);
      });
    }
  });
}

test("a key may be missing, as each driver sends it", async (t) => {
  const session = await publisherOf(t);
  for (const { block, placeholder, drivers } of RECIPES) {
    const { text, count } = numbered(statementIn(block()), placeholder);
    const values = ["order.paid", PAYLOAD, ...(count === 4 ? ["acme"] : []), null];
    for (const sendText of Object.values(drivers)) await run(session, text, values, sendText);
  }
  const found = await rowsOf(database.pool, "select payload::text, idempotency_key from postrider.outbox");
  const sent = RECIPES.flatMap(({ drivers }) => Object.keys(drivers));
  assert.deepEqual(
    found,
    sent.map(() => ({ payload: PAYLOAD, idempotency_key: null })),
  );
});

test("the insert takes text of every type", async (t) => {
  const session = await publisherOf(t);
  const insert = guideBlock("sql/frameworks.md", "Publishing from Django, Rails, Prisma, Spring and Go", "text");
  for (const sendText of [untyped, varchar, binaryText]) {
    await run(session, `${insert} returning id`, ["order.paid", PAYLOAD], sendText);
  }
  const found = await rowsOf<{ payload: string }>(database.pool, "select payload::text from postrider.outbox");
  assert.deepEqual(
    found.map(({ payload }) => payload),
    [PAYLOAD, PAYLOAD, PAYLOAD],
  );
});

describe("without a cast,", () => {
  const insert = "insert into postrider.outbox (event_type, payload) values ('order.paid', $1)";
  const attributes = "insert into postrider.outbox (event_type, payload, attributes) values ('order.paid', '{}', $1)";
  const call = "select postrider.publish('order.paid', $1)";
  const hex = `\\x${Buffer.from(PAYLOAD).toString("hex")}`;
  const jsonb = Buffer.from(`\u0001${PAYLOAD}`);
  const refused: readonly (readonly [string, string, Sent, RegExp])[] = [
    ["text into payload", insert, binaryText(PAYLOAD), /^column "payload" is of type json but expression is of type/],
    ["varchar into payload", insert, varchar(PAYLOAD), /^column "payload" is of type json but expression is of type/],
    ["text into attributes", attributes, varchar("{}"), /^column "attributes" is of type jsonb but expression is of/],
    ["varchar to publish", call, varchar(PAYLOAD), /^function postrider\.publish\(.*\) does not exist$/],
    ["jsonb to publish", call, { type: "jsonb", value: jsonb }, /^function postrider\.publish\(.*\) does not exist$/],
    ["bytea as text into payload", insert, untyped(hex), /^invalid input syntax for type json$/],
  ];
  for (const [name, text, sent, message] of refused) {
    test(`${name} is refused`, async (t) => {
      await assert.rejects(send(await publisherOf(t), text, [sent]), (thrown: Error) => message.test(thrown.message));
    });
  }

  test("jsonb into payload is accepted, and not sent as it was written", async (t) => {
    await send(await publisherOf(t), insert, [{ type: "jsonb", value: jsonb }]);
    const payload = await askFor(database.pool, "select payload::text from postrider.outbox");
    assert.equal(payload, `{"a": 12345678901234567890, "b": 1.10, "ü": "'\\\\"}`);
  });
});

test("json and timestamptz are taken in binary", async (t) => {
  const text = "select postrider.publish(event_type => $1, payload => $2, deliver_at => $3, attributes => $4)";
  const at = new Date(Date.now() + 3_600_000);
  await send(await publisherOf(t), text, [
    binaryText("order.paid"),
    { type: "json", value: Buffer.from(PAYLOAD) },
    { type: "timestamptz", value: binaryTime(at) },
    { type: "jsonb", value: Buffer.from('\u0001{"traceparent": "x"}') },
  ]);
  assert.deepEqual(await rowsOf(database.pool, "select payload::text, deliver_at from postrider.outbox"), [
    { payload: PAYLOAD, deliver_at: at },
  ]);
});

test("the update of an endpoint takes text of every type, and numbers and ids in binary", async (t) => {
  const session = await openSession(t, database.url);
  const id = await createEndpoint(session);
  const update = guideBlock("sql/frameworks.md", "Endpoints from code", "text");
  const [name, schedule, headers] = ["shop", "{10 s,1 min}", '{"x-shop": "1"}'];
  for (const [index, sendText] of [untyped, varchar, binaryText].entries()) {
    await send(session, update, [name, String(1000 + index), schedule, headers, id].map(sendText));
    assert.equal(await askFor(session, "select timeout_ms from postrider.endpoint where id = $1", [id]), 1000 + index);
  }
  await send(session, update, [
    binaryText(name),
    { type: "int4", value: Buffer.from([0, 0, 0x13, 0x88]) },
    untyped(schedule),
    { type: "jsonb", value: Buffer.from(`\u0001${headers}`) },
    { type: "uuid", value: Buffer.from(id.replaceAll("-", ""), "hex") },
  ]);
  assert.equal(await askFor(session, "select timeout_ms from postrider.endpoint where id = $1", [id]), 5000);
});

test("no statement of the guide has a parameter of a type that only Postrider knows", async () => {
  const update = guideBlock("sql/frameworks.md", "Endpoints from code", "text");
  const statements = [
    ...RECIPES.map(({ block, placeholder }) => numbered(statementIn(block()), placeholder).text),
    ...guideBlocks("sql/frameworks.md", "Publishing from Django, Rails, Prisma, Spring and Go", "text"),
    "select * from postrider.create_endpoint($1, $2, $3, $4)",
    update,
  ];
  for (const text of statements) assert.deepEqual((await parameterTypes(text)).filter(isOurs), [], text);
  const withoutCasts = await parameterTypes(update.replaceAll(/::[a-z]+(?:\[\])?/g, ""));
  assert.ok(withoutCasts.some(isOurs), "the casts of the guide are for nothing");
});

function isOurs(type: string): boolean {
  return type.startsWith("postrider");
}

async function parameterTypes(text: string): Promise<readonly string[]> {
  const client = await database.pool.connect();
  try {
    await client.query(`prepare of_the_guide as ${text}`);
    const query = "select parameter_types::text[] from pg_prepared_statements where name = 'of_the_guide'";
    return (await askFor(client, query)) as readonly string[];
  } finally {
    client.release(true);
  }
}

/** The call of postrider.publish in a program: up to the line that begins with its closing parenthesis. */
function statementIn(program: string): string {
  const [statement] = /select postrider\.publish\(\n.*?\n\s*\)(?:::text)?/s.exec(program) ?? [];
  assert.ok(statement !== undefined, program);
  return statement;
}

function numbered(statement: string, placeholder: RegExp): { readonly text: string; readonly count: number } {
  let count = 0;
  const text = statement.replace(placeholder, () => {
    count += 1;
    return `$${count}`;
  });
  return { text, count };
}

/** Runs a statement that returns one value. */
async function run(
  session: pg.Client,
  text: string,
  values: readonly (string | null)[],
  sendText: SendText | "quoted",
): Promise<unknown> {
  if (sendText === "quoted") {
    const literal = (value: string | null | undefined) => (value == null ? "null" : pg.escapeLiteral(value));
    return askFor(
      session,
      text.replace(/\$(\d)/g, (_, place) => literal(values[Number(place) - 1])),
    );
  }
  return send(session, text, values.map(sendText));
}

async function send(session: pg.Client, text: string, sent: readonly Sent[]): Promise<unknown> {
  // node-postgres takes the types of parameters and the parsers of columns from the same member.
  const types = Object.assign(
    sent.map(({ type }) => OIDS[type]),
    { getTypeParser: pg.types.getTypeParser },
  );
  const values = sent.map(({ value }) => value);
  const { rows } = await session.query({ text, values, types: types as unknown as pg.CustomTypesConfig });
  return Object.values(rows[0] ?? {})[0];
}

/** Microseconds since 2000. */
function binaryTime(at: Date): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(at.getTime() - Date.UTC(2000, 0, 1)) * 1000n);
  return bytes;
}

function events(): Promise<object[]> {
  return rowsOf(database.pool, "select id, event_type, payload::text, idempotency_key from postrider.outbox");
}

/** A session of an application, which may publish and nothing else, on an empty outbox. */
async function publisherOf(t: TestContext): Promise<pg.Client> {
  await database.pool.query("delete from postrider.outbox; delete from postrider.idempotency_key");
  const login = await createLogin(database, ["postrider_publisher"]);
  const session = new pg.Client({ connectionString: login.url });
  await session.connect();
  t.after(() => session.end().finally(() => login.drop()));
  return session;
}
