/** Payloads of 50 to 900 MB, fetched beside other deliveries. Run it by hand; it takes some minutes, and half an hour on a busy machine. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CommandProcess } from "../support/command.ts";
import { createDatabase } from "../support/database.ts";
import { askFor, insertEvents, type Session } from "../support/engine.ts";
import { processMemoryBytes } from "../support/memory.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";

const MIB = 1_048_576;
const ELEMENTS = 1_350_000;
/** Half of them cannot be compressed. */
const ELEMENT = `format('{"id":%s,"name":"customer %s","hash":"%s"}', n, n % 97, md5(n::text))`;
/** Four slices, one more in the buffers of the connection as hexadecimal digits, and what V8 has not collected of others. */
const GROWTH_BYTES_MAX = 256 * MIB;
const SMALL_EVENTS = 5_000;

async function start(t: TestContext) {
  const database = await createDatabase();
  t.after(() => database.drop());
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const command = new CommandProcess(["run"], {
    env: {
      DATABASE_URL: database.url,
      POSTRIDER_HTTP_LISTEN: "127.0.0.1:0",
      POSTRIDER_PUBLIC_URL: "http://public.test",
      POSTRIDER_EGRESS: "custom",
      POSTRIDER_EGRESS_ALLOW: "127.0.0.1",
    },
  });
  t.after(() => command.end("SIGTERM"));
  const [, address] = await command.match(/"event":"http_listener\.started","address":"([^"]+)"/);
  await command.match(/"event":"daemon\.started"/);
  return { database, receiver, listener: `http://${address}`, pid: command.child.pid ?? 0 };
}

/** Of one process of Postgres. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function urlIn({ body }: Received, listener: string): string {
  return String(JSON.parse(body.toString()).dataref.url).replace("http://public.test", listener);
}

for (const [what, storage] of [
  ["compressed by Postgres", "extended"],
  ["not compressed", "external"],
] as const) {
  test(`50 and 100 MB, ${what}, go out in flat memory, and deliveries beside them go on`, {
    timeout: 30 * 60_000,
  }, async (t) => {
    const { database, receiver, listener, pid } = await start(t);
    const { pool } = database;
    await storePayloads(pool, storage);
    const create = "select postrider.create_endpoint($1, array[$2], options => $3)";
    await pool.query(create, [receiver.url("/large"), "large.event", '{"inline_limit": 100000}']);
    await pool.query(create, [receiver.url("/small"), "small.event", "{}"]);

    await deliverSmall();
    const idleCpu = cpuSeconds(pid);
    const aloneMs = await deliverSmall();
    const aloneCpu = cpuSeconds(pid) - idleCpu;
    const atRest = await processMemoryBytes(pid);
    // Three times, because what V8 keeps of memory takes some reading to settle.
    const halves = [];
    for (const nth of [1, 2, 3]) {
      halves.push(await fetchBeside(nth, ELEMENTS / 2));
    }
    const full = await fetchBeside(4, ELEMENTS);
    const halfPeak = Math.max(...halves.map(({ peak }) => peak));
    const mib = (bytes: number) => Math.round(bytes / MIB);
    t.diagnostic(
      `${SMALL_EVENTS} deliveries alone: ${aloneMs} ms (daemon ${seconds(aloneCpu)} of CPU); daemon ${mib(atRest)} MiB, ` +
        `at its peak ${mib(halfPeak - atRest)} more with half of it, and ${mib(full.peak - atRest)} with all`,
    );
    assert.ok(full.bytes > 100_000_000, `${full.bytes}`);
    assert.ok(full.peak - atRest < GROWTH_BYTES_MAX, `${mib(full.peak - atRest)} MiB more`);
    // One copy of what there is more would be this much; the text that Postgres sends is twice that.
    assert.ok(full.peak - halfPeak < full.bytes / 2, "what it takes of memory grows with the payload");
    // They have half of the daemon's event loop at least, and share the cores with a client and one more process of Postgres.
    for (const { besideMs } of [...halves, full]) {
      assert.ok(besideMs < 4 * aloneMs + 1_000, `${besideMs} ms beside it, ${aloneMs} ms alone`);
    }

    /** The nth large event, in pages beside deliveries, and then whole. */
    async function fetchBeside(nth: number, elements: number) {
      await pool.query(
        `insert into postrider.outbox (event_type, payload)
         select 'large.event', ('[' || string_agg(${ELEMENT}, ',') || ']')::json from generate_series(1, ${elements}) n`,
      );
      await receiver.got("/large", nth, 60_000);
      const request = receiver.requests("/large")[nth - 1];
      assert.ok(request !== undefined);
      const url = urlIn(request, listener);
      const bytes = Number(JSON.parse(request.body.toString()).dataref.size);
      let peak = 0;
      const watch = setInterval(async () => {
        peak = Math.max(peak, await processMemoryBytes(pid));
      }, 100);
      t.after(() => clearInterval(watch));
      const payloadPid = Number(await backendOf(url));
      const cpus = (): readonly number[] => [pid, payloadPid].map(cpuSeconds);
      const before = cpus();
      const [pages, besideMs] = await Promise.all([timedPages(url), deliverSmall()]);
      const [daemonCpu = 0, readCpu = 0] = cpus().map((spent, index) => spent - (before[index] ?? 0));
      const inBetween = cpus();
      const whole = await fetchWith("whole", url);
      const [, wholeCpu = 0] = cpus().map((spent, index) => spent - (inBetween[index] ?? 0));
      clearInterval(watch);
      t.diagnostic(
        `${bytes} bytes in pages in ${pages.tookMs} ms; ${SMALL_EVENTS} deliveries beside it: ${besideMs} ms (daemon ` +
          `${seconds(daemonCpu)} of CPU, Postgres for slices ${seconds(readCpu)}, client ${seconds(pages.cpu)}); whole: ` +
          `${seconds(wholeCpu)} of Postgres`,
      );
      assert.deepEqual([pages.count, whole.count], [elements, bytes]);
      return { bytes, peak, besideMs };
    }

    async function timedPages(url: string) {
      const startedMs = performance.now();
      const fetched = await fetchWith("pages", url);
      return { ...fetched, tookMs: Math.round(performance.now() - startedMs) };
    }

    async function deliverSmall(): Promise<number> {
      const before = receiver.requests("/small").length;
      return timed(async () => {
        await insertEvents(pool, "small.event", SMALL_EVENTS);
        await receiver.got("/small", before + SMALL_EVENTS, 300_000);
      });
    }

    /** The session that reads payloads, once it has read one. */
    async function backendOf(at: string): Promise<unknown> {
      await (await fetch(at, { method: "HEAD" })).text();
      return askFor(pool, "select pid from pg_stat_activity where application_name = 'postrider/payload'");
    }
  });
}

