import type { Database } from "../../db/database.ts";
import { defineStatement } from "../../db/statements.ts";
import { makePrivateKey } from "../../format/ed25519.ts";
import { messageOf } from "../../ground/errors.ts";
import { Repeat } from "../../ground/repeat.ts";
import type { Conditions } from "../../telemetry/conditions.ts";

/** Keys made in one look. */
const KEYS_MAX = 100;
/** A notification announces most of what there is to do. */
const INTERVAL_MS = 5_000;
/** An operator, or another daemon, has the endpoint. */
const BUSY_MS = 250;

const findWantedKeys = defineStatement("find_wanted_keys", { params: { keysMax: "integer" }, columns: { id: "uuid" } });
const makeKey = defineStatement("make_key", {
  params: { secretId: "uuid", secret: "text" },
  columns: { is_made: "boolean" },
});

export interface KeyOptions {
  readonly database: Database;
  readonly conditions: Conditions;
}

/** Makes the ed25519 keys that endpoints want: Postgres cannot make one. The deliveries of such an endpoint wait for it. */
export function makeKeyKeeper({ database, conditions }: KeyOptions): Repeat {
  const repeat = new Repeat(async () => {
    try {
      const { rows } = await database.run(findWantedKeys, { keysMax: KEYS_MAX });
      let madeCount = 0;
      for (const { id } of rows) {
        const made = repeat.isStopped ? null : await database.run(makeKey, { secretId: id, secret: makePrivateKey() });
        madeCount += made?.rows[0]?.is_made === true ? 1 : 0;
      }
      conditions.end("keys_failing", { task: "keys" });
      if (rows.length === 0) {
        return INTERVAL_MS;
      }
      return madeCount === rows.length ? 0 : BUSY_MS;
    } catch (thrown) {
      conditions.begin("keys_failing", "maintenance.failed", { task: "keys", error: messageOf(thrown) });
      return INTERVAL_MS;
    }
  });
  return repeat;
}
