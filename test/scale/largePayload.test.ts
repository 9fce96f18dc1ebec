/** A payload of 100 MB, fetched beside other deliveries. Run it by hand; it takes some minutes on a busy machine. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CommandProcess } from "../support/command.ts";
import { createDatabase } from "../support/database.ts";
import { askFor, insertEvents } from "../support/engine.ts";
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
  test(`100 MB, ${what}, go out in flat memory, and deliveries beside them go on`, {
    timeout: 30 * 60_000,
  }, async (t) => {
    const { database, receiver, listener, pid } = await start(t);
    const { pool } = database;
    for (const table of await partitionsOf()) {
      await pool.query(`alter table ${table} alter payload set storage ${storage}`);
    }
    const create = "select postrider.create_endpoint($1, array[$2], options => $3)";
    await pool.query(create, [receiver.url("/large"), "large.event", '{"inline_limit": 100000}']);
    await pool.query(create, [receiver.url("/small"), "small.event", "{}"]);

    await deliverSmall();
    const idleCpu = cpuSeconds(pid);
    const aloneMs = await deliverSmall();
    const aloneCpu = cpuSeconds(pid) - idleCpu;
    await pool.query(
      `insert into postrider.outbox (event_type, payload)
       select 'large.event', ('[' || string_agg(${ELEMENT}, ',') || ']')::json from generate_series(1, ${ELEMENTS}) n`,
    );
    await receiver.got("/large", 1, 60_000);
    const [request] = receiver.requests("/large");
    assert.ok(request !== undefined);
    const url = urlIn(request, listener);
    const bytes = Number(JSON.parse(request.body.toString()).dataref.size);
    assert.ok(bytes > 100_000_000, `${bytes}`);

    const atRest = await processMemoryBytes(pid);
    let peak = atRest;
    const watch = setInterval(async () => {
      peak = Math.max(peak, await processMemoryBytes(pid));
    }, 100);
    t.after(() => clearInterval(watch));

    const payloadPid = Number(await backendOf(url));
    const cpus = (): readonly number[] => [pid, payloadPid].map(cpuSeconds);
    const before = cpus();
    const [pages, besideMs] = await Promise.all([fetchWith("pages", url), deliverSmall()]);
    const [daemonCpu = 0, readCpu = 0] = cpus().map((seconds, index) => seconds - (before[index] ?? 0));
    const inBetween = cpus();
    const whole = await fetchWith("whole", url);
    const [, wholeCpu = 0] = cpus().map((seconds, index) => seconds - (inBetween[index] ?? 0));
    clearInterval(watch);
    const growth = Math.round((peak - atRest) / MIB);
    t.diagnostic(
      `${bytes} bytes; daemon ${Math.round(atRest / MIB)} MiB, and ${growth} more at its peak; ${SMALL_EVENTS} deliveries: ` +
        `${aloneMs} ms alone (daemon ${seconds(aloneCpu)} of CPU), ${besideMs} ms beside pages (daemon ${seconds(daemonCpu)}, ` +
        `Postgres for slices ${seconds(readCpu)}, client ${seconds(pages.cpu)}); whole: ${seconds(wholeCpu)} of Postgres`,
    );
    assert.deepEqual([pages.count, whole.count], [ELEMENTS, bytes]);
    assert.ok(peak - atRest < GROWTH_BYTES_MAX, `${growth} MiB more`);
    // Each second that something else computes is one that deliveries may wait for, and none beyond that.
    const shareMax = (daemonCpu + readCpu + pages.cpu) / aloneCpu;
    assert.ok(besideMs < 1.5 * shareMax * aloneMs + 1_000, `${besideMs} ms beside it, ${aloneMs} ms alone`);

    async function partitionsOf(): Promise<readonly string[]> {
      const { rows } = await pool.query(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'postrider.outbox'::regclass",
      );
      return rows.map(({ name }) => name);
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
