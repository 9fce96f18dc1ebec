/** Type-checks the package together with the libraries, and the guide's examples. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { eventTypesModule } from "../../src/typegen/eventTypesModule.ts";
import { Consumer } from "../support/consumer.ts";
import { guideBlock } from "../support/guides.ts";
import { EVENT_TYPES } from "../typegen/eventTypes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** What the guide's examples assume: a module of the consumer's. */
const OBJECTS = "./objects.ts";

let consumer: Consumer;

before(async () => {
  consumer = await Consumer.create(join(import.meta.dirname, "consumer"));
  for (const name of ["@types", "kysely", "pg", "undici-types", "pg-types", "pg-protocol"]) {
    consumer.link(join(ROOT, "node_modules"), name);
  }
  for (const name of ["drizzle-orm", "postgres"]) consumer.link(join(import.meta.dirname, "node_modules"), name);
});

after(() => consumer?.remove());

test("what each library calls a transaction is accepted, what it calls a database is not, and the guide's examples compile", async () => {
  const modules = [["postrider-events.ts", eventTypesModule(EVENT_TYPES)], ...examples()] as const;
  for (const [name, text] of modules) consumer.write(name, text);
  const files = ["libraries.ts", ...modules.map(([name]) => name)];
  assert.equal(await consumer.problems("--types", "node", "--skipLibCheck", ...files), "");
});

test("these tests are typed like the others, which do not see them", async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, "--project", import.meta.dirname]);
  assert.equal(stdout, "");
});

/** The guide's examples, with the objects that they take for granted. */
function examples(): readonly (readonly [string, string])[] {
  const libraries = guideBlock("src/publish/README.md", "Publishing from TypeScript", "ts");
  const catalogue = guideBlock("src/publish/README.md", "Types for your events", "ts");
  const imports = `import { client, drizzle, eq, kysely, orders, prisma, sql } from "${OBJECTS}";`;
  const tests = guideBlock("src/publish/README.md", "In your tests", "ts");
  const commits = guideBlock("src/publish/README.md", "Code that commits by itself", "ts");
  return [
    ["exampleTests.ts", `import { client, payOrder, receive } from "${OBJECTS}";\n${tests}`],
    ["exampleCommits.ts", `import { pay, pool } from "${OBJECTS}";\n${commits}`],
    ["exampleLibraries.ts", `${imports}\n${libraries}`],
    ["exampleCatalogue.ts", catalogue],
    ["exampleReceiver.ts", guideBlock("src/receive/kit.md", "Quick start", "ts")],
  ];
}
