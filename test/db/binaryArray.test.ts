import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BinaryArray } from "../../src/db/binaryArray.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";

const database = useDatabase({ template: "empty" });

/** What Postgres reads of an array, each value as text; null if the parameter is null. */
async function read(type: string, array: BinaryArray): Promise<readonly (string | null)[] | null> {
  const [row] = await rowsOf<{ read: (string | null)[] | null }>(
    database.pool,
    `select $1::${type}[]::text[] as read`,
    [array.toParameter()],
  );
  return row?.read ?? null;
}

/** Texts that Postgres can store. */
const text = fc.string({ unit: "grapheme", maxLength: 200 }).filter((value) => !value.includes("\0"));

describe("an array in the binary format", () => {
  const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const cases: readonly {
    readonly type: ConstructorParameters<typeof BinaryArray>[0];
    readonly values: fc.Arbitrary<string>;
    readonly add: (array: BinaryArray, value: string | null) => void;
  }[] = [
    {
      type: "smallint",
      values: fc.integer({ min: -32_768, max: 32_767 }).map(String),
      add: (array, value) => array.addSmallint(value === null ? null : Number(value)),
    },
    {
      type: "integer",
      values: fc.integer().map(String),
      add: (array, value) => array.addInteger(value === null ? null : Number(value)),
    },
    {
      type: "bigint",
      values: fc.oneof(big, fc.maxSafeInteger().map(BigInt)).map(String),
      add: (array, value) => array.addBigint(value),
    },
    {
      type: "double precision",
      values: fc.maxSafeInteger().map((value) => String(value / 1024)),
      add: (array, value) => array.addDouble(value === null ? null : Number(value)),
    },
    { type: "uuid", values: fc.uuid(), add: (array, value) => array.addUuid(value) },
    { type: "text", values: text, add: (array, value) => array.addText(value) },
    {
      type: "json",
      values: text.map((value) => JSON.stringify({ value })),
      add: (array, value) => array.addText(value),
    },
  ];
  for (const { type, values, add } of cases) {
    test(`of ${type} is read as it was written`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.option(values), { minLength: 1, maxLength: 30 }), async (written) => {
          const array = new BinaryArray(type, written.length);
          for (const value of written) {
            add(array, value);
          }
          const isNull = written.every((value) => value === null);
          const found = await read(type, array);
          const shown = type === "double precision" ? found?.map((value) => value && String(Number(value))) : found;
          assert.deepEqual(shown ?? null, isNull ? null : written);
        }),
        { numRuns: 60 },
      );
    });
  }

  test("has room for what is longer than expected, before and behind nulls", async () => {
    const long = "é".repeat(20_000);
    const array = new BinaryArray("text", 5);
    for (const value of [null, long, null, "", null]) {
      array.addText(value);
    }
    assert.deepEqual(await read("text", array), [null, long, null, "", null]);
  });

  test("with a value that the type cannot hold is refused by Postgres", async () => {
    const wrong: readonly [ConstructorParameters<typeof BinaryArray>[0], (array: BinaryArray) => void][] = [
      ["smallint", (array) => array.addSmallint(32_768)],
      ["integer", (array) => array.addInteger(2 ** 31)],
      ["integer", (array) => array.addInteger(0.5)],
      ["integer", (array) => array.addInteger(Number.NaN)],
      ["bigint", (array) => array.addBigint("9223372036854775808")],
      ["bigint", (array) => array.addBigint("1e30")],
      ["uuid", (array) => array.addUuid("")],
      ["uuid", (array) => array.addUuid(randomUUID().slice(1))],
    ];
    for (const [type, add] of wrong) {
      const array = new BinaryArray(type, 1);
      add(array);
      await assert.rejects(read(type, array), { code: "22P03" }, type);
    }
  });
});
