/** What the API's lists and charts read of a large database, in pages, because these do not depend on the machine. */
import assert from "node:assert/strict";
import { before, describe, type TestContext, test } from "node:test";
import { answerTo } from "../../src/console/answers.ts";
import { LIMIT_MAX } from "../../src/console/asked.ts";
import { hashOf } from "../../src/console/caller.ts";
import { PORTAL_ROUTES } from "../../src/console/portal/routes.ts";
import type { AnyRoute, Route, Values } from "../../src/console/route.ts";
import { ROUTES } from "../../src/console/routes.ts";
import { findRecentAttempts, LOADED_MAX, loadAttempts } from "../../src/db/recentAttempts.ts";
import { queryable } from "../../src/db/statements.ts";
import type { TestDatabase } from "./database.ts";
import { askFor, type Session } from "./engine.ts";
import { addPastDays } from "./pastDays.ts";
import { describePlan, ExplainingSession, type Plan, pagesOf } from "./plans.ts";
import { createToken } from "./portal.ts";

const PAGES_MAX = 2_000;
const PAST_DAYS = 30;
const CHUNK = 500_000;
const LIMIT = 50;

type Filled = Omit<TestDatabase, "drop">;

export interface Size {
  readonly events: number;
  /** Between two events. */
  readonly spacingMs: number;
  /** For filling the database, and for all tests together. */
  readonly timeoutMs: number;
}

/** Each event has a delivery to one of 100 endpoints. The first endpoint has been down for three days, one in twenty was exhausted. */
export async function fillConsole(session: Session, { events, spacingMs }: Size): Promise<void> {
  await addPastDays(session, PAST_DAYS);
  await session.query(
    `insert into postrider.endpoint (url, name) select 'https://receiver.test/' || n, 'endpoint ' || n from generate_series(1, 100) n`,
  );
  for (let from = events; from > 0; from -= CHUNK) {
    await addEvents(session, { from, to: Math.max(0, from - CHUNK), spacingMs });
  }
  await addMinutes(session);
  await session.query("update postrider.claim set base = pg_current_snapshot()");
  await session.query("vacuum analyze");
}

/** Three daemons append what a fifth of the endpoints got, as they do: minute by minute. Of a month there are hours. */
async function addMinutes(session: Session): Promise<void> {
  await session.query(
    `insert into postrider.daemon_minute (minute, daemon_id, claimed, request_ms, delay_ms)
     select date_bin('1 minute', now(), 'epoch') - n * interval '1 minute', d.id, 1, '{0,0,1}', '{1}'
     from generate_series(2880, 1, -1) n, (select gen_random_uuid() as id from generate_series(1, 3)) d
     order by n desc;
     insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, request_ms, delay_ms)
     select date_bin('1 minute', now(), 'epoch') - n * interval '1 minute', e.id, 1, '{0,0,1}', '{1}'
     from generate_series(1, 1560) n, generate_series(1, 3) d, (select id from postrider.endpoint order by id limit 20) e
     order by n desc, d;
     insert into postrider.daemon_hour_part (hour, daemons, request_ms, delay_ms)
     select date_bin('1 hour', now(), 'epoch') - n * interval '1 hour', 3, '{0,0,1}', '{1}' from generate_series(720, 27, -1) n;
     insert into postrider.endpoint_hour_part (hour, endpoint_id, succeeded_first, request_ms, delay_ms)
     select date_bin('1 hour', now(), 'epoch') - n * interval '1 hour', e.id, 1, '{0,0,1}', '{1}'
     from generate_series(720, 27, -1) n, postrider.endpoint e
     order by n desc;
     insert into postrider.hour_cursor (made_until) values (date_bin('1 hour', now(), 'epoch') - interval '26 hours');
     insert into postrider.unmatched_hour (hour, events, event_type, tenant)
     select date_bin('1 hour', now(), 'epoch') - n * interval '1 hour', 1, 'order.' || t, '' from generate_series(2, 720) n, generate_series(1, 20) t`,
  );
  while ((await askFor(session, "select postrider_internal.make_hour(now())")) !== null) {}
}

interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly spacingMs: number;
}

