/**
 * As much of psql as the documents use: statements one by one, `:'name'`, `\gset`. A line that asks whether a variable is set is passed over. The packages have no psql, and neither
 * does every machine that runs the tests.
 */
import assert from "node:assert/strict";
import pg from "pg";
import type { Session } from "./engine.ts";

/** Strings, names, dollar quotes and comments are passed over as a whole: what stands in them is not psql's. */
const TOKENS =
  /'(?:[^']|'')*'|"[^"]*"|\$(?<tag>\w*)\$.*?\$\k<tag>\$|--[^\n]*|(?<check>\\if [^\n]*\\endif)|:'(?<variable>\w+)'|(?<end>;|\\gset)|./gs;

interface Statement {
  readonly text: string;
  /** Ended by `\gset`: the columns of its one row become variables. */
  readonly sets: boolean;
}

/** Runs a script, each statement in a separate transaction unless it says otherwise. `variables` is read and set. */
export async function runScript(
  session: Session,
  script: string,
  variables: Map<string, string> = new Map(),
): Promise<pg.QueryResult[]> {
  const results: pg.QueryResult[] = [];
  for (const { text, sets } of statementsOf(script)) {
    const result = await session.query(substitute(text, variables));
    results.push(result);
    if (sets) set(variables, text, result.rows);
  }
  return results;
}

function set(variables: Map<string, string>, text: string, rows: readonly object[]): void {
  assert.equal(rows.length, 1, `\\gset takes one row, and not those of: ${text}`);
  for (const [name, value] of Object.entries(rows[0] ?? {})) variables.set(name, String(value));
}

export function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(TOKENS, (token: string, ...args: unknown[]) => {
    const { variable, check } = args.at(-1) as { readonly variable?: string; readonly check?: string };
    if (check !== undefined) return "";
    if (variable === undefined) return token;
    return pg.escapeLiteral(variables.get(variable) ?? assert.fail(`${variable} is not set`));
  });
}

function statementsOf(script: string): readonly Statement[] {
  const statements: Statement[] = [];
  let text = "";
  for (const { 0: token, groups } of script.matchAll(TOKENS)) {
    if (groups?.end === undefined) {
      text += token;
    } else {
      statements.push({ text, sets: token === "\\gset" });
      text = "";
    }
  }
  return [...statements, { text, sets: false }].filter(({ text: each }) => each.replace(/--[^\n]*/g, "").trim() !== "");
}
