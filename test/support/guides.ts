/**
 * The documents of the project, and the commands and statements in them. A test that runs a block asks for it here by
 * file, heading and language; test/docs/blocks.test.ts reads those calls, so that no block goes without a test.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

export interface Block {
  /** Relative to the project, as in `sql/events.md`. */
  readonly guide: string;
  /** The nearest heading above it. */
  readonly heading: string;
  /** `sql`, `sh`, `ts` …; empty if the fence names none. */
  readonly language: string;
  readonly text: string;
}

/** Every Markdown file of the project, relative to it. */
export function guidePaths(): readonly string[] {
  return globSync("**/*.md", { cwd: ROOT, exclude: (name) => /(^|\/)(node_modules|dist|\..+)$/.test(name) }).sort();
}

export function guideText(guide: string): string {
  return readFileSync(join(ROOT, guide), "utf8");
}

/** What a document links to in the project, `path` or `path#heading`, each path relative to the project. */
export function linksOf(guide: string): readonly string[] {
  const links = [...guideText(guide).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.map((link) => (link.startsWith("#") ? `${guide}${link}` : join(dirname(guide), link)));
}

/** All fenced blocks of a document in their order, those that are indented in a list included. */
export function blocksOf(guide: string): readonly Block[] {
  const parts = guideText(guide).matchAll(
    /^#+ (?<heading>[^\n]+)$|^(?<indent> *)```(?<language>\w*)\n(?<text>.*?)^ *```$/gms,
  );
  let heading = "";
  return [...parts].flatMap(({ groups = {} }) => {
    heading = groups.heading ?? heading;
    const { indent = "", language = "", text } = groups;
    return text === undefined
      ? []
      : [{ guide, heading, language, text: text.replaceAll(new RegExp(`^${indent}`, "gm"), "") }];
  });
}

/** The blocks of a language under a heading. Fails if there are none. */
export function guideBlocks(guide: string, heading: string, language: string): readonly string[] {
  const found = blocksOf(guide).filter((block) => block.heading === heading && block.language === language);
  assert.notEqual(found.length, 0, `${guide} has no block of ${language} below "${heading}"`);
  return found.map(({ text }) => text);
}

/** The one block of a language under a heading. */
export function guideBlock(guide: string, heading: string, language: string): string {
  const [text = "", ...more] = guideBlocks(guide, heading, language);
  assert.equal(more.length, 0, `${guide} has several blocks of ${language} below "${heading}"`);
  return text;
}
