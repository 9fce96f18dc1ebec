/** The older servers that the project's own program starts, from the packages beside this file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { majorOfRun } from "../support/testServer.ts";

const database = useDatabase({ template: "empty" });

test("the server is of the major that was asked for, and knows Unicode also before there was a builtin locale", async () => {
  const [found] = await rowsOf(
    database.pool,
    `select (current_setting('server_version_num')::integer / 10000) as major, lower('ÄÖ') as lower,
       current_setting('server_encoding') as encoding`,
  );
  assert.deepEqual(found, { major: majorOfRun(), lower: "äö", encoding: "UTF8" });
});
