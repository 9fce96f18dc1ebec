import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { useDatabase } from "../support/database.ts";
import {
  addPending,
  askFor,
  createEndpoint,
  IN_A_WEEK,
  insertEvent,
  inTransaction,
  openSession,
  reset,
  rowsOf,
  type Session,
  subscribe,
} from "../support/engine.ts";
import { describePlan, ExplainingSession, pagesOf } from "../support/plans.ts";
import { createPullEndpoint } from "../support/pulling.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Noted {
  readonly action: string;
  readonly detail: unknown;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** The rows of the audit except the creation of endpoints. */
function noted(session: Session = database.pool): Promise<Noted[]> {
  return rowsOf<Noted>(
    session,
    "select action, detail, before, after from postrider.audit where action <> 'create_endpoint' order by at, id",
  );
}

/** The list of that name in a row's `before` or `after`. */
function listOf(part: Noted["before"] | undefined, list: string): readonly Readonly<Record<string, unknown>>[] {
  const rows = part?.[list];
  assert.ok(Array.isArray(rows), `there is no list of ${list}`);
  return rows;
}

test("an action costs the same however long the audit is", async (t) => {
  const endpoint = await createEndpoint(database.pool);
  await database.pool.query(
    "insert into postrider.audit (action) select 'of another year' from generate_series(1, 20000)",
  );
  const session = await ExplainingSession.open(t, database.url);
  const pause = () => session.pool.query("select postrider.pause_endpoint($1, 'a test')", [endpoint]);
  await pause();
  await database.pool.query("select postrider.resume_endpoint($1)", [endpoint]);
  const { plans } = await session.explain(pause);
  assert.ok(plans.length > 1);
  const pages = pagesOf(plans);
  assert.ok(pages < 150, `${pages} pages: ${plans.map(describePlan).join("\n")}`);
});

test("a row reads alike, whatever the session has set", async (t) => {
  const session = await openSession(t, database.url);
  await session.query("set intervalstyle = 'iso_8601'; set timezone = 'Asia/Kathmandu'");
  const endpoint = await createEndpoint(database.pool);
  const edit = "update postrider.endpoint set retry_schedule = $2, disable_after = '1 day 2 hours' where id = $1";
  await session.query(edit, [endpoint, "{5 s,5 min}"]);
  await session.query("select postrider.rotate_secret($1, '1 hour')", [endpoint]);
  await session.query("delete from postrider.endpoint where id = $1", [endpoint]);
  const [edited, rotated, deleted] = await noted();
  assert.deepEqual(edited?.after, { retry_schedule: ["00:00:05", "00:05:00"], disable_after: "1 day 02:00:00" });
  for (const { expires_at } of listOf(rotated?.after, "secrets")) {
    assert.match(String(expires_at ?? "+00:00"), /\+00:00$/);
  }
  assert.match(String(deleted?.before?.created_at), /\+00:00$/);
});

test("the detail of an action reads alike, whatever the session has set", async (t) => {
  const session = await openSession(t, database.url);
  await session.query("set intervalstyle = 'iso_8601'; set timezone = 'Asia/Kathmandu'");
  const endpoint = await createEndpoint(session);
  const pulled = await createPullEndpoint(session);
  const event = await insertEvent(session, "order.paid", { deliverAt: IN_A_WEEK });
  await session.query("insert into postrider.ingest (name, run_id) values ('app.log', gen_random_uuid())");
  await session.query("begin");
  await session.query("select postrider.reschedule($1, now() + interval '1 day')", [event]);
  await session.query("select postrider.rotate_secret($1, '1 day 2 hours')", [endpoint]);
  await session.query("select postrider.create_pull_token($1, '1 day 2 hours')", [pulled]);
  await session.query("select postrider.replay($1, now() - interval '1 hour')", [endpoint]);
  await session.query("select postrider.rebuild_minutes(now() - interval '1 hour')");
  await session.query("select postrider.forget_ingest('app.log')");
  await session.query("update postrider.retention set period = '14 days 1 hour', hours_period = '500 days 1 hour'");
  const rows = await noted(session);
  await session.query("rollback");
  const details = new Map(rows.map(({ action, detail }) => [action, detail as Readonly<Record<string, unknown>>]));
  const times = [
    ["reschedule", "from"],
    ["reschedule", "at"],
    ["replay", "since"],
    ["replay", "until"],
  ] as const;
  for (const [action, field] of [...times, ["rebuild_minutes", "since"], ["forget_ingest", "updated_at"]] as const) {
    assert.match(String(details.get(action)?.[field]), /\+00:00$/, `${action} ${field}`);
  }
  for (const action of ["rotate_secret", "create_pull_token"]) {
    assert.equal(details.get(action)?.overlap, "1 day 02:00:00", action);
  }
  const retention = rows.find(({ action }) => action === "update retention");
  assert.deepEqual(retention?.after, { period: "14 days 01:00:00", hours_period: "500 days 01:00:00" });
});

