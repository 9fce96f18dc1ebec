/**
 * An attack on functions that act with their owner's rights. The attacker creates operators, functions, types and
 * relations with the names that those functions use, in his schema and among his temporary objects, and puts them on his
 * search_path. Each records whose rights it ran with. None may run with the owner's.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import {
  askFor,
  beat,
  claimAll,
  createEndpoint,
  insertEvent,
  openSession,
  recordResults,
  resultOf,
  rowsOf,
  subscribe,
} from "../support/engine.ts";
import { createPullEndpoint } from "../support/pulling.ts";
import { createLogin, type Login } from "../support/roles.ts";

/** Created by the attacker: records which role ran what. */
const NOTEBOOK = `
  create schema evil;
  grant usage on schema evil to public;
  create table evil.ran (who text, what text);
  grant select, insert on evil.ran to public;
  create function evil.note(what text) returns boolean language plpgsql as $$
  begin
    insert into evil.ran (who, what) values (current_user, what);
    return true;
  end $$`;

/** Each function of Postgres that one of ours names, with the same arguments. */
const SHADOW_FUNCTIONS = `
  do $make$
  declare
    p record;
  begin
    for p in
      select c.proname, oidvectortypes(c.proargtypes) as arguments, c.proretset, format_type(c.prorettype, null) as result
      from pg_catalog.pg_proc c
      where c.pronamespace = 'pg_catalog'::regnamespace and c.prokind = 'f'
        and c.proname in (
          select distinct w[1] from pg_catalog.pg_proc o, regexp_matches(pg_get_functiondef(o.oid), '\\y([a-z_0-9]+)\\(', 'g') w
          where o.pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace))
        and c.prorettype::regtype::text not in ('trigger', 'event_trigger', 'internal', 'cstring')
        and oidvectortypes(c.proargtypes) !~ 'internal|cstring|"any"|VARIADIC'
    loop
      execute format('create function evil.%I(%s) returns %s %s language plpgsql as %L', p.proname, p.arguments,
        case when p.proretset then 'setof' else '' end, p.result,
        format('begin perform evil.note(%L); return%s; end', p.proname,
          case when p.proretset or p.result = 'void' then '' else ' null' end));
    end loop;
    -- those with any number of arguments: of the types at hand, and so a closer match than the original
    execute $one$create function evil.format(a text, b text) returns text language plpgsql as 'begin perform evil.note(''format''); return null; end'$one$;
    execute $one$create function evil.format(a text, b text, c text) returns text language plpgsql as 'begin perform evil.note(''format''); return null; end'$one$;
    execute $one$create function evil.jsonb_build_object(a text, b text) returns jsonb language plpgsql as 'begin perform evil.note(''jsonb_build_object''); return null; end'$one$;
  end
  $make$`;

/** Each operator of Postgres between types that ours use. */
const SHADOW_OPERATORS = `
  do $make$
  declare
    o record;
  begin
    for o in
      select c.oid, c.oprname, format_type(nullif(c.oprleft, 0), null) as l, format_type(c.oprright, null) as r,
             format_type(c.oprresult, null) as result
      from pg_catalog.pg_operator c
      where c.oprnamespace = 'pg_catalog'::regnamespace
        and (c.oprleft = 0 or c.oprleft::regtype::text = any (array['text', 'uuid', 'timestamp with time zone', 'interval', 'smallint',
          'integer', 'bigint', 'double precision', 'numeric', 'boolean', 'jsonb', 'xid8', 'name', 'oid', 'date', 'anyarray', '"char"',
          'timestamp without time zone', 'anycompatiblearray', 'record', 'bytea']))
        and c.oprright::regtype::text = any (array['text', 'uuid', 'timestamp with time zone', 'interval', 'smallint',
          'integer', 'bigint', 'double precision', 'numeric', 'boolean', 'jsonb', 'xid8', 'name', 'oid', 'date', 'anyarray', '"char"',
          'timestamp without time zone', 'anycompatiblearray', 'anycompatible', 'record', 'bytea', 'jsonpath', 'text[]'])
        and c.oprresult::regtype::text !~ '^any'
        and (c.oprleft <> 'record'::regtype)
    loop
      execute format('create function evil.op_%s(%s) returns %s language plpgsql as %L', o.oid, concat_ws(', ', o.l, o.r), o.result,
        format('begin perform evil.note(%L); return null; end', o.oprname));
      execute format('create operator evil.%s (%s rightarg = %s, function = evil.op_%s)', o.oprname,
        'leftarg = ' || o.l || ',', o.r, o.oid);
    end loop;
  end
  $make$`;

