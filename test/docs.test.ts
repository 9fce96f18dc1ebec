import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionConfig, openConnection } from "../src/db/connect.ts";
import { useDatabase } from "./support/database.ts";
import { betweenMarkers, GENERATED_DOCS, readDoc } from "./support/writeDocs.ts";

const database = useDatabase();

for (const doc of GENERATED_DOCS) {
  test(`${doc.path} is what "npm run docs" writes`, async () => {
    const config = connectionConfig({ databaseUrl: database.url, applicationName: "postrider-test" });
    const client = await openConnection({ config, purpose: "control" });
    try {
      const current = readDoc(doc.path);
      assert.equal(current, await doc.render({ client, current }));
    } finally {
      await client.end();
    }
  });
}

test("a generated part replaces what stood between its markers, and nothing else", () => {
  const text = "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n";
  assert.equal(
    betweenMarkers(text, "settings", "new\n\n"),
    "before\n<!-- settings -->\nnew\n<!-- /settings -->\nafter\n",
  );
});

test("markers that are missing or repeated are refused", () => {
  assert.throws(() => betweenMarkers("nothing\n", "settings", "new"), /does not have the lines/);
  const pair = "<!-- settings -->\n<!-- /settings -->\n";
  assert.throws(() => betweenMarkers(pair + pair, "settings", "new"), /once each/);
});