describe("an edit by hand leaves one row in the audit", () => {
  const edits: readonly {
    readonly what: string;
    readonly edit: string;
    readonly row: Partial<Noted>;
  }[] = [
    {
      what: "of an endpoint, with the columns that changed",
      edit: "update postrider.endpoint set url = 'https://b.test/', timeout_ms = 500 where id = $1",
      row: {
        action: "update endpoint",
        before: { url: "http://receiver.test/", timeout_ms: 15_000 },
        after: { url: "https://b.test/", timeout_ms: 500 },
      },
    },
    {
      what: "of an endpoint's state",
      edit: "update postrider.endpoint set state = 'paused', state_reason = 'why' where id = $1",
      row: {
        action: "update endpoint",
        before: { state: "active", state_reason: null },
        after: { state: "paused", state_reason: "why" },
      },
    },
    {
      what: "of a subscription",
      edit: "update postrider.subscription set event_type = 'order.paid' where endpoint_id = $1 returning id",
      row: { action: "update subscription" },
    },
    {
      what: "that adds a subscription",
      edit: "insert into postrider.subscription (endpoint_id, event_type, filter) values ($1, 'a.b', '$.a > 1')",
      row: { action: "insert subscription", before: null },
    },
    {
      what: "that takes a subscription away",
      edit: "delete from postrider.subscription where endpoint_id = $1",
      row: { action: "delete subscription", after: null },
    },
    {
      what: "of a secret's end",
      edit: "update postrider.endpoint_secret set expires_at = '2030-01-01Z' where endpoint_id = $1",
      row: { action: "update endpoint_secret" },
    },
    {
      what: "that takes a secret away",
      edit: "delete from postrider.endpoint_secret where endpoint_id = $1",
      row: { action: "delete endpoint_secret", after: null },
    },
    {
      what: "that deletes an endpoint, with all that goes with it",
      edit: "delete from postrider.endpoint where id = $1",
      row: { action: "delete endpoint", after: null },
    },
  ];
  for (const { what, edit, row } of edits) {
    test(what, async () => {
      const endpoint = await createEndpoint(database.pool, ["order.*"]);
      await addPending(database.pool, endpoint);
      await database.pool.query(edit, [endpoint]);
      const rows = await noted();
      assert.equal(rows.length, 1);
      const { action, before, after } = rows[0] ?? { action: "none", before: null, after: null };
      assert.deepEqual({ action, before, after }, { action, before, after, ...row });
      assert.equal(
        await askFor(database.pool, "select endpoint_id from postrider.audit order by at desc limit 1"),
        endpoint,
      );
      assert.equal(
        await askFor(
          database.pool,
          "select actor = session_user and acting_as is null from postrider.audit order by at desc limit 1",
        ),
        true,
      );
    });
  }

  test("which holds the earlier subscription, secret or endpoint", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    await database.pool.query("update postrider.subscription set event_type = 'order.paid'");
    await database.pool.query("update postrider.endpoint_secret set expires_at = '2030-01-01Z'");
    await database.pool.query("delete from postrider.endpoint");
    const [rule, secret, deleted] = await noted();
    const pick = (part: Noted["before"] | undefined, list: string, name: string) =>
      listOf(part, list).map((row) => row[name]);
    assert.deepEqual(pick(rule?.before, "subscriptions", "event_type"), ["order.*"]);
    assert.deepEqual(pick(rule?.after, "subscriptions", "event_type"), ["order.paid"]);
    assert.deepEqual(pick(secret?.before, "secrets", "expires_at"), [null]);
    assert.deepEqual(pick(secret?.after, "secrets", "expires_at"), ["2030-01-01T00:00:00+00:00"]);
    assert.deepEqual(pick(secret?.after, "secrets", "secret"), [undefined]);
    assert.deepEqual([deleted?.before?.id, deleted?.before?.url], [endpoint, "http://receiver.test/"]);
    assert.deepEqual(pick(deleted?.before, "subscriptions", "event_type"), ["order.paid"]);
  });

  test("and none if nothing was changed", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*"]);
    for (const table of ["endpoint", "subscription", "endpoint_secret"]) {
      await database.pool.query(`update postrider.${table} set created_at = created_at`);
    }
    await database.pool.query("update postrider.endpoint set timeout_ms = timeout_ms, state = state where id = $1", [
      endpoint,
    ]);
    assert.deepEqual(await noted(), []);
  });

  test("also if the endpoint moves to another tenant with its subscriptions", async () => {
    await createEndpoint(database.pool, ["order.*", "user.*"]);
    await database.pool.query("update postrider.endpoint set tenant = 'acme'");
    assert.deepEqual(
      (await noted()).map(({ action, before, after }) => [action, before, after]),
      [["update endpoint", { tenant: "" }, { tenant: "acme" }]],
    );
  });

  test("which is rolled back with the edit", async () => {
    await createEndpoint(database.pool);
    await assert.rejects(
      inTransaction(database.pool, async () => {
        await database.pool.query("update postrider.endpoint set timeout_ms = 500; select 1 / 0");
      }),
      /division by zero/,
    );
    assert.deepEqual(await noted(), []);
  });
});

