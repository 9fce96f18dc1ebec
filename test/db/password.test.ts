import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connectionConfig } from "../../src/db/connect.ts";

test("a password that was replaced in its file is used by the next connection", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "postrider-password-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const urlFile = join(directory, "url");
  const write = (password: string) => writeFileSync(urlFile, `postgres://anna:${password}@db.test/shop\n`);
  write("first");
  const databaseUrl = "postgres://anna:first@db.test/shop";
  const { password } = connectionConfig({ databaseUrl, urlFile, applicationName: "postrider-test" });
  assert.ok(typeof password === "function");
  write("second%40");
  assert.equal(await password(), "second@");
  // While it is being replaced.
  writeFileSync(urlFile, "");
  assert.equal(await password(), "first");
  rmSync(urlFile);
  assert.equal(await password(), "first");
});
