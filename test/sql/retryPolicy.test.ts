/** Which lists of statuses an endpoint may have. What they decide is tested where it is decided. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { useDatabase } from "../support/database.ts";
import { createEndpoint, rowsOf } from "../support/engine.ts";

const database = useDatabase();

function set(options: Readonly<Record<string, unknown>>): Promise<string> {
  return createEndpoint(database.pool, [], { options });
}

async function listsOf(endpoint: string) {
  const sql = "select retry_on::text, give_up_on::text from postrider.endpoint where id = $1";
  return (await rowsOf<{ retry_on: string | null; give_up_on: string }>(database.pool, sql, [endpoint]))[0];
}

test("every failure is retried unless an endpoint says otherwise", async () => {
  assert.deepEqual(await listsOf(await set({})), { retry_on: null, give_up_on: "{}" });
});

test("statuses and classes are taken, numbers of JSON as well", async () => {
  const endpoint = await set({ retry_on: [429, "5xx", "300", "599"], give_up_on: [400, "410", "422"] });
  assert.deepEqual(await listsOf(endpoint), { retry_on: "{429,5xx,300,599}", give_up_on: "{400,410,422}" });
  await database.pool.query("update postrider.endpoint set retry_on = null, give_up_on = '{4xx}' where id = $1", [
    endpoint,
  ]);
  assert.deepEqual(await listsOf(endpoint), { retry_on: null, give_up_on: "{4xx}" });
  assert.deepEqual(await listsOf(await set({ retry_on: [] })), { retry_on: "{}", give_up_on: "{}" });
});

for (const option of ["retry_on", "give_up_on"]) {
  test(`${option} is refused with what is no failure, no class, or nothing`, async () => {
    for (const value of ["200", "2xx", "299", "600", "6xx", "1xx", "4XX", "40x", "44", "4xxx", "timeout", "", null]) {
      await assert.rejects(set({ [option]: [value] }), {
        code: "23514",
        message: new RegExp(`value for domain postrider.endpoint_${option} violates check constraint "${option} is `),
      });
    }
    await assert.rejects(set({ [option]: "400" }), new RegExp(`the option ${option} cannot be "400"`));
  });
}

test("410 cannot be retried, and nothing is no list of what ends a delivery", async () => {
  await assert.rejects(set({ retry_on: ["410"] }), /"retry_on is statuses from 300 to 599 without 410, or 3xx to 5xx"/);
  await assert.rejects(set({ give_up_on: null }), /the option give_up_on cannot be null/);
});

test("a status that both lists say is refused, by its class as well", async () => {
  for (const [retryOn, giveUpOn, both] of [
    [["503", "429"], ["400", "503"], "503"],
    [["5xx"], ["503"], "503"],
    [["404"], ["4xx"], "404"],
    [["5xx", "4xx"], ["3xx", "4xx"], "4xx"],
  ] as const) {
    const refusal = {
      message: `retry_on and give_up_on both say ${both}`,
      constraint: "no status is in both retry_on and give_up_on",
    };
    await assert.rejects(set({ retry_on: retryOn, give_up_on: giveUpOn }), refusal);
    const endpoint = await set({ retry_on: retryOn });
    const edit = "update postrider.endpoint set give_up_on = $2 where id = $1";
    await assert.rejects(database.pool.query(edit, [endpoint, giveUpOn]), refusal);
  }
  await set({ retry_on: ["429", "5xx"], give_up_on: ["3xx"] });
});