test("300 MB go out whole and 900 MB in parts and pages, in flat memory", { timeout: 60 * 60_000 }, async (t) => {
  const { database, receiver, listener, pid } = await start(t);
  const { pool } = database;
  await storePayloads(pool, "external");
  await pool.query("select postrider.create_endpoint($1, array['large.event'], options => $2)", [
    receiver.url("/large"),
    '{"inline_limit": 100000}',
  ]);
  const atRest = await processMemoryBytes(pid);
  let peak = 0;
  const watch = setInterval(async () => {
    peak = Math.max(peak, await processMemoryBytes(pid));
  }, 100);
  t.after(() => clearInterval(watch));
  for (const [index, bytes] of [300_000_000, 900_000_000].entries()) {
    // [1111,…,1111,2222]
    await pool.query(
      "insert into postrider.outbox (event_type, payload) values ('large.event', ('[' || repeat('1111,', $1) || '2222]')::json)",
      [bytes / 5 - 2],
    );
    await receiver.got("/large", index + 1, 300_000);
    const request = receiver.requests("/large")[index];
    assert.ok(request !== undefined);
    const url = urlIn(request, listener);
    const size = bytes - 4;
    assert.equal(JSON.parse(request.body.toString()).dataref.size, size);
    const [middle, end, beyond] = [`${bytes / 2}-${bytes / 2 + 9}`, "-7", `${bytes}-`];
    assert.deepEqual(await part(url, middle), [206, ",1111,1111", `bytes ${middle}/${size}`]);
    assert.deepEqual(await part(url, end), [206, "1,2222]", `bytes ${size - 7}-${size - 1}/${size}`]);
    assert.deepEqual((await part(url, beyond)).toSpliced(1, 1), [416, `bytes */${size}`]);
    const page = await (await fetch(`${url}?limit=3`)).json();
    assert.deepEqual((page as { readonly elements: unknown }).elements, [1111, 1111, 1111]);
    if (index === 0) {
      const whole = await fetchWith("whole", url);
      assert.equal(whole.count, size);
    }
    t.diagnostic(
      `${size} bytes: daemon ${Math.round(atRest / MIB)} MiB, at its peak ${Math.round((peak - atRest) / MIB)} more`,
    );
  }
  assert.ok(peak - atRest < GROWTH_BYTES_MAX, `${Math.round((peak - atRest) / MIB)} MiB more`);
});

async function part(url: string, range: string): Promise<readonly [number, string, string | null]> {
  const answer = await fetch(url, { headers: { range: `bytes=${range}` } });
  return [answer.status, await answer.text(), answer.headers.get("content-range")];
}

async function storePayloads(session: Session, storage: string): Promise<void> {
  const { rows } = await session.query(
    "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'postrider.outbox'::regclass",
  );
  for (const { name } of rows) {
    await session.query(`alter table ${name} alter payload set storage ${storage}`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return Math.round(performance.now() - startedMs);
}

function seconds(cpu: number): string {
  return `${cpu.toFixed(2)} s`;
}

/** Fetches in a process of its own, so that it takes nothing of the receiver's. */
async function fetchWith(program: string, url: string): Promise<{ readonly count: number; readonly cpu: number }> {
  const file = fileURLToPath(new URL("fetchPayload.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file, program, url]);
  const [count, cpu] = stdout.trim().split(" ").map(Number);
  return { count: count ?? Number.NaN, cpu: cpu ?? Number.NaN };
}