describe("a function leaves one row in the audit", () => {
  test("create_endpoint: with the new endpoint, its subscriptions and the secret's id", async () => {
    const endpoint = await createEndpoint(database.pool, ["order.*", "user.made"]);
    const rows = await rowsOf<Noted>(database.pool, "select action, detail, before, after from postrider.audit");
    assert.equal(rows.length, 1);
    const { action, before, after } = rows[0] ?? { action: "none", before: null, after: null };
    assert.deepEqual(
      [action, before, after?.id, after?.url],
      ["create_endpoint", null, endpoint, "http://receiver.test/"],
    );
    assert.deepEqual(
      listOf(after, "subscriptions").map(({ event_type }) => event_type),
      ["order.*", "user.made"],
    );
    assert.equal(listOf(after, "secrets").length, 1);
  });

  test("with the values before and after; a later edit in the same transaction gets a separate row", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    const session = await openSession(t, database.url);
    await inTransaction(session, async () => {
      await session.query("select postrider.pause_endpoint($1, 'why')", [endpoint]);
      await session.query("update postrider.endpoint set timeout_ms = 500");
      await session.query("select postrider.resume_endpoint($1)", [endpoint]);
    });
    assert.deepEqual(await noted(), [
      {
        action: "pause_endpoint",
        detail: { reason: "why" },
        before: { state: "active", state_reason: null },
        after: { state: "paused", state_reason: "why" },
      },
      { action: "update endpoint", detail: {}, before: { timeout_ms: 15_000 }, after: { timeout_ms: 500 } },
      {
        action: "resume_endpoint",
        detail: {},
        before: { state: "paused", state_reason: "why" },
        after: { state: "active", state_reason: null },
      },
    ]);
    assert.equal(
      await askFor(
        database.pool,
        "select count(distinct transaction_id)::integer from postrider.audit where action <> 'create_endpoint'",
      ),
      1,
    );
  });

  test("subscribe, unsubscribe and rotate_secret: with the rule, and the secrets without their values", async () => {
    const endpoint = await createEndpoint(database.pool, []);
    const id = await subscribe(database.pool, endpoint, "order.*", "$.a > 1");
    await database.pool.query("select postrider.unsubscribe($1)", [id]);
    await database.pool.query("select postrider.rotate_secret($1)", [endpoint]);
    const [subscribed, unsubscribed, rotated, ...others] = await noted();
    assert.deepEqual(others, []);
    const rule = { id, event_type: "order.*", filter: '($."a" > 1)' };
    const shown = (part: Noted["before"] | undefined) =>
      listOf(part, "subscriptions").map(({ created_at: _, ...row }) => row);
    assert.deepEqual([subscribed?.before, shown(subscribed?.after)], [null, [rule]]);
    assert.deepEqual([shown(unsubscribed?.before), unsubscribed?.after], [[rule], null]);
    assert.equal(rotated?.action, "rotate_secret");
    assert.deepEqual(rotated?.detail, { overlap: "24:00:00" });
    assert.deepEqual([listOf(rotated?.before, "secrets").length, listOf(rotated?.after, "secrets").length], [1, 2]);
  });

  test("which cannot be made to hide an edit or to add one to an older row", async (t) => {
    const endpoint = await createEndpoint(database.pool, []);
    const older = await askFor(database.pool, "select id from postrider.audit");
    const session = await openSession(t, database.url);
    for (const value of [older, "00000000-0000-7000-8000-000000000000", "x"]) {
      await session.query("select set_config('postrider.audit_id', $1, false)", [value]);
      await session.query("update postrider.endpoint set timeout_ms = timeout_ms + 1 where id = $1", [endpoint]);
    }
    assert.equal((await noted()).length, 3);
    assert.equal(await askFor(database.pool, "select before from postrider.audit where id = $1", [older]), null);
  });
});

