import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { type Application, applyFile } from "../../src/apply/apply.ts";
import { countsText, differenceText } from "../../src/apply/difference.ts";
import { connectionConfig } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { PostriderError } from "../../src/ground/errors.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  claimEvents,
  createEndpoint,
  eventually,
  insertEvent,
  openSession,
  pidOf,
  reset,
  rowsOf,
  waitsForLock,
} from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";

let database: TestDatabase;
let operator: Login;
let sessions: Database;

before(async () => {
  database = await createDatabase();
  operator = await createLogin(database, ["postrider_operator"]);
  sessions = sessionsOf(operator.url);
});
after(async () => {
  await sessions.end();
  await operator.drop();
  await database.drop();
});
beforeEach(async () => {
  await reset(database.pool);
  await database.pool.query("delete from postrider.event_type; select postrider.allow_unknown_event_types()");
});

function sessionsOf(databaseUrl: string): Database {
  return new Database({
    config: connectionConfig({ databaseUrl, applicationName: "postrider" }),
    ...{ purpose: "control", max: 4 },
  });
}

interface Wish {
  readonly isDry?: boolean;
  readonly through?: Database;
  readonly show?: (application: Application) => void;
}

/** Applies a text as an operator. */
function apply(text: string, { isDry = false, through = sessions, show = () => {} }: Wish = {}): Promise<Application> {
  const file = { name: "f.yaml", text, variable: (name: string) => (name === "TOKEN" ? "Bearer s3cret" : null) };
  return applyFile(through, file, { isDry, show });
}

/** The difference that applying it makes. */
async function difference(text: string, wish: Wish = {}): Promise<readonly string[]> {
  return differenceText((await apply(text, wish)).changes)
    .trimEnd()
    .split("\n");
}

/** `line:column found; remedy` of each fault. */
async function faultsOf(text: string): Promise<readonly string[]> {
  const thrown = await apply(text).then(
    () => assert.fail("it was applied"),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof PostriderError, String(thrown));
  return thrown.faults.map(({ code, problem, found, remedy }) => {
    assert.deepEqual([code, problem], ["PR0024", "cannot apply f.yaml"]);
    return `${found.replace(/^line (\d+), column (\d+):/, "$1:$2")}; ${remedy}`;
  });
}

/** Every row that applying a file could touch, with the transaction that wrote it. */
async function everything(): Promise<unknown> {
  return Promise.all(
    ["endpoint", "endpoint_secret", "subscription", "event_type", "event_type_policy", "audit", "delivery"].map(
      (table) =>
        rowsOf(database.pool, `select t.xmin::text, to_jsonb(t) as row from postrider.${table} t order by 1, 2`),
    ),
  );
}

const FILE = `
event_types:
  - name: order.paid
    description: An order was paid.
    enforce: true
    json_schema: { type: object, properties: { amount: { type: integer } } }
  - name: order.sent
endpoints:
  - name: billing
    tenant: acme
    url: https://billing.test/hooks?token=abc
    timeout_ms: 5000
    retry_schedule: [10 s, 300 s]
    headers: { authorization: { from_env: TOKEN }, x-a: b }
    subscriptions:
      - order.*
      - event_type: invoice.created
        filter: $.amount > 100
  - name: crm
    url: https://crm.test/
    disable_after: null
    subscriptions: ["*"]
    state: paused
    reason: maintenance
`;

