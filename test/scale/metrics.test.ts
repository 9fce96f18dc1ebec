/** What scraping costs beside many endpoints and deliveries. Run it by hand; it takes half an hour and some gigabytes. */
import assert from "node:assert/strict";
import { loadavg } from "node:os";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../../src/ground/clock.ts";
import { CommandProcess } from "../support/command.ts";
import { parentOf, processCpuMs, serverCpuMs } from "../support/cpu.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { addEndpoints, askFor, insertEvents, type Session } from "../support/engine.ts";
import { Scrape } from "../support/metrics.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const ENDPOINTS = 10_000;
const DELIVERIES = 10_000_000;
/** Of each endpoint; they are due in an hour. */
const PENDING = 10;
const CHUNK = 500_000;
const SCRAPES = 30;
const SCRAPE_MS_MAX = 20;
/** So long an answer waits for what Postgres is asked for. */
const DATABASE_MS_MAX = 10;
/** With more load than this, the time that a scrape takes says more of what else the machine does, and is only shown. */
const CORES = 2;
const SLOW_MAX = 1;
/** Parts of the count are far apart, the more so on a busy machine. */
const COUNTED_MS_MAX = 600_000;
const TIMEOUT_MS = 3_600_000;
/** Pairs of a time with scraping and one without. */
const PAIRS = 3;
const SPELL_MS = 30_000;
/** What two cores have in a second. A daemon, its Postgres and a receiver keep no more than two busy. */
const CPU_MS_PER_SECOND = CORES * 1_000;
const SHARE_MAX = 0.01;
const EVENTS = 20_000;
/** Whether what waits is being counted; the pauses of that are shorter. */
const COUNTING = `select count(*) > 0 from pg_stat_activity
  where query ~ 'measure_waiting' and pid <> pg_backend_pid() and state_change > now() - interval '20 s'`;
const SUBTEST = { timeout: TIMEOUT_MS };

interface Running {
  readonly database: TestDatabase;
  readonly receiver: ScriptedReceiver;
  readonly command: CommandProcess;
  readonly listener: string;
  /** Of Postgres. */
  readonly serverPid: number;
}

async function start(t: TestContext): Promise<Running> {
  const database = await createDatabase({ server: "alone" });
  t.after(() => database.drop());
  const { pool, url } = database;
  await addEndpoints(pool, ENDPOINTS, "'none.takes.' || row_number() over ()");
  await pool.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select postrider.uuid_v7(), e.id, 'pending', now() + interval '1 hour'
       from postrider.endpoint e cross join generate_series(1, $1)`,
    [PENDING],
  );
  for (let count = 0; count < DELIVERIES; count += CHUNK) await addSucceeded(pool, CHUNK);
  await pool.query("vacuum analyze");
  await pool.query("checkpoint");
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  await pool.query("select postrider.create_endpoint($1, '{order.paid}')", [receiver.url("/orders")]);
  const command = new CommandProcess(["run"], {
    env: {
      DATABASE_URL: url,
      POSTRIDER_HTTP_LISTEN: "127.0.0.1:0",
      POSTRIDER_METRICS_ENDPOINTS: "50",
      POSTRIDER_EGRESS: "custom",
      POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
    },
  });
  t.after(() => command.end("SIGTERM"));
  const [, address] = await command.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  await command.match(/"event":"daemon\.started"/);
  const serverPid = parentOf(Number(await askFor(pool, "select pg_backend_pid()")));
  return { database, receiver, command, serverPid, listener: `http://${address}` };
}