/** Postgres looks for types and relations among temporary ones first, unless the search_path says otherwise. */
const SHADOW_TYPES_AND_RELATIONS = `
  do $make$
  declare
    name text;
  begin
    foreach name in array array['text', 'uuid', 'json', 'jsonb', 'jsonpath', 'timestamptz', 'xid8', 'pg_snapshot', 'date'] loop
      execute format('create domain pg_temp.%1$I as pg_catalog.%1$I check (evil.note(%2$L))', name, 'type ' || name);
    end loop;
    for name in
      select c.relname from pg_catalog.pg_class c
      where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
      union
      select unnest(array['pg_class', 'pg_namespace', 'pg_locks', 'pg_inherits'])
    loop
      execute format('create view pg_temp.%I as select evil.note(%L) as id', name, 'relation ' || name);
    end loop;
  end
  $make$`;

const EVENT = randomUUID();
const RUN = randomUUID();

const FITTING = { n: 1, s: "a", l: [1], x: "a", more: true };
const SCHEMA = {
  type: "object",
  required: ["n"],
  properties: {
    n: { type: ["integer", "null"], minimum: 1, maximum: 5, exclusiveMinimum: 0, exclusiveMaximum: 9 },
    s: { type: "string", minLength: 1, maxLength: 5, enum: ["a", "b"] },
    l: {
      minItems: 1,
      maxItems: 2,
      prefixItems: [{ $ref: "#x" }],
      items: { $ref: "#/%24defs/x" },
      contains: { const: 1 },
    },
    x: { anyOf: [{ const: 1 }, { const: "a" }], oneOf: [{ const: "a" }, { const: "b" }], not: { const: "c" } },
  },
  additionalProperties: { type: "boolean" },
  $defs: { x: { $anchor: "x", allOf: [{ type: "number" }] } },
};
/** No predicate can express this, so the walk checks the payload. */
const WALKED_SCHEMA = { ...SCHEMA, enum: [FITTING] };

function enforce(schema: object): string {
  return `select postrider.define_event_type('order.judged', 'what', '${JSON.stringify(schema)}', true)`;
}

let database: TestDatabase;
let attacker: Login;
let session: pg.Client;
let ids: {
  endpoint: string;
  idle: string;
  pulled: string;
  subscription: string;
  delivered: string;
  daemon: string;
  claim: string;
  lost: string;
  replay: string;
  wanted: string;
  secret: string;
  version: string;
  revision: string;
  portalToken: string;
};

