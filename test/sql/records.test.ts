/**
 * A variable of type `record` has no columns until it is assigned. An expression that names one of them cannot be planned
 * before, not even where `case` or `and` would keep it from being evaluated. PostgreSQL plans an expression when a session
 * runs it for the first time, and again when the plan is no longer valid. So a function may work for as long as a session
 * lasts, and fail in the next one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootstrapText, schemaFiles } from "../../src/db/sqlFiles.ts";

const { tables, functions } = schemaFiles();

test("no function names a column of a record before it is assigned on each way there", () => {
  const files = [...functions, ...tables, { name: "bootstrap", text: bootstrapText() }];
  const bodies = files
    .flatMap(({ name, text }) => bodiesOf(text).map((body) => ({ name, body })))
    .filter(({ body }) => /^ +\w+ record;$/m.test(body));
  assert.ok(bodies.length > 60);
  assert.deepEqual(
    bodies.flatMap(({ name, body }) => unassignedReads(body).map((read) => `${name}: ${read}`)),
    [],
  );
});

/** To assign null takes its columns from a record. A function in PL/pgSQL that has several `out` parameters returns a row. */
test("what assigns a record with := is a function that always returns a row", () => {
  const texts = new Map(functions.map(({ name, text }) => [name, text]));
  for (const { name, text } of functions) {
    for (const [, record] of text.matchAll(/^ +(\w+) record;$/gm)) {
      for (const [, source] of text.matchAll(new RegExp(`^ +${record} := (.*)`, "gm"))) {
        const called = texts.get(/^postrider_internal\.(\w+)\(/.exec(source ?? "")?.[1] ?? "");
        assert.match(called ?? "", /\bout \w+ [\s\S]*^language plpgsql (?!.*\bstrict\b)/m, `${name} assigns ${record}`);
      }
    }
  }
});

test("what looks for unassigned records finds them", () => {
  const reads: Readonly<Record<string, readonly string[]>> = {
    "if a then r := f(); end if; return a and r.x;": ["r.x"],
    "if a then r := f(); else r := g(); end if; return r.x;": [],
    "if a then r := f(); else return null; end if; return r.x;": [],
    "if a then r := f(); elsif r.x then null; end if;": ["r.x"],
    "if case when a then b else c end then r := f(); return r.x; end if; b := r.y;": ["r.y"],
    "if a then select 1 as x, 'r.x;' as y into strict r; end if; -- r.y\n perform r.y;": ["r.y"],
    "select o.x into r from other_r o where o.r.x; return r.x;": [],
    "select r.x into r;": ["r.x"],
    "case a when 1 then r := f(); when 2 then return null; end case; return r.x;": [],
    "case when a then r := f(); else b := r.x; end case; return r.y;": ["r.x", "r.y"],
    "for r in select 1 as x loop perform r.x; end loop; return r.x;": [],
    "for n in 1 .. 2 loop perform r.x; r := f(); end loop; return r.y;": ["r.x", "r.y"],
    "foreach r in array a loop perform r.x; end loop; return r.y;": ["r.y"],
    "while a loop r := f(); end loop; return r.x;": ["r.x"],
    "loop r := f(); exit when r.x; end loop; return r.y;": [],
    "loop exit when a; r := f(); end loop; return r.x;": ["r.x"],
    "<<l>> loop r := f(); for n in 1 .. 2 loop exit l; end loop; end loop; return r.x;": [],
    "begin r := f(); exception when others then null; end; return r.x;": ["r.x"],
    "begin r := f(); exception when others then raise; end; return r.x;": [],
    "begin r := f(); exception when others then raise notice 'x'; end; return r.x;": ["r.x"],
  };
  for (const [statements, expected] of Object.entries(reads)) {
    assert.deepEqual(unassignedReads(`declare a boolean; r record; begin ${statements} end`), expected, statements);
  }
});

function bodiesOf(text: string): string[] {
  return [...text.matchAll(/\b(?:as|do) (\$\w*\$)(.*?)\1/gs)].map(([, , body = ""]) => body);
}

/** Columns of the body's records that are named where a record may not be assigned, in their order. */
function unassignedReads(body: string): string[] {
  return new Walk(body).reads();
}

/** The records that are assigned at a place; undefined if nothing leads there. */
type Assigned = ReadonlySet<string> | undefined;

/** Without comments; a literal is one token. */
const TOKEN = /--.*|^#.*|E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\1\$|"[^"]*"|\w+|:=|<<|>>|[^\s\w]/gm;

/** Follows the statements of a body in their order, as PL/pgSQL runs them. */
class Walk {
  readonly #tokens: readonly string[];
  readonly #records: ReadonlySet<string>;
  readonly #found: string[] = [];
  /** Around the place, the innermost last; ends: what is assigned where each `exit` leaves it. */
  readonly #loops: { readonly label: string | undefined; readonly ends: Assigned[] }[] = [];
  #at = 0;

  constructor(body: string) {
    const tokens = body.match(TOKEN) ?? [];
    this.#tokens = tokens.filter((token) => !/^(?:--|#)/.test(token)).map((token) => token.toLowerCase());
    this.#records = new Set(this.#tokens.filter((_, n, all) => all[n + 1] === "record" && all[n + 2] === ";"));
  }

  reads(): string[] {
    this.#block(new Set());
    return this.#found;
  }

  #block(before: Assigned): Assigned {
    let assigned = before;
    if (this.#skip("declare")) {
      while (!this.#is("begin")) assigned = this.#simple(assigned, ";", 1);
    }
    this.#expect("begin");
    const entered = assigned;
    assigned = this.#statements(assigned);
    if (this.#skip("exception")) {
      while (this.#is("when")) {
        this.#simple(undefined, "then");
        assigned = common(assigned, this.#statements(entered));
      }
    }
    this.#end();
    return assigned;
  }

  #statements(before: Assigned): Assigned {
    let assigned = before;
    while (!["end", "else", "elsif", "when", "exception"].includes(this.#token())) assigned = this.#statement(assigned);
    return assigned;
  }

  #statement(before: Assigned): Assigned {
    const label = this.#skip("<<") ? this.#label() : undefined;
    switch (this.#token()) {
      case "declare":
      case "begin":
        return this.#block(before);
      case "if":
        return this.#if(before);
      case "case":
        return this.#case(before);
      case "loop":
      case "while":
      case "for":
      case "foreach":
        return this.#loop(before, label);
      case "exit":
        return this.#exit(before);
      default:
        return this.#simple(before, ";");
    }
  }

  #if(before: Assigned): Assigned {
    let otherwise = this.#simple(before, "then");
    let after = this.#statements(otherwise);
    for (;;) {
      if (this.#is("elsif")) {
        otherwise = this.#simple(otherwise, "then");
        after = common(after, this.#statements(otherwise));
      } else if (this.#skip("else")) {
        otherwise = this.#statements(otherwise);
      } else {
        this.#end();
        return common(after, otherwise);
      }
    }
  }

  /** It fails if none of its values fits and it has no `else`. */
  #case(before: Assigned): Assigned {
    this.#expect("case");
    let after: Assigned;
    this.#simple(before, "when");
    do {
      this.#simple(before, "then");
      after = common(after, this.#statements(before));
    } while (this.#skip("when"));
    if (this.#skip("else")) after = common(after, this.#statements(before));
    this.#end();
    return after;
  }

  #loop(before: Assigned, label: string | undefined): Assigned {
    const [kind, variable = ""] = this.#tokens.slice(this.#at);
    if (kind === "loop") this.#expect("loop");
    const entered = kind === "loop" ? before : this.#simple(before, "loop");
    const loop = { label, ends: [] as Assigned[] };
    this.#loops.push(loop);
    this.#statements(kind === "foreach" ? plus(entered, variable) : entered);
    this.#loops.pop();
    this.#end();
    return kind === "loop" ? loop.ends.reduce(common, undefined) : entered;
  }

  #exit(before: Assigned): Assigned {
    const label = this.#tokens[this.#at + 1];
    const left = this.#loops.find((loop) => loop.label !== undefined && loop.label === label) ?? this.#loops.at(-1);
    left?.ends.push(before);
    return this.#simple(before, ";");
  }

  /** Up to a word that ends it. From a query, `for` assigns a record even if there are no rows: with null in each column. */
  #simple(before: Assigned, end: string, targetAt = 0): Assigned {
    const words: string[] = [];
    for (let cases = 0; cases > 0 || !this.#is(end); this.#at++) {
      const word = this.#token();
      if (word === "case") cases++;
      if (word === "end") cases--;
      words.push(word);
    }
    this.#at++;
    const targets = words.flatMap((word, n) => {
      if (word === "into") return [words[n + 1] === "strict" ? n + 2 : n + 1];
      if (word === "for" && n === 0) return [1];
      return word === ":=" && n === 1 ? [0] : [];
    });
    words.forEach((word, n) => {
      const isColumn = words[n + 1] === "." && words[n - 1] !== ".";
      if (isColumn && this.#records.has(word) && before !== undefined && !before.has(word)) {
        this.#found.push(`${word}.${words[n + 2]}`);
      }
    });
    if (targetAt === 0 && endsWay(words)) return undefined;
    return targets
      .filter((n) => words[n + 1] !== ".")
      .reduce((assigned: Assigned, n) => plus(assigned, words[n] ?? ""), before);
  }

  #label(): string {
    const label = this.#token();
    this.#at += 2;
    return label;
  }

  /** `end`, `end if` or `end loop`, and what may follow. */
  #end(): void {
    this.#expect("end");
    while (this.#at < this.#tokens.length && !this.#skip(";")) this.#at++;
  }

  #token(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Error("the body ends within a statement");
    return token;
  }

  #is(word: string): boolean {
    return this.#token() === word;
  }

  #skip(word: string): boolean {
    if (this.#tokens[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  #expect(word: string): void {
    if (!this.#skip(word))
      throw new Error(`expected ${word}, found ${this.#tokens.slice(this.#at, this.#at + 10).join(" ")}`);
  }
}

/** Whether nothing follows the statement. */
function endsWay([first = "", second = "", third]: readonly string[]): boolean {
  if (first === "return") return second !== "next" && second !== "query";
  if (first === "raise") return second === "" || second === "exception";
  return (first === "exit" || first === "continue") && second !== "when" && third !== "when";
}

function common(one: Assigned, other: Assigned): Assigned {
  if (one === undefined || other === undefined) return one ?? other;
  return new Set([...one].filter((record) => other.has(record)));
}

function plus(assigned: Assigned, record: string): Assigned {
  return assigned && new Set([...assigned, record]);
}
