/** What is appended of a minute with more endpoints than a statement has. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { Minutes } from "../../../src/daemon/upkeep/minutes.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import type { DeliveryResult } from "../../../src/domain/delivery.ts";
import { Conditions } from "../../../src/telemetry/conditions.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import { askFor } from "../../support/engine.ts";

/** More than two statements have. */
const ENDPOINTS = 2_100;

const database = useDatabase();

function makeMinutes(t: TestContext): Minutes {
  const pool = new Database({
    config: connectionConfig({ databaseUrl: database.url, applicationName: "minutes" }),
    purpose: "pipeline",
    max: 1,
  });
  t.after(() => pool.end());
  const daemonId = randomUUID();
  const events = new KeptEvents();
  const minutes = new Minutes({
    ...{ database: pool, events, conditions: new Conditions(events), daemonId: () => daemonId },
    ...{ clockAheadMs: () => 0, load: () => ({ inFlight: 0, waiting: 0 }) },
  });
  const count = minutes.flushed(daemonId);
  for (let endpoint = 0; endpoint < ENDPOINTS; endpoint += 1) {
    count.end(discardedOf(randomUUID()));
  }
  return minutes;
}

function discardedOf(endpointId: string): DeliveryResult {
  const decision = { state: "discarded", reason: "a test" };
  return { delivery: { endpointId }, attempt: null, decision } as unknown as DeliveryResult;
}

const appended = () =>
  askFor(
    database.pool,
    `select (select count(*)::int from postrider.endpoint_minute_part) * 10 + (select count(*)::int from postrider.daemon_minute)`,
  );

test("a minute of many endpoints is appended as a whole or not at all", async (t) => {
  await database.pool.query(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      if (select count(*) from postrider.endpoint_minute_part) > 1500 then
        raise exception 'not now';
      end if;
      return new;
    end $$;
    create trigger refuse before insert on postrider.endpoint_minute_part for each row execute function public.refuse()`);
  await makeMinutes(t).stop();
  assert.equal(await appended(), 0);
  await database.pool.query("drop function public.refuse cascade");
  await makeMinutes(t).stop();
  assert.equal(await appended(), ENDPOINTS * 10 + 1);
});
