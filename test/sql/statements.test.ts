/**
 * A release keeps what the release before it calls, for its daemons run on during an upgrade. From the first release on,
 * test/sql/released holds the statements of the last one; they are prepared like those of today.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { statementNames, statementText } from "../../src/db/sqlFiles.ts";
import { useDatabase } from "../support/database.ts";

const database = useDatabase();

const RELEASED = new URL("released/", import.meta.url);
const released = existsSync(RELEASED)
  ? readdirSync(RELEASED).map((file) => ({ name: file, text: readFileSync(new URL(file, RELEASED), "utf8") }))
  : [];
const present = statementNames().map((name) => ({ name, text: statementText(name) }));

for (const { name, text } of [...released, ...present]) {
  test(`${name} can be prepared, so each function, table and column it names is there`, async () => {
    const client = await database.pool.connect();
    try {
      await client.query(`prepare statement_of_a_release as ${text}`);
      await client.query("deallocate statement_of_a_release");
    } finally {
      client.release();
    }
  });
}

test("there are statements to prepare", () => {
  assert.ok(present.length > 20);
});
