/** What the guide for managed Postgres says holds here, for a role with the rights that providers give. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { readConnectionUrl } from "../../src/db/libpq.ts";
import { createDatabase } from "../support/database.ts";
import { guideBlocks, guideText } from "../support/guides.ts";
import { runScript } from "../support/psqlScript.ts";
import { createLogin } from "../support/roles.ts";
import { runShell } from "./shell.ts";

const GUIDE = "deploy/managed-postgres.md";

test("each URL of the guide is one that a daemon takes, and checks what the guide says", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "postrider-authority-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const urls = [...guideText(GUIDE).matchAll(/`(postgres:\/\/[^`]+)`/g)].map(([, url = ""]) => url);
  assert.equal(urls.length, 5);
  for (const url of urls) {
    const local = url.replace(/\/etc\/postrider\/[\w.-]+/, (path) => {
      const file = join(directory, basename(path));
      writeFileSync(file, "an authority");
      return file;
    });
    const [first] = readConnectionUrl(local).tls.ways;
    const checks = first !== false && first !== undefined && first.rejectUnauthorized !== false;
    assert.equal(checks, /sslmode=verify/.test(url), url);
  }
});

test("the owner of a database installs the schema without being a superuser", async (t) => {
  const database = await createDatabase({ template: "empty" });
  const owner = await createLogin(database);
  await database.pool.query(`grant create on database ${database.name} to ${owner.name}`);

  const session = new pg.Client({ connectionString: owner.url });
  await session.connect();
  t.after(() =>
    session
      .end()
      .finally(() => owner.drop())
      .finally(() => database.drop()),
  );
  const [rights, cluster] = await runScript(
    session,
    guideBlocks("deploy/managed-postgres.md", "Rights", "sql")[0] ?? "",
  );
  assert.deepEqual(rights?.rows, [
    { rolname: owner.name, rolsuper: false, rolcreaterole: false, may_create_schema: true },
  ]);
  assert.match(String(cluster?.rows[0].system_identifier), /^\d+$/);
  await runShell("postrider migrate; postrider migrate --check", { DATABASE_URL: owner.url });
});
