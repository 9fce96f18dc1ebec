/** What the compiler says of the package beside the libraries, and of the README's examples. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { eventTypesModule } from "../../src/typegen/eventTypesModule.ts";
import { Consumer } from "../support/consumer.ts";
import { EVENT_TYPES } from "../typegen/eventTypes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** What the README's examples assume: a module of the consumer's. */
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

test("what each library calls a transaction is accepted, what it calls a database is not, and the README's examples compile", async () => {
  const modules = [["postrider-events.ts", eventTypesModule(EVENT_TYPES)], ...readmeExamples()] as const;
  for (const [name, text] of modules) consumer.write(name, text);
  const files = ["libraries.ts", ...modules.map(([name]) => name)];
  assert.equal(await consumer.problems("--types", "node", "--skipLibCheck", ...files), "");
});

test("these tests are typed like the others, which do not see them", async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, "--project", import.meta.dirname]);
  assert.equal(stdout, "");
});

/** The blocks of TypeScript in the README's section, with the objects that they take for granted. */
function readmeExamples(): readonly (readonly [string, string])[] {
  const [, section = ""] =
    /^### From TypeScript\n(.*?)^### /ms.exec(readFileSync(join(ROOT, "README.md"), "utf8")) ?? [];
  const [libraries, catalogue, ...more] = [...section.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.ok(libraries !== undefined && catalogue !== undefined && more.length === 0);
  return [
    [
      "readmeLibraries.ts",
      `import { client, drizzle, eq, kysely, orders, prisma, sql } from "${OBJECTS}";\n${libraries}`,
    ],
    ["readmeCatalogue.ts", catalogue],
  ];
}