test("tables that operators edit cannot be truncated, because that would leave no row", async () => {
  await createEndpoint(database.pool);
  for (const tables of ["endpoint cascade", "subscription", "endpoint_secret"]) {
    await assert.rejects(database.pool.query(`truncate postrider.${tables}`), {
      code: "0A000",
      message: /^cannot truncate postrider\./,
      hint: /^delete from postrider\./,
    });
  }
});

test("the audit never holds a secret, a header's value or a key", async () => {
  const word = randomBytes(12).toString("hex");
  const endpoint = await createEndpoint(database.pool, ["*"], { options: { headers: { authorization: `a ${word}` } } });
  const secret = `whsec_${Buffer.from(word.repeat(2)).toString("base64")}`;
  await database.pool.query("update postrider.endpoint set headers = $1", [
    { authorization: `b ${word}`, "x-key": word },
  ]);
  await database.pool.query("insert into postrider.endpoint_secret (endpoint_id, secret) values ($1, $2)", [
    endpoint,
    secret,
  ]);
  await database.pool.query("update postrider.endpoint_secret set secret = $1 where secret <> $1", [secret]);
  await database.pool.query("select postrider.rotate_secret($1, '0')", [endpoint]);
  const secrets = await rowsOf<{ secret: string }>(database.pool, "select secret from postrider.endpoint_secret");
  await database.pool.query("delete from postrider.endpoint");
  const rows = await rowsOf<{ text: string; action: string; before: unknown; after: unknown }>(
    database.pool,
    "select a::text as text, action, before, after from postrider.audit a order by at, id",
  );
  assert.equal(rows.length, 6);
  for (const hidden of [word, secret.slice(6), ...secrets.map((row) => row.secret.slice(6))]) {
    assert.ok(rows.every(({ text }) => !text.includes(hidden)));
  }
  assert.deepEqual(
    [rows[1]?.before, rows[1]?.after],
    [
      { headers: { authorization: "hidden" } },
      { headers: { authorization: "hidden, changed", "x-key": "hidden, changed" } },
    ],
  );
  assert.match(rows[3]?.text ?? "", /hidden, changed/, "that a secret was replaced is told");
});

test("a user who acts under another role is named with both roles", async (t) => {
  const endpoint = await createEndpoint(database.pool, []);
  const role = `postrider_test_${randomBytes(4).toString("hex")}`;
  const session = await openSession(t, database.url);
  await session.query(`create role ${role} in role postrider_operator`);
  t.after(() => database.pool.query(`drop role ${role}`));
  await session.query(`set role ${role}`);
  await session.query("update postrider.endpoint set timeout_ms = 500 where id = $1", [endpoint]);
  assert.deepEqual(
    await rowsOf(
      database.pool,
      "select actor = session_user as is_session, acting_as from postrider.audit where action = 'update endpoint'",
    ),
    [{ is_session: true, acting_as: role }],
  );
});
