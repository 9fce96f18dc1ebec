import assert from "node:assert/strict";
import { test } from "node:test";
import { replaceSecret } from "../../src/db/secrets.ts";
import type { Queryable } from "../../src/db/statements.ts";

test("the statement that seals a secret has it in no parameter, because the server's log may show those", async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const shown: string[] = [];
  const database: Queryable = {
    run: (_, params) => {
      shown.push(JSON.stringify(params));
      return Promise.resolve({ rows: [], rowCount: 0 });
    },
    query: () => Promise.reject(new Error("this sends a statement")),
  };
  assert.equal(await replaceSecret(database, "00000000-0000-7000-8000-000000000001", secret, "sealed:v1:"), false);
  assert.equal(shown.length, 1);
  assert.ok(!shown[0]?.includes(secret.slice(6)));
});