test("a file makes endpoints, subscriptions and event types, and tells each with what it has", async () => {
  const application = await apply(FILE);
  assert.deepEqual(differenceText(application.changes).split("\n"), [
    "+ event type order.paid",
    "    + description: An order was paid.",
    '    + json_schema: {"type":"object","properties":{"amount":{"type":"integer"}}}',
    "    + enforce: true",
    "+ event type order.sent",
    "+ endpoint billing of acme",
    "    ! its secret is shown to no one: select postrider.rotate_secret(postrider.endpoint_id('billing', 'acme'), overlap => '0') makes one and returns it",
    "    + url: https://billing.test/hooks?...",
    "    + timeout_ms: 5000",
    '    + retry_schedule: ["00:00:10","00:05:00"]',
    '    + headers: {"x-a":"hidden","authorization":"hidden"}',
    '    + subscription invoice.created where ($."amount" > 100)',
    "    + subscription order.*",
    "+ endpoint crm",
    "    ! its secret is shown to no one: select postrider.rotate_secret(postrider.endpoint_id('crm'), overlap => '0') makes one and returns it",
    "    + url: https://crm.test/",
    "    + disable_after: null",
    "    + subscription *",
    "    + state: paused (maintenance)",
    "",
  ]);
  assert.equal(countsText(application.changes), "4 created");
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select e.name, tenant, url, timeout_ms, retry_schedule::text, headers, disable_after::text, state, state_reason,
         (select count(*)::int from postrider.endpoint_secret s where s.endpoint_id = e.id) as secrets
       from postrider.endpoint e order by 1`,
    ),
    [
      {
        ...{ name: "billing", tenant: "acme", url: "https://billing.test/hooks?token=abc", timeout_ms: 5000 },
        ...{ retry_schedule: "{00:00:10,00:05:00}", headers: { authorization: "Bearer s3cret", "x-a": "b" } },
        ...{ disable_after: "5 days", state: "active", state_reason: null, secrets: 1 },
      },
      {
        ...{ name: "crm", tenant: "", url: "https://crm.test/", timeout_ms: 15_000 },
        ...{ retry_schedule: "{00:00:05,00:05:00,00:30:00,02:00:00,05:00:00,10:00:00,14:00:00,20:00:00,24:00:00}" },
        ...{ headers: {}, disable_after: null, state: "paused", state_reason: "maintenance", secrets: 1 },
      },
    ],
  );
  const actor = await rowsOf(database.pool, "select distinct actor from postrider.audit where endpoint_id is not null");
  assert.deepEqual(actor, [{ actor: operator.name }]);
  await assert.rejects(
    database.pool.query(`select postrider.publish('order.paid', '{"amount": "1"}')`),
    /expected integer/,
  );
});

test("a credential is shown by no difference, and changes nothing a second time", async () => {
  const file = (token: string) => `
endpoints:
  - name: billing
    url: https://billing.test/
    auth: { type: header, name: x-key, value: { from_env: TOKEN } }
    subscriptions: []
  - name: crm
    url: https://crm.test/
    auth: { type: basic, username: us3r, password: ${token} }
    subscriptions: []
`;
  const created = await apply(file("first-s3cret"));
  assert.match(differenceText(created.changes), /\+ auth: \{"name":"hidden","type":"hidden","value":"hidden"\}/);
  const before = await everything();
  assert.deepEqual((await apply(file("first-s3cret"))).changes, []);
  assert.deepEqual(await everything(), before);
  const changed = await apply(file("second-s3cret"));
  const text = differenceText(changed.changes);
  assert.match(text, /^~ endpoint crm\n( {4}.* auth.*hidden.*\n)+$/);
  assert.doesNotMatch(differenceText(created.changes) + text, /s3cret|us3r/);
  assert.deepEqual(
    await rowsOf(database.pool, "select secret from postrider.endpoint_secret where kind = 'auth' order by 1"),
    [
      { secret: '{"name": "x-key", "type": "header", "value": "Bearer s3cret"}' },
      { secret: '{"type": "basic", "password": "second-s3cret", "username": "us3r"}' },
    ],
  );
  const without = await apply(file("second-s3cret").replace(/ {4}auth: .*basic.*\n/, ""));
  assert.match(differenceText(without.changes), /^~ endpoint crm\n/);
  assert.equal((await apply(file("second-s3cret").replace(/ {4}auth: .*basic.*\n/, ""))).changes.length, 0);
});

test("the same file changes nothing a second time, however its values are written", async () => {
  await apply(FILE);
  const before = await everything();
  const otherwise = FILE.replace("300 s", "5 min")
    .replace("$.amount > 100", "'$.\"amount\">100'")
    .replace("5000", "'5000'");
  for (const text of [FILE, otherwise]) {
    const { changes, others } = await apply(text);
    assert.deepEqual([changes, others], [[], { endpoints: 0, eventTypes: 0 }]);
  }
  assert.deepEqual(await everything(), before);
});

test("a dry run tells the same as the real one, and leaves nothing", async () => {
  await apply(FILE);
  const changed = FILE.replace("5000", "6000").replace("name: crm", "name: other").replace("order.sent", "order.kept");
  const before = await everything();
  const told = await difference(changed, { isDry: true });
  assert.deepEqual(await everything(), before);
  const id = /[0-9a-f]{8}-[0-9a-f-]{27}/;
  assert.deepEqual(
    (await difference(changed)).map((line) => line.replace(id, "ID")),
    told.map((line) => line.replace(id, "ID")),
  );
});

test("each change is told with what was before, without values of headers and queries of URLs", async () => {
  await apply(FILE);
  const changed = FILE.replace("5000", "6000")
    .replace("x-a: b", "x-a: c, x-b: d")
    .replace("token=abc", "token=def")
    .replace("- order.*", "- '*'")
    .replace("{ amount: { type: integer } }", "{ amount: { type: number }, 'a b': true }")
    .replace("- name: order.sent", "- name: order.sent\n    state: absent")
    .replace("maintenance", "more of it");
  const shown: string[] = [];
  const told = await difference(changed, { show: ({ changes }) => shown.push(JSON.stringify(changes)) });
  assert.deepEqual(told, [
    "~ event type order.paid",
    "    ~ json_schema.properties.amount.type: integer → number",
    "    + json_schema.properties.a b: true",
    "- event type order.sent",
    "~ endpoint billing of acme",
    "    ~ url: https://billing.test/hooks?... → https://billing.test/hooks?... (changed)",
    "    ~ timeout_ms: 5000 → 6000",
    "    ~ headers.x-a: hidden → hidden, changed",
    "    + headers.x-b: hidden",
    "    - subscription order.*",
    "    + subscription *",
    "~ endpoint crm",
    "    ~ state: paused (maintenance) → paused (more of it)",
  ]);
  assert.doesNotMatch([...told, ...shown].join("\n"), /abc|def|s3cret|Bearer|whsec/);
  assert.deepEqual(
    await rowsOf(
      database.pool,
      `select action, before ->> 'timeout_ms' as before, after ->> 'timeout_ms' as after from postrider.audit
       where endpoint_id = postrider.endpoint_id('billing', 'acme') order by at desc, id desc limit 3`,
    ).then((rows) => rows.find(({ action }) => action === "apply_endpoint")),
    { action: "apply_endpoint", before: "5000", after: "6000" },
  );
});

test("an option that is left out gets its default, whichever it is", async () => {
  await apply(FILE);
  const plain = "endpoints:\n  - {name: billing, tenant: acme, url: 'https://billing.test/hooks', subscriptions: []}\n";
  const told = await difference(plain);
  assert.equal(told[1], "    ~ url: https://billing.test/hooks?... → https://billing.test/hooks");
  assert.equal(told[2], "    ~ timeout_ms: 5000 → 15000");
  assert.deepEqual(told.slice(-4), [
    "    - headers.x-a: hidden",
    "    - headers.authorization: hidden",
    '    - subscription invoice.created where ($."amount" > 100)',
    "    - subscription order.*",
  ]);
  const made = await createEndpoint(database.pool);
  const [one, other] = await rowsOf<{ row: object }>(
    database.pool,
    `select to_jsonb(e) - '{id,name,tenant,url,shown_url,revision,created_at,updated_at,state_changed_at}'::text[] as row
     from postrider.endpoint e where e.name = 'billing' or e.id = '${made}'`,
  );
  assert.deepEqual(one, other);
});

describe("the state of an endpoint", () => {
  const entry = (state: string) =>
    `endpoints:\n  - {name: a, url: 'https://a.test', subscriptions: []${state === "" ? "" : `, ${state}`}}\n`;
  const states = {
    active: "state: active",
    paused: "state: paused, reason: because",
    disabled: "state: disabled, reason: gone",
  };

  test("becomes what the file says from every other one, and stays if the file says nothing", async () => {
    const now = () => askFor(database.pool, "select concat_ws(' ', state, state_reason) from postrider.endpoint");
    const shown = { active: "active", paused: "paused because", disabled: "disabled gone" };
    for (const from of ["active", "paused", "disabled"] as const) {
      for (const to of ["active", "paused", "disabled"] as const) {
        await apply(entry(states[from]));
        const { changes } = await apply(entry(states[to]));
        assert.equal(changes.length, from === to ? 0 : 1, `${from} to ${to}`);
        assert.equal(await now(), shown[to], `${from} to ${to}`);
        assert.deepEqual((await apply(entry(""))).changes, []);
        assert.deepEqual((await apply(entry(`state: ${to}`))).changes, [], "a reason that is left out stays");
      }
    }
  });

  test("that was paused and then disabled is active if the file says so", async () => {
    await apply(entry(states.paused));
    await apply(entry(states.disabled));
    assert.deepEqual(await difference(entry(states.active)), ["~ endpoint a", "    ~ state: disabled (gone) → active"]);
  });

  test("disabled or absent tells what that discards", async () => {
    await apply(entry(""));
    const id = String(await askFor(database.pool, "select id from postrider.endpoint"));
    await addPending(database.pool, id);
    await addPending(database.pool, id);
    assert.deepEqual(await difference(entry("state: absent"), { isDry: true }), [
      "- endpoint a",
      "    ! discards 2 pending deliveries",
    ]);
    assert.deepEqual(await difference(entry(states.disabled)), [
      "~ endpoint a",
      "    ~ state: active → disabled (gone)",
      "    ! discards 2 pending deliveries",
    ]);
    assert.deepEqual(await difference("endpoints: [{name: a, state: absent, reason: it left}]"), ["- endpoint a"]);
    const [row] = await rowsOf(
      database.pool,
      "select detail ->> 'reason' as reason, actor from postrider.audit where action = 'delete_endpoint'",
    );
    assert.deepEqual(row, { reason: "it left", actor: operator.name });
    assert.deepEqual((await apply(entry("state: absent"))).changes, []);
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.endpoint"), 0);
  });
});

test("subscriptions become those of the file, the same one twice included", async () => {
  await createEndpoint(database.pool, ["a", "a", "b"], { options: { name: "a" } });
  const text =
    "endpoints: [{name: a, url: 'https://a.test', subscriptions: [a, c, {event_type: b, filter: $.x == 1}]}]";
  assert.deepEqual((await difference(text)).slice(-4), [
    "    - subscription a",
    "    - subscription b",
    '    + subscription b where ($."x" == 1)',
    "    + subscription c",
  ]);
  assert.deepEqual((await apply(text)).changes, []);
});

describe("what the file does not mention", () => {
  test("is left alone and counted", async () => {
    await createEndpoint(database.pool);
    await database.pool.query("select postrider.define_event_type('other.type')");
    assert.deepEqual((await apply(FILE)).others, { endpoints: 1, eventTypes: 1 });
    assert.equal(await askFor(database.pool, "select count(*)::int from postrider.endpoint"), 3);
  });

  test("is named if it has the url of an endpoint that the file makes, because a rename is none", async () => {
    await apply("endpoints: [{name: old, url: 'https://a.test/x', subscriptions: ['*']}]");
    const told = await difference("endpoints: [{name: new, url: 'https://a.test/x', subscriptions: ['*']}]");
    const id = await askFor(database.pool, "select postrider.endpoint_id('old')");
    assert.equal(
      told.at(-1),
      `    ! the endpoint "old" of this tenant has the same url and stays, so both get events: to rename it instead, update postrider.endpoint set name = 'new' where id = '${id}'`,
    );
    const both = "endpoints: [{name: new, state: absent}, {name: newer, url: 'https://a.test/x', subscriptions: []}]";
    assert.match((await difference(both)).join("\n"), /the endpoint "old"/);
    await database.pool.query("update postrider.endpoint set name = 'renamed' where name = 'old'");
    const renamed = "endpoints: [{name: renamed, url: 'https://a.test/x', subscriptions: ['*']}]";
    assert.deepEqual((await apply(renamed)).changes, []);
  });
});

describe("an event type", () => {
  test("is defined as a whole, except for a schema that is left out, and is dropped if it is absent", async () => {
    await apply(FILE);
    assert.deepEqual(await difference("event_types: [{name: order.paid, deprecated: true}]"), [
      "~ event type order.paid",
      "    ~ description: An order was paid. → null",
      "    ~ enforce: true → false",
      "    ~ deprecated: false → true",
    ]);
    const schema = "select json_schema is not null from postrider.event_type where name = 'order.paid'";
    assert.equal(await askFor(database.pool, schema), true);
    assert.deepEqual(await difference("event_types: [{name: order.paid, deprecated: true, json_schema: null}]"), [
      "~ event type order.paid",
      '    ~ json_schema: {"type":"object","properties":{"amount":{"type":"integer"}}} → null',
    ]);
    assert.equal(await askFor(database.pool, schema), false);
    const absent = "event_types: [{name: order.paid, state: absent}]";
    assert.deepEqual(await difference(absent), ["- event type order.paid"]);
    assert.deepEqual((await apply(absent)).changes, []);
  });

  test("keeps the digits of its schema", async () => {
    const file = (digits: string) => `event_types: [{name: a, json_schema: {maximum: ${digits}}}]`;
    await apply(file("12345678901234567890"));
    assert.equal(
      await askFor(database.pool, "select json_schema ->> 'maximum' from postrider.event_type"),
      "12345678901234567890",
    );
    assert.deepEqual(await difference(file("12345678901234567891")), ["~ event type a", "    ~ json_schema"]);
  });

  test("that is unknown is refused or allowed as the file says", async () => {
    assert.deepEqual(await difference("unknown_event_types: refused"), [
      "~ unknown event types",
      "    ~ allowed → refused",
    ]);
    assert.deepEqual((await apply("unknown_event_types: refused")).changes, []);
    await assert.rejects(insertEvent(database.pool, "no.such"), /no\.such/);
    await apply("unknown_event_types: allowed");
    await insertEvent(database.pool, "no.such");
  });
});

test("all faults of a file are told at once with their places, and nothing of it is applied", async () => {
  const before = await everything();
  const faults = await faultsOf(
    FILE.replace("5000", "50")
      .replace("x-a:", "host:")
      .replace("- order.*", "- order*")
      .replace("$.amount > 100", "$.amount")
      .replace("type: integer", "pattern: a")
      .replace("token=abc", "#x")
      .replace("[10 s, 300 s]", "[10 parsecs]")
      .replace("name: crm", "name: ' crm'")
      .replace("    disable_after: null", "    disable_aftr: null\n    format: xml2"),
  );
  const expected = [
    /^6:\d+ cannot define the event type "order\.paid": its JSON Schema, at "\/properties\/amount\/pattern", /,
    /^11:5 it is refused by the rule "url has no fragment and no backslash"; url: Absolute /,
    /^12:5 it is refused by the rule "timeout_ms is between 100 and 120000"; timeout_ms: /,
    /^13:5 the option retry_schedule cannot be \["10 parsecs"\] /,
    /^14:5 the header "host" is set by the sender alone; leave it out: /,
    /^16:9 it is refused by the rule "event_type is exact, a prefix such as order\.\*, or \*"; /,
    /^17:9 the filter \$\."amount" is not a predicate \(.*\); compare: /,
    /^19:5 it is refused by the rule "name has 1 to 255 characters, without blanks at its ends"; name: /,
    /^21:5 there is no key "disable_aftr" for an endpoint; write disable_after; /,
    /^22:5 it is refused by the rule "format is /,
  ];
  assert.equal(faults.length, expected.length, faults.join("\n"));
  for (const [index, pattern] of expected.entries()) {
    assert.match(faults[index] ?? "", pattern);
  }
  assert.doesNotMatch(faults.join("\n"), /s3cret|Bearer/);
  assert.deepEqual(await everything(), before);
  assert.deepEqual(
    (await faultsOf("endpoints: [{name: a, subscriptions: []}]"))[0]?.split(";")[0],
    "1:13 the endpoint has no url",
  );
});

test("a role that may only look is told which role may apply", async (t) => {
  const reader = await createLogin(database, ["postrider_reader"]);
  const through = sessionsOf(reader.url);
  t.after(() => through.end().finally(() => reader.drop()));
  await assert.rejects(apply(FILE, { through }), /permission denied/);
});

test("a character that the database's encoding lacks is a fault of the file", async (t) => {
  const latin = await createDatabase({ encoding: "LATIN1" });
  const through = sessionsOf(latin.url);
  t.after(() => through.end().finally(() => latin.drop()));
  await assert.rejects(
    apply("event_types: [{name: a, description: '\u4e16'}]", { through }),
    /PR0024: cannot apply f\.yaml: the database's encoding lacks one of its characters: .*; replace the character/,
  );
  await apply("event_types: [{name: a, description: 'caf\u00e9'}]", { through });
});

test("an endpoint whose key a daemon makes is told by where its public half will be", async () => {
  const told = await difference("endpoints: [{name: a, url: 'https://a.test', signing: ed25519, subscriptions: []}]");
  assert.deepEqual(told.slice(0, 2), [
    "+ endpoint a",
    "    ! a daemon makes its key: select public_key from postrider.endpoint_secret where endpoint_id = postrider.endpoint_id('a')",
  ]);
});

describe("beside other sessions", () => {
  const operatorWaits = () =>
    eventually("the operator's session waits for a lock", async () => {
      const waiting = "select from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'";
      return (await rowsOf(database.pool, waiting, [operator.name])).length > 0;
    });

  test("two files are applied one after the other", async (t) => {
    const first = await openSession(t, database.url);
    await first.query("begin");
    const declared = JSON.stringify({
      endpoints: [{ name: "a", url: "https://a.test", options: {}, subscriptions: [] }],
    });
    await first.query("select from postrider_internal.apply_file($1)", [declared]);
    const second = apply("endpoints: [{name: a, url: 'https://a.test', timeout_ms: 200, subscriptions: []}]");
    await operatorWaits();
    await first.query("commit");
    assert.deepEqual(
      differenceText((await second).changes)
        .trimEnd()
        .split("\n"),
      ["~ endpoint a", "    ~ timeout_ms: 15000 → 200"],
    );
  });

  test("a change by hand is seen, and none comes between the look and the change", async (t) => {
    await apply(FILE);
    const other = await openSession(t, database.url);
    await other.query("begin; update postrider.endpoint set timeout_ms = 300 where name = 'billing'");
    const applying = apply(FILE);
    await operatorWaits();
    await other.query("commit");
    assert.match(differenceText((await applying).changes), /timeout_ms: 300 → 5000/);

    const file = await openSession(t, database.url);
    await file.query("begin");
    const declared = { endpoints: [{ name: "crm", url: "https://crm.test/", options: {}, subscriptions: [] }] };
    await file.query("select from postrider_internal.apply_file($1)", [JSON.stringify(declared)]);
    const id = await askFor(database.pool, "select postrider.endpoint_id('crm')");
    const otherPid = await pidOf(other);
    const byHand = other.query("insert into postrider.subscription (endpoint_id, event_type) values ($1, 'late')", [
      id,
    ]);
    await waitsForLock(database.pool, otherPid);
    await file.query("commit");
    await byHand;
  });

  test("one that keeps what the file names is waited for, but not for long", async (t) => {
    await apply(FILE);
    const other = await openSession(t, database.url);
    await other.query("begin; update postrider.endpoint set timeout_ms = 300 where name = 'billing'");
    const before = await everything();
    await assert.rejects(apply(FILE), /PR0016: cannot apply f\.yaml: another session .*; run it again when/);
    assert.deepEqual(await everything(), before);
  });

  test("daemons claim and applications insert while a file is being applied", async (t) => {
    await apply(FILE.replace("state: paused", "state: active").replace("    reason: maintenance\n", ""));
    const file = await openSession(t, database.url);
    await file.query("begin");
    const declared = {
      event_types: [{ name: "order.sent", description: "other" }],
      endpoints: [{ name: "crm", url: "https://crm.test/other", options: {}, subscriptions: [], state: "disabled" }],
    };
    await file.query("select from postrider_internal.apply_file($1)", [JSON.stringify(declared)]);
    await database.pool.query("set lock_timeout = '1s'");
    await insertEvent(database.pool, "order.sent");
    assert.equal((await claimEvents(database.pool)).pairs.length, 1);
    await file.query("rollback");
  });
});

test("a change of signing tells where the receiver's part of it is, as does a dry run", async () => {
  const file = (signing: string) => `endpoints: [{name: a, url: 'https://a.test', ${signing} subscriptions: []}]`;
  await apply(file("signing: ed25519,"));
  const note =
    "    ! the new secret is shown to no one: select postrider.rotate_secret(postrider.endpoint_id('a')) makes another one and returns it";
  assert.ok((await difference(file("signing: both,"), { isDry: true })).includes(note));
  assert.ok((await difference(file("signing: both,"))).includes(note));
  const again = await difference(file("signing: ed25519,"));
  assert.equal(again.filter((line) => line.includes("!")).length, 0, again.join("\n"));
  await database.pool.query("delete from postrider.endpoint_secret where kind = 'hmac'");
  assert.ok((await difference(file(""))).includes(note), "the default is a change, too");
  await database.pool.query("delete from postrider.endpoint_secret where kind = 'ed25519'");
  assert.ok(
    (await difference(file("signing: both,"))).includes(
      "    ! a daemon makes the key: select public_key from postrider.endpoint_secret where endpoint_id = postrider.endpoint_id('a') and kind = 'ed25519'",
    ),
  );
});
