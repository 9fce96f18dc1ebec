import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { connectionConfig } from "../../src/db/connect.ts";
import { Database } from "../../src/db/database.ts";
import { replaceSecret, storedSecrets } from "../../src/db/secrets.ts";
import type { Queryable } from "../../src/db/statements.ts";
import { useDatabase } from "../support/database.ts";
import { askFor } from "../support/engine.ts";

const server = useDatabase();

test("the statement that seals a secret shows nothing of it in its parameters, because the server's log may show those", async (t) => {
  const config = connectionConfig({ databaseUrl: server.url, applicationName: "secrets" });
  const database = new Database({ config, purpose: "pipeline", max: 1 });
  t.after(() => database.end());
  const shown: string[] = [];
  const watched: Queryable = {
    run: (statement, params) => {
      shown.push(JSON.stringify(params));
      return database.run(statement, params);
    },
    query: () => Promise.reject(new Error("this sends a statement")),
  };
  await askFor(
    server.pool,
    "select endpoint_id from postrider.create_endpoint('http://receiver.test/', options => $1)",
    [JSON.stringify({ auth: { type: "basic", username: "postrider", password: "hunter2" } })],
  );
  const sealed = `sealed:v1:0123456789abcdef:${Buffer.alloc(80, 1).toString("base64")}`;
  for await (const { id, secret, version } of storedSecrets(database)) {
    assert.equal(await replaceSecret(watched, id, version, sealed), true);
    assert.equal(await replaceSecret(watched, id, version, sealed), false);
    for (const hint of [secret, ...(["hex", "base64"] as const).map((form) => hashOf(secret, form))]) {
      assert.ok(!shown.some((params) => params.includes(hint)));
    }
  }
  assert.equal(shown.length, 4);
  assert.equal(
    await askFor(server.pool, "select count(*) from postrider.endpoint_secret where secret = $1", [sealed]),
    "2",
  );
});

function hashOf(text: string, form: "hex" | "base64"): string {
  return createHash("sha256").update(text).digest(form);
}