/** The oldest first. Of each ten one is of another day, so that each day has some. */
async function addEvents(session: Session, { from, to, spacingMs }: Stretch): Promise<void> {
  await session.query(
    `with endpoint as (
       select array_agg(e.id order by e.id) as ids from postrider.endpoint e
     ), added as (
       insert into postrider.outbox (id, event_type, payload)
       select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(now() - p.age)::text, 14) || '7' from 1)::uuid,
              'order.' || n % 10, '{"amount": 1, "items": ["a", "b"]}'
       from generate_series($1::integer, $2::integer + 1, -1) n,
            lateral (select (n * $3::integer + case when n % 10 = 0 then n / 10 % $4::integer * 86400000::bigint else 0 end)
                            % ($4 * 86400000::bigint) * interval '1 ms' as age) p
       returning id, seq, postrider.uuid_v7_time(id) as created_at
     ), made as (
       insert into postrider.delivery (event_id, endpoint_id, state, attempts, next_attempt_at, finished_at,
         first_attempt_id, first_daemon_id, first_started_at, first_duration_ms, first_http_status)
       select a.id, t.ids[a.seq % 100 + 1], s.state, 1,
              case when s.state = 'pending' then now() + interval '1 hour' end, case when s.state <> 'pending' then a.created_at end,
              f.id, f.id, case when f.id is not null then a.created_at end, case when f.id is not null then 12 end, case when f.id is not null then 200 end
       from added a, endpoint t,
            lateral (select case when a.seq % 100 = 0 and a.created_at > now() - interval '3 days' then 'pending'
                                 when a.seq % 2000 = 7 and a.created_at > now() - interval '5 hours' then 'pending'
                                 when a.seq % 20 = 1 then 'exhausted' else 'succeeded' end as state) s,
            lateral (select case when s.state = 'succeeded' then gen_random_uuid() end as id) f
       returning event_id, endpoint_id, state
     )
     insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)
     select m.event_id, m.endpoint_id, gen_random_uuid(), gen_random_uuid(), postrider.uuid_v7_time(m.event_id) + interval '20 ms', 1, 5, 500,
            'status', 'it answered 500'
     from made m where m.state <> 'succeeded'`,
    [from, to, spacingMs, PAST_DAYS],
  );
}

const ago = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

/** What each parameter is in the dearest request that is usual. */
const ASKED: Readonly<Record<string, string | null>> = {
  since: ago(1),
  event_type: "order.none",
  filter: "$.amount > 100",
  failing: "true",
  search: "no such endpoint",
  limit: String(LIMIT + 1),
};

/** Searches that lead to events by their deliveries. */
const SEARCHES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "what ended badly": { state: "{exhausted,discarded}" },
  "what ended badly at an endpoint": { state: "{exhausted}", endpoint: "endpoint 7" },
  "what waits": { state: "{pending}" },
  "what took several attempts": { attempts_min: "2" },
  "what an endpoint got": { endpoint: "endpoint 7" },
  "what succeeded": { state: "{succeeded}" },
};

/** Registers a test for each list and chart of the API, and for what `postrider tail` asks, on a database of that size. */
export function testPages(database: Filled, size: Size): void {
  const timeout = { timeout: size.timeoutMs };
  describe("a request for a list, a chart or an overview reads few pages", timeout, () => {
    before(() => fillConsole(database.pool, size), timeout);
    // What explains an event looks at every endpoint of its tenant.
    const table: readonly AnyRoute[] = [...ROUTES, ...PORTAL_ROUTES];
    const routes = table.filter(({ method, name }) => method === "GET" && name !== "explain_event");
    for (const route of routes) {
      test(route.name, async (t) => {
        await assertReadsFew(t, database, route, await usual(database, route));
      });
    }
    const search = routeOf("list_events");
    for (const [title, sought] of Object.entries(SEARCHES)) {
      for (const [type, isRare] of [
        ["order.*", false],
        ["order.none", true],
      ] as const) {
        test(`list_events: ${title}, ${isRare ? "of a rare type" : "of any type"}`, async (t) => {
          await assertReadsFew(t, database, search, valuesOf(search, { ...ASKED, event_type: type, ...sought }));
        });
      }
    }
    for (const name of ["read_chart", "read_latency"]) {
      test(`${name}, of a month, and of an endpoint`, async (t) => {
        const endpoint_id = String(
          await askFor(database.pool, "select id from postrider.endpoint order by id limit 1"),
        );
        const stretches = [{ since: ago(30) }, { since: ago(7) }, {}, { since: ago(0.1) }];
        for (const asked of stretches.flatMap((stretch) => [stretch, { ...stretch, endpoint_id }])) {
          await assertReadsFew(t, database, routeOf(name), valuesOf(routeOf(name), { ...ASKED, ...asked }));
        }
      });
    }
    test("portal_read_endpoint_chart, of an endpoint that three daemons send to", async (t) => {
      const endpoint_id = String(await askFor(database.pool, "select id from postrider.endpoint order by id limit 1"));
      const chart = PORTAL_ROUTES.find(({ name }) => name === "portal_read_endpoint_chart");
      assert.ok(chart !== undefined);
      for (const since of [30, 8, 7, 1, 0.1].map(ago)) {
        await assertReadsFew(t, database, chart, valuesOf(chart, { since, endpoint_id }));
      }
    });
    test("read_objective and read_endpoint_health, of the endpoint that is down", async (t) => {
      const endpoint_id = String(await askFor(database.pool, "select id from postrider.endpoint order by id limit 1"));
      for (const name of ["read_objective", "read_endpoint_health"]) {
        await assertReadsFew(t, database, routeOf(name), valuesOf(routeOf(name), { endpoint_id }));
      }
    });
    test("what postrider tail asks", async (t) => {
      const session = await ExplainingSession.open(t, database.url);
      await findRecentAttempts(session);
      const found = await session.explain(() => findRecentAttempts(session));
      assert.ok(found.result.length > 0);
      const keys = found.result.slice(0, LOADED_MAX);
      await loadAttempts(session, keys, null);
      const loaded = await session.explain(() => loadAttempts(session, keys, null));
      assert.equal(loaded.result.length, keys.length);
      for (const plan of [...found.plans, ...loaded.plans]) assertFew(t, [plan]);
    });
    for (const name of ["list_events", "list_deliveries", "list_failed_attempts"]) {
      test(`${name}, in the longest page`, async (t) => {
        const asked = { ...ASKED, event_type: "order.*", limit: String(LIMIT_MAX + 1) };
        await assertReadsFew(t, database, routeOf(name), valuesOf(routeOf(name), asked), LIMIT_MAX);
      });
    }
    test("search_events and try_filter pass over payloads that are too large, without reading them", async (t) => {
      await database.pool.query(
        `insert into postrider.outbox (event_type, payload)
         select 'large.event', to_json(p.text)
         from generate_series(1, 6) n,
              lateral (select string_agg(md5(n || '.' || m), '') as text from generate_series(1, 100000) m) p`,
      );
      for (const name of ["search_events", "try_filter"]) {
        const values = valuesOf(routeOf(name), { ...ASKED, event_type: "large.event" });
        await assertReadsFew(t, database, routeOf(name), values);
      }
    });
  });
}