before(async () => {
  database = await createDatabase();
  const { pool } = database;
  const roles = ["publisher", "operator", "daemon", "portal"].map((role) => `postrider_${role}`);
  attacker = await createLogin(database, roles);
  await pool.query(`grant create, temporary on database ${database.name} to ${attacker.name}`);

  const pulled = await createPullEndpoint(pool, ["order.*"]);
  const [daemon, lost] = [randomUUID(), randomUUID()];
  const endpoint = await createEndpoint(pool, ["order.*"]);
  const idle = await createEndpoint(pool, []);
  const subscription = await subscribe(pool, idle, "order.paid", "$.amount > 1");
  const delivered = await insertEvent(pool, "order.paid");
  const pairs = await claimAll(pool, { daemon });
  await recordResults(pool, daemon, { first: pairs.map((pair) => resultOf(pair)) });
  await beat(pool, daemon);
  await insertEvent(pool, "order.lost");
  await claimAll(pool, { daemon: lost });
  await insertEvent(pool, "order.mine");
  const [mine] = await claimAll(pool, { daemon });
  await insertEvent(pool, "order.new", { payload: '{"amount": 2}' });
  const replay = String(
    await askFor(pool, "select replay_id from postrider.replay($1, 'yesterday', states => '{succeeded,unmatched}')", [
      endpoint,
    ]),
  );
  const wanted = String(
    await askFor(
      pool,
      "insert into postrider.endpoint_secret (endpoint_id, kind) values ($1, 'ed25519') returning id",
      [idle],
    ),
  );
  const [signing] = await rowsOf<{ secret: string; version: string; revision: string }>(
    pool,
    "select s.id as secret, s.xmin::text as version, e.revision from postrider.endpoint_secret s join postrider.endpoint e on e.id = s.endpoint_id where e.id = $1",
    [endpoint],
  );
  assert.ok(signing !== undefined);
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, finished_at, ordering_key, ordering_seq, halts)
     select postrider.uuid_v7(), $1, 'exhausted', now(), 'a', n, true from generate_series(1, 50) n`,
    [idle],
  );
  await pool.query(
    "insert into postrider.api_key (name, scopes, key_hash) select n, '{admin}', sha256(n::bytea) from unnest('{known,revoked}'::text[]) n",
  );
  await pool.query("insert into postrider.endpoint_handshake (endpoint_id) values ($1)", [idle]);
  await pool.query("update postrider.daemon set public_url = 'http://listener.test'");
  const capabilities =
    "{endpoints:read,endpoints:write,endpoints:state,secret:rotate,attempts:read,payload:read,redeliver,replay,test}";
  const portalToken = String(
    await askFor(
      pool,
      "select encode(sha256(convert_to(token, 'UTF8')), 'hex') from postrider.create_portal_token('', $1, subject => 'alice')",
      [capabilities],
    ),
  );
  ids = {
    ...{ ...signing, portalToken },
    wanted,
    replay,
    endpoint,
    idle,
    pulled,
    subscription,
    delivered,
    daemon,
    lost,
    claim: mine?.claim ?? "",
  };

  session = new pg.Client({ connectionString: attacker.url });
  await session.connect();
  for (const step of [NOTEBOOK, SHADOW_FUNCTIONS, SHADOW_OPERATORS, SHADOW_TYPES_AND_RELATIONS]) {
    await session.query(step);
  }
  await session.query("set search_path = evil, pg_catalog");
});

after(async () => {
  await session.end();
  await attacker.drop();
  await database.drop();
});

/** What has run with rights other than the attacker's since the last call. */
async function ranAsOthers(): Promise<string[]> {
  const rows = await rowsOf<{ what: string }>(
    database.pool,
    "with looked_at as (delete from evil.ran returning who, what) select distinct what from looked_at where who <> $1",
    [attacker.name],
  );
  return rows.map(({ what }) => what);
}

describe("the trap catches a function of the owner's", () => {
  const careless: Readonly<Record<string, string>> = {
    "that trusts an operator": "return a || b",
    "that trusts a function": "return upper(a)",
    "that trusts a type": "return a::jsonb",
    "that trusts a relation": "perform id from outbox; return a",
  };
  for (const [what, body] of Object.entries(careless)) {
    test(what, async (t) => {
      const owner = await openSession(t, database.url);
      await owner.query(`
        create function public.careless(a text, b text) returns text language plpgsql security definer as 'begin ${body}; end';
        grant execute on function public.careless to ${attacker.name}`);
      t.after(() => database.pool.query("drop function public.careless"));
      if (body.includes("upper")) {
        await session.query(
          "create or replace function evil.upper(a pg_catalog.text) returns pg_catalog.text language plpgsql as 'begin perform evil.note(a); return a; end'",
        );
      }
      await session.query("select public.careless('1', '2')").catch((thrown: unknown) => {
        // A function that fell into the trap may then fail, which rolls back its record.
        assert.match(String(thrown), /evil|null/);
      });
      assert.notDeepEqual(await ranAsOthers(), []);
    });
  }
});

const APPLIED = {
  event_types: [{ name: "order.applied", json_schema: SCHEMA, enforce: true }],
  unknown_event_types: "refused",
  endpoints: [
    {
      name: "applied",
      url: "https://applied.test/?t=1",
      options: { timeout_ms: 200, headers: { a: "b" } },
      subscriptions: [{ event_type: "order.*", filter: "$.amount > 1" }],
      state: "paused",
      reason: "why",
    },
  ],
};

const APPLIED_OTHERWISE = {
  event_types: [{ name: "order.applied", json_schema: null, description: "other" }],
  unknown_event_types: "allowed",
  endpoints: [
    {
      name: "applied",
      url: "https://applied.test/?t=2",
      options: { retry_schedule: ["1 s"], headers: { a: "c", d: "e" } },
      subscriptions: [{ event_type: "*" }],
      state: "disabled",
    },
  ],
};

const APPLIED_FAULTY = {
  event_types: [
    { name: "order.applied", state: "absent" },
    { name: "order.broken", json_schema: 1 },
  ],
  endpoints: [
    { name: "applied", options: {}, subscriptions: [], state: "absent" },
    { name: "faulty", options: { timeout_ms: 1 }, subscriptions: [{ event_type: "order*", filter: "$" }] },
  ],
};

/** By somebody who has a token of the portal. */
function asTenant(statement: string): string {
  return `set postrider.portal_token = '${ids.portalToken}'; ${statement}`;
}

const CALLS: Readonly<Record<string, () => string>> = {
  publish: () =>
    `select postrider.publish('order.paid', '{"amount": 1}', 'acme', 'k', 'tomorrow', 'once', '{"subject": "1"}')`,
  create_endpoint: () =>
    `select postrider.create_endpoint('https://receiver.test/?t=1', '{order.*}', 'acme', '{"format": "raw", "name": "receiver", "timeout_ms": 200, "retry_schedule": ["1 s"], "headers": {"a": "b"}}')`,
  subscribe: () => `select postrider.subscribe('${ids.endpoint}', 'order.paid', '$.amount > 1')`,
  unsubscribe: () => `select postrider.unsubscribe('${ids.subscription}')`,
  claim_events: () => `select postrider_internal.claim_events('${ids.daemon}', 100, 100, 1000, 100, 30000, '{}', '{}')`,
  take_over_claim: () => `select postrider_internal.take_over_claim('${ids.daemon}', '{}', 30000)`,
  create_api_key: () => "select postrider.create_api_key('new', '{read,operate}', 'tomorrow')",
  revoke_api_key: () => "select postrider.revoke_api_key(id) from postrider.api_key where name = 'revoked'",
  create_api_link: () => "select postrider.create_api_link(id, '1 hour') from postrider.api_key where name = 'known'",
  use_api_key: () => "select postrider_internal.use_api_key(pg_catalog.sha256('known'))",
  open_api_session: () => "select postrider_internal.open_api_session(pg_catalog.sha256('known'))",
  begin_api_request: () =>
    "select postrider_internal.begin_api_request(pg_catalog.sha256('known'), pg_catalog.sha256('known'))",
  keep_api_request: () =>
    "select postrider_internal.keep_api_request(pg_catalog.sha256('known'), pg_catalog.sha256('known'), 200::smallint, '{}')",
  note_signed_request: () => `select postrider_internal.note_signed_request('${ids.delivered}', '${ids.endpoint}')`,
  close_api_session: () => "select postrider_internal.close_api_session(pg_catalog.sha256('known'))",
  create_pull_token: () => `select postrider.create_pull_token('${ids.pulled}')`,
  revoke_pull_token: () => "select postrider.revoke_pull_token(id) from postrider.pull_token limit 1",
  fetch_events: () => {
    const fetch = (cursor: string) =>
      `select f.* from postrider_internal.fetch_events('${ids.daemon}', '${ids.pulled}', ${cursor}, 1, 1000, 1000, null, true) f`;
    return `${fetch("null")}; ${fetch(`(select f.next_cursor from (${fetch("null")}) f where f.next_cursor is not null)`)}`;
  },
  find_fetchable: () => `select * from postrider_internal.find_fetchable('{${ids.pulled}}', '{x}')`,
  record_results: () =>
    `select postrider_internal.record_results('${ids.daemon}', true, true, '{${EVENT}}', '{${ids.idle}}', '{${ids.claim}}', '{0}', '{${randomUUID()}}',
       '{1750000000000}', '{12}', '{500}', null, '{1}', null, '{status}', '{"it answered 500"}', array[null::pg_catalog.json], '{body}', '{pending}', '{1000}',
       array[null::pg_catalog.text], null, '{${ids.claim}}', '{${ids.claim}}', '{null}', '{${ids.idle}}')`,
  claim_deliveries: () =>
    `select postrider_internal.claim_deliveries('${ids.daemon}', null, 100, 100, 10, '{}', '{}', 15000, 30000)`,
  transform_deliveries: () =>
    `update postrider.endpoint set payload = '{"a": "$.amount", "b": "$event.type"}', headers = '{"x-a": "$.amount"}' where id = '${ids.endpoint}';
     select postrider_internal.transform_deliveries(leased_by, array[event_id], array[endpoint_id], 30000, false) from postrider.delivery where leased_by is not null`,
  preview_transformation: () => `select postrider.preview_transformation('${ids.endpoint}', '${ids.delivered}')`,
  empty_claims: () => `select postrider_internal.empty_claims('${ids.daemon}', '{${ids.claim}}')`,
  replay: () => `select postrider.replay('${ids.endpoint}', 'yesterday', 'tomorrow', 'order.*', '{succeeded}')`,
  prepare_replay: () => `select postrider_internal.prepare_replay('${ids.replay}')`,
  note_replay_problem: () => `select postrider_internal.note_replay_problem('${ids.replay}', 'why')`,
  note_replay_failure: () => `select postrider.cancel('${ids.delivered}', '${ids.endpoint}', 'why')`,
  cancel_replay: () => `select postrider.cancel_replay('${ids.replay}')`,
  end_replays: () => `select postrider.disable_endpoint('${ids.idle}', 'why')`,
  pause_endpoint: () => `select postrider.pause_endpoint('${ids.endpoint}', 'why')`,
  resume_endpoint: () => `select postrider.resume_endpoint('${ids.endpoint}')`,
  disable_endpoint: () => `select postrider.disable_endpoint('${ids.endpoint}', 'why')`,
  enable_endpoint: () => `select postrider.enable_endpoint('${ids.endpoint}')`,
  define_event_type: () => enforce(SCHEMA),
  drop_event_type: () => "select postrider.drop_event_type('order.judged')",
  refuse_unknown_event_types: () => "select postrider.refuse_unknown_event_types('why')",
  allow_unknown_event_types: () => "select postrider.allow_unknown_event_types('why')",
  set_objective: () => `select postrider.set_objective(0.99, '5 minutes', '${ids.endpoint}', reason => 'why')`,
  drop_objective: () =>
    "select postrider.set_objective(0.99, tenant => 'acme'); select postrider.drop_objective(tenant => 'acme', reason => 'why')",
  rotate_secret: () => `select postrider.rotate_secret('${ids.endpoint}', '1 hour')`,
  explain_event: () => `select postrider.explain_event('${ids.delivered}')`,
  erase_event: () => `select postrider.erase_event(postrider.publish('order.erased', '1'))`,
  erase_tenant: () => "select postrider.erase_tenant('acme')",
  skip: () =>
    "select postrider.skip(h.event_id, h.endpoint_id) from (select event_id, endpoint_id from postrider.halted_key limit 1) h",
  send_test_event: () => `select postrider.send_test_event('${ids.endpoint}', 'order.paid', '{"amount": 1}')`,
  reschedule: () =>
    `with e as (select postrider.publish('order.later', '1', deliver_at => 'tomorrow') as id) select postrider.reschedule(e.id, 'tomorrow') from e`,
  delete_endpoint: () =>
    `with made as (select endpoint_id from postrider.create_endpoint('https://receiver.test/')) select postrider.delete_endpoint(endpoint_id, 'why') from made`,
  endpoint_id: () => "select postrider.endpoint_id('receiver', 'acme')",
  apply_file: () =>
    [APPLIED, APPLIED_OTHERWISE, APPLIED_FAULTY]
      .map((file) => `select postrider_internal.apply_file('${JSON.stringify(file)}')`)
      .join(";"),
  redeliver: () => `select postrider.redeliver('${ids.delivered}', '${ids.endpoint}')`,
  cancel: () => `select postrider.cancel('${ids.delivered}', '${ids.endpoint}', 'why')`,
  daemons_without_key: () => "select * from postrider_internal.daemons_without_key('0123456789abcdef')",
  beat: () => `select postrider_internal.beat('${ids.daemon}', 'host.test', 1, '0', 60000, 0, 0)`,
  rebuild_minutes: () => "select postrider.rebuild_minutes('yesterday')",
  append_minutes: () => `select postrider_internal.append_minutes('${ids.daemon}', gen_random_uuid(), 0, '[]', null)`,
  leave: () => `select postrider_internal.leave('${ids.daemon}')`,
  measure_figures: () => "select postrider_internal.measure_figures(10)",
  measure_waiting: () =>
    "select postrider_internal.measure_waiting('00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', 10)",
  measure_endpoints: () => `select postrider_internal.measure_endpoints(array['${ids.endpoint}']::uuid[], 10)`,
  count_waiting: () => "select postrider_internal.count_waiting(10)",
  count_replay_pending: () => `select postrider_internal.count_replay_pending('${ids.endpoint}')`,
  count_unclaimed: () => "select postrider_internal.count_unclaimed(10)",
  count_undelivered: () => "select postrider_internal.count_undelivered(10)",
  count_attempts: () => "select postrider_internal.count_attempts(10)",
  create_portal_token: () => "select postrider.create_portal_token('acme', '{replay,test}', '5 minutes', 'alice')",
  revoke_portal_tokens: () => "select postrider.revoke_portal_tokens('acme', 'alice')",
  present_portal_token: () => asTenant("select * from postrider_internal.present_portal_token()"),
  portal_create_endpoint: () =>
    asTenant(
      `select postrider_internal.portal_create_endpoint('https://receiver.test/?t=1', '{order.*}', '$.amount > 1', 'mine', 'what', '{"a": "b"}')`,
    ),
  portal_change_endpoint: () =>
    asTenant(
      `select postrider_internal.portal_change_endpoint('${ids.endpoint}', '{"url": "https://other.test", "headers": {"a": null, "b": "c"}}', null)`,
    ),
  portal_delete_endpoint: () =>
    asTenant(
      `with made as (select endpoint_id from postrider_internal.portal_create_endpoint('https://receiver.test/', '{}', null, null, null, null))
       select postrider_internal.portal_delete_endpoint(endpoint_id, 'why', false) from made`,
    ),
  portal_pause_endpoint: () =>
    asTenant(`select postrider_internal.portal_pause_endpoint('${ids.endpoint}', 'maintenance')`),
  portal_resume_endpoint: () => asTenant(`select postrider_internal.portal_resume_endpoint('${ids.endpoint}')`),
  portal_rotate_secret: () => asTenant(`select postrider_internal.portal_rotate_secret('${ids.endpoint}', '1 hour')`),
  portal_send_test_event: () =>
    asTenant(`select postrider_internal.portal_send_test_event('${ids.endpoint}', 'order.paid', '1')`),
  portal_subscribe: () =>
    asTenant(`select postrider_internal.portal_subscribe('${ids.idle}', 'cart.*', '$.amount > 1')`),
  portal_unsubscribe: () =>
    asTenant(
      `select postrider_internal.portal_unsubscribe(postrider_internal.portal_subscribe('${ids.idle}', 'cart.*', null))`,
    ),
  portal_redeliver: () => asTenant(`select postrider_internal.portal_redeliver('${ids.delivered}', '${ids.endpoint}')`),
  portal_replay_range: () =>
    asTenant(
      `select postrider.enable_endpoint('${ids.idle}'); select postrider_internal.portal_replay_range('${ids.idle}', 'yesterday', null, 'order.*', '{unmatched}', false)`,
    ),
  portal_cancel_replay: () =>
    asTenant(
      `select postrider_internal.portal_cancel_replay(r.id) from postrider.replay r where r.endpoint_id = '${ids.idle}'`,
    ),
  portal_events: () =>
    asTenant(
      `select * from postrider_internal.portal_events(null, 'tomorrow', 'order.*', '${ids.endpoint}', null, 10)`,
    ),
  portal_attempts_searched_to: () =>
    asTenant("select postrider_internal.portal_attempts_searched_to('yesterday', 'tomorrow', null, null)"),
  portal_searched_to: () => asTenant("select postrider_internal.portal_searched_to('yesterday', 'tomorrow', null)"),
  portal_deliveries: () => asTenant(`select * from postrider_internal.portal_deliveries('${ids.delivered}', null, 10)`),
  portal_undelivered: () =>
    asTenant(`select * from postrider_internal.portal_undelivered('{exhausted}', '${ids.idle}', null, null, null, 10)`),
  portal_waiting: () => asTenant(`select * from postrider_internal.portal_waiting('${ids.endpoint}', null, 10)`),
  portal_failed_attempts: () =>
    asTenant(`select * from postrider_internal.portal_failed_attempts('${ids.endpoint}', null, null, null, null, 10)`),
  make_partitions: () => "select postrider_internal.make_partitions('9 days')",
  open_ingest: () =>
    `select postrider_internal.open_ingest('app', '/var/log/app.json', '${RUN}', false, '$.amount > 1', 'log.line')`,
  store_lines: () =>
    `select postrider_internal.store_lines('app', '${RUN}', 1, 'log.line', 'acme', '$.amount > 1', E'{"amount": 2}\nno JSON\n{"amount": 1e999999}',
       0, '1:2', 2, 3, 'abc', 4, 5, 1, '[]')`,
  close_ingest: () => `select postrider_internal.close_ingest('app', '${RUN}')`,
  forget_ingest: () => "select postrider.forget_ingest('app')",
  make_key: () => `select postrider_internal.make_key('${ids.wanted}', 'whsk_${"A".repeat(86)}==', null)`,
  take_handshakes: () => "select * from postrider_internal.take_handshakes(10)",
  record_handshake: () => `select postrider_internal.record_handshake('${ids.idle}', 1, false, null, null, 'no')`,
  request_handshake: () => `select postrider.request_handshake('${ids.idle}')`,
  seal_secret: () =>
    `select postrider_internal.seal_secret('${ids.secret}', '${ids.version}', 'sealed:v1:0123456789abcdef:AAAA')`,
  pause_unreadable: () =>
    `select postrider_internal.pause_unreadable('{${ids.endpoint}}', '{${ids.revision}}', '{why}')`,
  maintain: () => "select postrider.maintain()",
  fill_retention: () => "select postrider_internal.fill_retention('40 days')",
  copy_problem: () => "select postrider.copy_problem()",
  missing_rows: () => "select postrider_internal.missing_rows()",
  // It refuses a database in use, after it has looked at each table.
  prepare_restore: () =>
    "do $$ begin perform postrider.prepare_restore(); exception when object_not_in_prerequisite_state then null; end $$",
  adopt: () => "select postrider.adopt()",
};

/** Statements that fire the triggers that act with the owner's rights. */
const FIRINGS: Readonly<Record<string, () => string>> = {
  refuse_late: () => "insert into postrider.outbox (event_type, payload, deliver_at) values ('order.paid', '1', now())",
  warn_of_other_event: () =>
    `insert into postrider.outbox (event_type, payload, idempotency_key) values ('order.paid', '{"a": 1}', 'other'), ('order.paid', '{"a":2}', 'other')`,
  note_idempotency_key: () =>
    `insert into postrider.outbox (event_type, payload, idempotency_key) values ('order.paid', '1', 'twice')`,
  endpoint_audit: () =>
    `update postrider.endpoint set url = 'https://elsewhere.test/?t=2', headers = '{"a": "b"}' where kind = 'push'`,
  note_change: () => "update postrider.endpoint set timeout_ms = 300 where kind = 'push'",
  endpoint_secret_changing: () => `select postrider.rotate_secret('${ids.idle}', '1 hour')`,
  endpoint_secret_changed: () => `select postrider.rotate_secret('${ids.endpoint}', '2 hours')`,
  endpoint_handshake_changed: () => `update postrider.endpoint set handshake = true where id = '${ids.idle}'`,
  endpoint_credentials: () =>
    `update postrider.endpoint set auth = '{"type": "bearer", "token": "t"}' where id = '${ids.idle}'`,
  endpoint_signing_changed: () => `update postrider.endpoint set signing = 'both' where id = '${ids.idle}'`,
  rule_audit: () => "update postrider.subscription set event_type = 'order.paid'",
  objective_audit: () => "insert into postrider.objective (tenant) values ('other')",
  retention_changed: () => "update postrider.retention set period = '50 days'",
  sending_changed: () => "update postrider.sending set is_on = false",
  endpoint_pulling: () => `update postrider.endpoint set format = 'cloudevents' where id = '${ids.pulled}'`,
  endpoint_limiting: () => "update postrider.endpoint set max_in_flight = 5 where kind = 'push'",
  endpoint_inlining: () => `update postrider.endpoint set inline_limit = 100000 where id = '${ids.idle}'`,
  find_payload: () => `select from postrider_internal.find_payload('${ids.endpoint}', postrider.uuid_v7())`,
  endpoint_changed: () => "update postrider.endpoint set state = 'disabled'",
  circuit_closed: () => "update postrider.endpoint set timeout_ms = 400 where kind = 'push'",
  judge_event: () =>
    [SCHEMA, WALKED_SCHEMA]
      .map((schema) => `${enforce(schema)}; select postrider.publish('order.judged', '${JSON.stringify(FITTING)}')`)
      .join(";"),
  lock_event_types: () => "update postrider.event_type set deprecated = true",
  event_type_changing: () => `update postrider.event_type set json_schema = '${JSON.stringify(SCHEMA)}'`,
  event_type_audit: () => "update postrider.event_type set description = 'other'",
  set_judged_event_types: () => "update postrider.event_type set enforce = true, description = 'more'",
  write_judged_event_types: () => "update postrider.event_type set enforce = true",
  refresh_judged_event_types: () => "select from postrider.maintain()",
  note_failed_capture: () =>
    `create table evil.thing (amount int);
     select postrider.capture('evil.thing', 'thing.changed', '{insert}', payload => 'new.amount + 1');
     alter table evil.thing alter column amount type text;
     insert into evil.thing values ('one')`,
  subscription_changing: () =>
    `insert into postrider.subscription (endpoint_id, event_type, filter) values ('${ids.endpoint}', 'order.paid', '$.amount > 1')`,
};

describe("none of the caller's objects run with the owner's rights in", () => {
  for (const [name, statement] of Object.entries({ ...CALLS, ...FIRINGS })) {
    test(name, async () => {
      if (name === "adopt") await database.pool.query("update postrider.sending set database_oid = 1");
      if (name === "circuit_closed")
        await database.pool.query("update postrider.endpoint set circuit_opened_at = now()");
      await session.query(statement());
      // A second call in the same session, because a cached plan must not open a way in either.
      if (name === "publish" || name === "beat" || name === "make_partitions") await session.query(statement());
      assert.deepEqual(await ranAsOthers(), []);
    });
  }

  test("and these are all the functions that have the owner's rights", async () => {
    const found = await rowsOf<{ name: string }>(
      database.pool,
      "select proname as name from pg_proc where pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and prosecdef order by 1",
    );
    assert.deepEqual(
      found.map(({ name }) => name),
      Object.keys({ ...CALLS, ...FIRINGS }).sort(),
    );
  });
});

test("an insert runs nothing of its search_path with the inserter's rights", async (t) => {
  const publisher = await createLogin(database, ["postrider_publisher"]);
  t.after(() => publisher.drop());
  const sleeper = await openSession(t, database.url);
  await sleeper.query("select pg_advisory_lock(1886352244, 2)");
  const inserter = await openSession(t, publisher.url);
  await inserter.query("set search_path = evil, pg_catalog");
  const inserts = [
    "(event_type, payload) values ('order.paid', '1')",
    "(event_type, payload, tenant) values ('order.paid', '1', null), ('order.paid', '1', 'acme')",
    "(event_type, payload, ordering_key, idempotency_key, attributes) values ('order.paid', '1', 'a', 'b', '{}')",
  ];
  for (const wake of ["", "on", "off"]) {
    await inserter.query(`set postrider.wake = '${wake}'`);
    for (const insert of inserts) await inserter.query(`insert into postrider.outbox ${insert}`);
  }
  for (const refused of ["('order paid', '1', '{}')", "('order.paid', '1', '[]')"]) {
    const insert = `insert into postrider.outbox (event_type, payload, attributes) values ${refused}`;
    await assert.rejects(inserter.query(insert), { code: "23514" });
  }
  assert.deepEqual(await ranAsOthers(), []);
});

test("the function that a recipe calls runs nothing of the search_path of whoever runs the recipe", async (t) => {
  const reader = await createLogin(database, ["postrider_reader"]);
  t.after(() => reader.drop());
  const looking = await openSession(t, reader.url);
  await looking.query("set search_path = evil, pg_catalog");
  const { rows } = await looking.query("select postrider_internal.event_type_patterns('order.paid') as patterns");
  assert.deepEqual(rows, [{ patterns: ["order.paid", "order.*", "*"] }]);
  assert.deepEqual(await ranAsOthers(), []);
});

test("the caller can still run his own objects with his own rights", async () => {
  await session.query("select 'a'::pg_catalog.text || 'b'::pg_catalog.text");
  assert.equal(await askFor(database.pool, "select who from evil.ran where what = '||'"), attacker.name);
});
