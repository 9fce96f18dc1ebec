/** What the API's lists and charts read of a large database, in pages, because these do not depend on the machine. */
import assert from "node:assert/strict";
import { before, describe, type TestContext, test } from "node:test";
import { jsonStatementOf, type Route } from "../../src/console/route.ts";
import { ROUTES } from "../../src/console/routes.ts";
import { useDatabase } from "../support/database.ts";
import { askFor } from "../support/engine.ts";
import { addPastDays } from "../support/pastDays.ts";
import { describePlan, ExplainingSession } from "../support/plans.ts";

const PAGES_MAX = 2_000;
const EVENTS = 100_000;
const PAST_DAYS = 30;

const database = useDatabase({ server: "alone" });

async function fill(): Promise<void> {
  const { pool } = database;
  await addPastDays(pool, PAST_DAYS);
  await pool.query(
    `insert into postrider.endpoint (url, name) select 'https://receiver.test/' || n, 'endpoint ' || n from generate_series(1, 100) n`,
  );
  // Most of the last hours, and some of each day before. One delivery in twenty was exhausted, one in five hundred waits.
  await pool.query(
    `insert into postrider.outbox (id, event_type, payload)
     select overlay(gen_random_uuid()::text placing left(postrider.uuid_v7_floor(now() - p.age)::text, 14) || '7' from 1)::uuid,
            'order.' || n % 10, '{"amount": 1, "items": ["a", "b"]}'
     from generate_series(1, $1::integer) n,
          lateral (select n * interval '0.5 s' + case when n % 10 = 0 then n / 10 % $2::integer * interval '1 day' else interval '0' end as age) p`,
    [EVENTS, PAST_DAYS],
  );
  await pool.query(
    `with endpoint as (select array_agg(e.id) as ids from postrider.endpoint e),
     made as (
       insert into postrider.delivery (event_id, endpoint_id, state, attempts, next_attempt_at, finished_at)
       select o.id, e.ids[o.seq % 100 + 1], s.state, 1, case when s.state = 'pending' then now() end, case when s.state <> 'pending' then now() end
       from postrider.outbox o, endpoint e,
            lateral (select case when o.seq % 20 = 0 then 'exhausted' when o.seq % 500 = 1 then 'pending' else 'succeeded' end as state) s
       returning event_id, endpoint_id, state)
     insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)
     select m.event_id, m.endpoint_id, gen_random_uuid(), gen_random_uuid(), now() - random() * interval '1 day', 1, 5, 500, 'status', 'it answered 500'
     from made m where m.state <> 'succeeded'`,
  );
  await pool.query(
    `insert into postrider.daemon_minute (minute, daemon_id, claimed, request_ms)
     select now() - n * interval '1 minute', gen_random_uuid(), 1, '{0,0,1}' from generate_series(1, 2880) n;
     insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, request_ms)
     select now() - n * interval '1 minute', e.id, 1, '{0,0,1}' from generate_series(1, 1440) n, (select id from postrider.endpoint limit 20) e`,
  );
  await pool.query("update postrider.claim set base = pg_current_snapshot()");
  await pool.query("analyze");
}

const DAY_AGO = new Date(Date.now() - 86_400_000).toISOString();

/** What each parameter is in the dearest request that is usual. */
const ASKED: Readonly<Record<string, string | null>> = {
  since: DAY_AGO,
  event_type: "order.none",
  filter: "$.amount > 100",
  failing: "true",
  search: "no such endpoint",
  limit: "51",
};

/** Searches that lead to events by their deliveries, of which none is of the type that is asked for. */
const SEARCHES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "what ended badly": { state: "{exhausted,discarded}" },
  "what ended badly at an endpoint": { state: "{exhausted}", endpoint: "endpoint 7" },
  "what waits": { state: "{pending}" },
  "what took several attempts": { attempts_min: "2" },
  "what an endpoint got": { endpoint: "endpoint 7" },
  "what succeeded": { state: "{succeeded}" },
};

describe("a request for a list, a chart or an overview reads few pages", () => {
  before(fill);
  // What explains an event looks at every endpoint of its tenant.
  const routes = ROUTES.filter(({ method, name }) => method === "GET" && name !== "explain_event");
  for (const route of routes) {
    test(route.name, async (t) => {
      await assertReadsFew(t, route, await valuesFor(route));
    });
  }
  const search = ROUTES.find(({ name }) => name === "list_events");
  assert.ok(search !== undefined);
  for (const [title, sought] of Object.entries(SEARCHES)) {
    for (const [type, isRare] of [
      ["order.*", false],
      ["order.none", true],
    ] as const) {
      test(`list_events: ${title}, ${isRare ? "of a rare type" : "of any type"}`, async (t) => {
        const asked: Readonly<Record<string, string | null>> = { ...ASKED, event_type: type, ...sought };
        await assertReadsFew(
          t,
          search,
          Object.keys(search.takes).map((name) => asked[name] ?? null),
        );
      });
    }
  }
});

async function assertReadsFew(t: TestContext, route: Route, values: readonly (string | null)[]): Promise<void> {
  const session = await ExplainingSession.open(t, database.url);
  const look = () => session.pool.query(jsonStatementOf(route), [...values]);
  // The first run also reads the catalog.
  await look();
  const { plans } = await session.explain(look);
  // The statement ends last, and has the pages of those in its functions.
  const pages = plans.at(-1)?.root.pages ?? PAGES_MAX + 1;
  t.diagnostic(`${pages} pages`);
  assert.ok(pages <= PAGES_MAX, plans.map(describePlan).join("\n"));
}

async function valuesFor({ takes, name }: Route): Promise<(string | null)[]> {
  const event = String(
    await askFor(
      database.pool,
      "select event_id from postrider.delivery where state = 'exhausted' order by 1 desc limit 1",
    ),
  );
  const endpoint = String(
    await askFor(database.pool, "select endpoint_id from postrider.delivery where event_id = $1", [event]),
  );
  const ids: Readonly<Record<string, string>> = { event_id: event, endpoint_id: endpoint };
  // Of all endpoints is dearer than of one, but where the path names it.
  const isNamed = (parameter: string) => takes[parameter]?.from === "path" || name === "list_answers";
  return Object.keys(takes).map((parameter) =>
    isNamed(parameter) ? (ids[parameter] ?? event) : (ASKED[parameter] ?? null),
  );
}
