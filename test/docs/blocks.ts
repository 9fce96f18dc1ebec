/** Which blocks of the documents are run, and where. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, blocksOf, guidePaths, ROOT } from "../support/guides.ts";

/** Each `guideBlock("guide", "heading", "language")` in the tests. */
const ASKED_FOR = new Set(
  globSync("test/**/*.test.ts", { cwd: ROOT })
    .map((path) => readFileSync(join(ROOT, path), "utf8"))
    .flatMap((source) => [...source.matchAll(/guideBlocks?\(\s*("[^"]+"),\s*("[^"]+"),\s*("\w+"),?\s*\)/g)])
    .map(([, ...words]) => JSON.stringify(words.map((word) => JSON.parse(word)))),
);

const BLOCKS = guidePaths().flatMap(blocksOf);

/** SQL that no test asks for by name. It stands for itself: test/docs/guides.test.ts runs all of it. */
export const SQL_BLOCKS = BLOCKS.filter((block) => block.language === "sql" && !isAskedFor(block));

/** Commands and programs that no test asks for. */
export function untestedBlocks(): readonly Block[] {
  return BLOCKS.filter((block) => ["sh", "ts"].includes(block.language) && !isAskedFor(block));
}

function isAskedFor({ guide, heading, language }: Block): boolean {
  return ASKED_FOR.has(JSON.stringify([guide, heading, language]));
}