test("beside many endpoints and deliveries", { timeout: TIMEOUT_MS }, async (t) => {
  const running = await start(t);
  const { listener } = running;
  await until(
    "all is counted",
    async () => (await Scrape.of(listener)).families.has("postrider_pending_deliveries"),
    COUNTED_MS_MAX,
  );

  await t.test("a scrape takes less than 20 ms, and has counted all that waits", SUBTEST, async (t) => {
    const tookMs: number[] = [];
    while (tookMs.length < SCRAPES) {
      await pause(1_000);
      tookMs.push(await timed(() => ask(`${listener}/metrics`)));
    }
    const [load = 0] = loadavg();
    t.diagnostic(`with a load of ${load.toFixed(1)}, scrapes took ${texts(tookMs)} ms`);
    if (load < CORES) {
      const slow = tookMs.filter((ms) => ms >= SCRAPE_MS_MAX);
      assert.ok(slow.length <= SLOW_MAX, `${texts(slow)} ms`);
    }
    const last = await Scrape.of(listener);
    assert.equal(last.value("postrider_pending_deliveries", { endpoint_state: "active" }), ENDPOINTS * PENDING);
    assert.equal(last.value("postrider_pending_endpoints"), ENDPOINTS);
    assert.equal(last.value("postrider_endpoints", { state: "active" }), ENDPOINTS + 1);
  });

  // CPU is what limits throughput, and what is used of it can be told on a busy machine, where rates cannot. Nothing is sent
  // meanwhile, so that what scraping takes stands out.
  await t.test(
    "scraping every second takes less than 1 % of the CPU of two cores, and so of throughput",
    SUBTEST,
    async (t) => {
      const scraped: number[] = [];
      const left: number[] = [];
      await switchSending(false);
      for (let pair = 0; pair < PAIRS; pair += 1) {
        left.push(await cpuPerSecond(false));
        scraped.push(await cpuPerSecond(true));
      }
      const costMs = middleOf(scraped) - middleOf(left);
      t.diagnostic(
        `CPU of the daemon and Postgres a second: ${texts(left)} ms without scraping, ${texts(scraped)} ms with it; ` +
          `scraping takes ${costMs.toFixed(1)} ms, ${percent(costMs)} of two cores`,
      );
      await switchSending(true);
      assert.ok(costMs < SHARE_MAX * CPU_MS_PER_SECOND, `${costMs} ms a second`);
      // What a scrape takes of a machine that does nothing else.
      assert.ok(costMs + DATABASE_MS_MAX < SCRAPE_MS_MAX, `${costMs} ms of CPU, and waiting`);
    },
  );

  await t.test(
    "each event is delivered once while the listener is scraped, and costs what it costs without that",
    SUBTEST,
    async (t) => {
      await cpuOfDelivery(false);
      const spells: { readonly isScraped: boolean; readonly cpuMs: number }[] = [];
      for (const isScraped of [false, true, true, false, false, true]) {
        spells.push({ isScraped, cpuMs: await cpuOfDelivery(isScraped) });
      }
      const of = (isScraped: boolean) =>
        spells.filter((each) => each.isScraped === isScraped).map(({ cpuMs }) => cpuMs);
      t.diagnostic(
        `CPU of the daemon and Postgres for ${EVENTS} deliveries: ${texts(of(false))} ms without scraping, ` +
          `${texts(of(true))} ms with it`,
      );
      const attempts = await askFor(
        running.database.pool,
        "select array_agg(distinct attempts) from postrider.delivery_status where event_type = 'order.paid'",
      );
      assert.deepEqual(attempts, [1]);
    },
  );

  async function switchSending(isOn: boolean): Promise<void> {
    await running.database.pool.query("update postrider.sending set is_on = $1", [isOn]);
    await until("the daemon knows", async () => {
      const now = await Scrape.of(listener);
      return now.value("postrider_condition", { condition: "not_sending" }) === (isOn ? 0 : 1);
    });
  }

  function cpuMs(): number {
    return processCpuMs(running.command.pid) + serverCpuMs(running.serverPid);
  }

  async function cpuPerSecond(isScraped: boolean): Promise<number> {
    await until(
      "the last scrape's count is over",
      async () => (await askFor(running.database.pool, COUNTING)) === false,
      COUNTED_MS_MAX,
    );
    const stop = isScraped ? scrapeEverySecond(listener) : null;
    const [beforeMs, startedMs] = [cpuMs(), monotonicMs()];
    await pause(SPELL_MS);
    const perSecond = ((cpuMs() - beforeMs) * 1_000) / (monotonicMs() - startedMs);
    await stop?.();
    return perSecond;
  }

  async function cpuOfDelivery(isScraped: boolean): Promise<number> {
    const { database, receiver } = running;
    const stop = isScraped ? scrapeEverySecond(listener) : null;
    const wanted = receiver.requests("/orders").length + EVENTS;
    const beforeMs = cpuMs();
    await insertEvents(database.pool, "order.paid", EVENTS);
    await until("all have arrived", () => receiver.requests("/orders").length >= wanted, COUNTED_MS_MAX);
    const tookMs = cpuMs() - beforeMs;
    await stop?.();
    return tookMs;
  }
});

function scrapeEverySecond(listener: string): () => Promise<void> {
  const stopping = new AbortController();
  const scraping = (async () => {
    while (!stopping.signal.aborted) {
      await ask(`${listener}/metrics`);
      await pause(1_000, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return () => {
    stopping.abort();
    return scraping;
  };
}

async function ask(url: string): Promise<void> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  await answer.text();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = monotonicMs();
  await work();
  return monotonicMs() - startedMs;
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function texts(values: readonly number[]): string {
  return values.map((value) => value.toFixed(1)).join(", ");
}

function percent(cpuMs: number): string {
  return `${((100 * cpuMs) / CPU_MS_PER_SECOND).toFixed(2)} %`;
}

/** Each was delivered at its first attempt. */
async function addSucceeded(session: Session, count: number): Promise<void> {
  await session.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, attempts, finished_at, first_attempt_id, first_daemon_id,
       first_started_at, first_duration_ms, first_http_status)
     select postrider.uuid_v7(), e.id, 'succeeded', 1, now(), gen_random_uuid(), gen_random_uuid(), now(), 12, 200
     from (select id, row_number() over () as n from postrider.endpoint) e
     join generate_series(0, $1 - 1) d on d % $2 + 1 = e.n`,
    [count, ENDPOINTS],
  );
}