/** What the overview of the dashboard asks, with its parameters. */
export const OVERVIEW: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  read_status: {},
  read_figures: {},
  read_objective: {},
  read_chart: { since: new Date(Date.now() - 3_600_000).toISOString() },
  read_latency: { since: new Date(Date.now() - 3_600_000).toISOString() },
  list_endpoints: { failing: "true", limit: "11" },
  list_backlog: {},
  list_daemons: {},
  list_busiest: { limit: "5" },
  list_audit: { limit: "6" },
  list_replays: { limit: "6" },
};

export function routeOf(name: string): Route {
  const route = ROUTES.find((each) => each.name === name);
  assert.ok(route !== undefined, name);
  return route;
}

export function valuesOf({ takes }: AnyRoute, asked: Readonly<Record<string, string | null>>): Values {
  return Object.fromEntries(Object.keys(takes).map((name) => [name, asked[name] ?? null]));
}

async function usual({ pool }: Filled, route: AnyRoute): Promise<Values> {
  const event = String(
    await askFor(pool, "select event_id from postrider.delivery where state = 'exhausted' order by 1 desc limit 1"),
  );
  const endpoint = String(
    await askFor(pool, "select endpoint_id from postrider.delivery where event_id = $1", [event]),
  );
  const ids: Readonly<Record<string, string>> = { event_id: event, endpoint_id: endpoint };
  const { takes, name } = route;
  // Of all endpoints is dearer than of one, but where the path names it.
  const isNamed = (parameter: string) => takes[parameter]?.from === "path" || name.endsWith("list_answers");
  const wanted = (parameter: string) => (isNamed(parameter) ? (ids[parameter] ?? event) : (ASKED[parameter] ?? null));
  return Object.fromEntries(Object.keys(takes).map((parameter) => [parameter, wanted(parameter)]));
}

async function assertReadsFew(
  t: TestContext,
  { url }: Filled,
  route: AnyRoute,
  values: Values,
  limit = LIMIT,
): Promise<void> {
  const session = await ExplainingSession.open(t, url);
  // What routes of the portal show is what belongs to the tenant of a token: here, everything.
  const token = await createToken(session.pool, "");
  await session.pool.query("select set_config('postrider.portal_token', $1, false)", [hashOf(token)]);
  const client = await session.pool.connect();
  try {
    const through = queryable(client, { preparedStatements: false });
    const look = () =>
      answerTo(route, { kind: "asked", values, limit }, through, async () => ({ kind: "cannot sign" }));
    // The first run also reads the catalog.
    await look();
    const { plans } = await session.explain(look);
    assertFew(t, plans);
  } finally {
    client.release();
  }
}

/** With those that statements in its functions read. */
function assertFew(t: TestContext, plans: readonly Plan[]): void {
  assert.ok(plans.length > 0);
  const pages = pagesOf(plans);
  t.diagnostic(`${pages} pages`);
  assert.ok(pages <= PAGES_MAX, plans.map(describePlan).join("\n"));
}
