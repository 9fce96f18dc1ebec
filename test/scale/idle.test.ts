/** What a daemon costs that has nothing to do, beside few and many endpoints. Run it by hand; it takes four minutes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../../src/ground/clock.ts";
import { CommandProcess } from "../support/command.ts";
import { parentOf, processCpuMs, serverCpuMs } from "../support/cpu.ts";
import { createDatabase } from "../support/database.ts";
import { addEndpoints, askFor } from "../support/engine.ts";

const FEW = 100;
const MANY = 10_000;
/** By then the daemon has walked over all of them. */
const SETTLED_MS = 20_000;
/** Almost three times the time between two walks over many of them. */
const SPELL_MS = 60_000;
/** A part of a walk steps over 500 endpoints at most. */
const PARTS = "select calls from pg_stat_user_functions where funcname = 'claim_deliveries'";

test("an idle daemon steps over as many endpoints in a while, whether a hundred or 10,000 wait for an hour", {
  timeout: 600_000,
}, async (t) => {
  const database = await createDatabase({ server: "alone" });
  t.after(() => database.drop());
  const { pool, url } = database;
  const serverPid = parentOf(Number(await askFor(pool, "select pg_backend_pid()")));
  await pool.query(
    "do $$begin execute format('alter database %I set track_functions = pl', current_database()); end$$",
  );
  let count = 0;
  const measure = async (endpoints: number): Promise<number> => {
    await addEndpoints(pool, endpoints - count, "'none.takes'");
    count = endpoints;
    await pool.query(
      `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
       select postrider.uuid_v7(), e.id, 'pending', now() + interval '1 hour' from postrider.endpoint e
       where not exists (select from postrider.delivery d where d.endpoint_id = e.id)`,
    );
    await pool.query("vacuum analyze");
    const command = new CommandProcess(["run"], { env: { DATABASE_URL: url, POSTRIDER_HTTP_LISTEN: "off" } });
    t.after(() => command.end("SIGKILL"));
    await command.match(/"event":"daemon\.started"/);
    await pause(SETTLED_MS);
    const cpuMs = () => processCpuMs(command.pid) + serverCpuMs(serverPid);
    await pool.query("select pg_stat_reset()");
    const [beforeMs, startedMs] = [cpuMs(), monotonicMs()];
    await pause(SPELL_MS);
    const perSecond = ((cpuMs() - beforeMs) * 1_000) / (monotonicMs() - startedMs);
    await command.end("SIGTERM");
    // What a session has counted is there at its end at the latest.
    const parts = Number(await askFor(pool, PARTS));
    t.diagnostic(`beside ${endpoints}: ${parts} parts of walks, ${perSecond.toFixed(1)} ms of CPU a second`);
    return parts;
  };
  const few = await measure(FEW);
  const many = await measure(MANY);
  assert.ok(few > 0 && many < 1.5 * few, `${many} parts of walks, and ${few} beside ${FEW}`);
});
