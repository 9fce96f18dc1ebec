import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readDeclaration } from "../../src/apply/declaration.ts";
import { type Located, readYaml } from "../../src/apply/yaml.ts";

/** `line:column found; remedy` of each complaint. */
function complaintsOf(text: string): readonly string[] {
  const reading = readYaml(text);
  assert.equal(reading.kind, "refused");
  return reading.complaints.map(({ place, found, remedy }) => `${place.line}:${place.column} ${found}; ${remedy}`);
}

function rootOf(text: string): Located {
  const reading = readYaml(text);
  assert.ok(reading.kind === "read", JSON.stringify(reading));
  return reading.root;
}

function declared(text: string, variables: Readonly<Record<string, string>> = {}) {
  return readDeclaration(rootOf(text), {
    options: ["name", "timeout_ms", "headers", "retry_schedule"],
    variable: (name) => variables[name] ?? null,
  });
}

/** What the declaration complains of. */
function faultsOf(text: string, variables: Readonly<Record<string, string>> = {}): readonly string[] {
  return declared(text, variables).complaints.map(
    ({ place, found, remedy }) => `${place.line}:${place.column} ${found}; ${remedy}`,
  );
}

describe("a text of YAML that is refused", () => {
  test("names every fault of the syntax with its place", () => {
    assert.deepEqual(complaintsOf("endpoints:\n  - name: a\n    subscriptions:\n      - *\n"), [
      '4:9 Alias cannot be an empty string; put * in quotes where it means every event type: "*"',
    ]);
    assert.deepEqual(complaintsOf("a: 1\nb: 2\na: 3\n"), [
      "3:1 this key stands in the mapping twice; keep one of them",
    ]);
    assert.match(complaintsOf("a: b: c\n").join("\n"), /^1:4 Nested mappings.*; correct it; a text with any of : # /);
    assert.match(
      complaintsOf("a: *nowhere\n")[0] ?? "",
      /^1:4 there is no &nowhere before \*nowhere; put \* in quotes/,
    );
    assert.match(complaintsOf("a: 1\n---\nb: 2\n")[0] ?? "", /^2:1 a second document begins here/);
    assert.match(complaintsOf("a: !secret b\n")[0] ?? "", /^1:4 .*!secret; remove the tag$/);
    assert.match(complaintsOf('a: "\\ud800"\n')[0] ?? "", /^1:4 it has half of a surrogate pair/);
    assert.match(complaintsOf('a: {"\\0": 1}\n')[0] ?? "", /^1:5 it has the character U\+0000/);
    assert.match(complaintsOf("a: .inf\n")[0] ?? "", /^1:4 Infinity is no number of JSON/);
  });

  test("takes no time and no memory, whatever it says", () => {
    const levels = Array.from({ length: 12 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n},`.repeat(10)}]`);
    const bomb = ["l0: &l0 [x]", ...levels].join("\n");
    assert.match(complaintsOf(bomb)[0] ?? "", /it has more than 500000 values once its aliases are written out/);
    assert.match(complaintsOf("a: &a [*a]\n")[0] ?? "", /it is nested deeper than 100 levels|Unresolved alias/);
    assert.match(complaintsOf(`a: ${"[".repeat(200)}${"]".repeat(200)}`)[0] ?? "", /nested deeper than 100 levels/);
    for (const opening of ["[", "{a: ", "- "]) {
      assert.match(complaintsOf(opening.repeat(10_000))[0] ?? "", /it is nested far too deep/);
    }
    rootOf(Array.from({ length: 20_000 }, (_, n) => `key${n}: 1\n`).join(""));
  });
});

test("JSON is read, tabs included, with the digits that were written", () => {
  const text =
    '{\n\t"event_types": [{"name": "a", "json_schema": {"maximum": 12345678901234567890, "minimum": 0.10}}]\n}';
  assert.deepEqual(
    declared(text).json,
    '{"event_types":[{"name":"a","json_schema":{"maximum":12345678901234567890,"minimum":0.10}}]}',
  );
});

test("aliases stand for what they name, and neither YAML 1.1 nor a name of JavaScript's is special", () => {
  const text = [
    ...["%YAML 1.1", "---", "endpoints:", "  - name: 'a'", "    headers: &h {no: yes, __proto__: 'x'}"],
    ...["    subscriptions: &s [a, 'on']", "  - {name: b, headers: *h, subscriptions: *s}"],
  ].join("\n");
  const headers = '"options":{"headers":{"no":"yes","__proto__":"x"}}';
  const subscriptions = '"subscriptions":[{"event_type":"a"},{"event_type":"on"}]';
  assert.equal(
    declared(text).json,
    `{"endpoints":[{"name":"a",${headers},${subscriptions}},{"name":"b",${headers},${subscriptions}}]}`,
  );
});

describe("what a file cannot say", () => {
  test("is told all at once, each with its place and what to write instead", () => {
    const text = `
event_type: []
event_types:
  - name: order.paid
    enforce: "yes"
    description: 5
  - name: order.paid
  - order.sent
endpoints:
  - name: billing
    timout_ms: 5
    subscriptions: order.*
    state: pasued
  - tenant: acme
    url: https://a.test
    subscriptions: [1, {type: a}, {event_type: a, filter: 1}, a, a]
  - name: 123
    subscriptions: []
  - name: billing
    reason: why
unknown_event_types: [refused]
`;
    const faults = faultsOf(text).join("\n");
    for (const expected of [
      '2:1 there is no key "event_type" for the file; write event_types; ',
      "6:18 description is the number 5; put it in quotes",
      "5:14 enforce is a text; write true or false",
      '7:5 event_types has "order.paid" already, in line 4; keep one of them',
      "8:5 an event type is a text; write a mapping with any of: ",
      '11:5 there is no key "timout_ms" for an endpoint; write timeout_ms; ',
      '13:12 it is "pasued"; write paused',
      "12:5 subscriptions is a text; write a list of event types",
      "14:5 the endpoint has no name; ",
      "16:21 the subscription is the number 1; write an event type, or event_type: with or without filter:",
      '16:25 there is no key "type" for a subscription; ',
      "16:24 the subscription has no event_type; ",
      "16:59 filter is the number 1; put it in quotes",
      "16:63 the same subscription stands in the list before; ",
      "17:11 name is the number 123; put it in quotes",
      "20:5 reason stands there without what it is for; ",
      "19:5 the endpoint has no subscriptions; ",
      '19:5 endpoints has "billing" already, in line 10; ',
      "21:22 it is a list; write allowed, refused",
    ]) {
      assert.ok(faults.includes(expected), `${expected}\nis not among\n${faults}`);
    }
  });

  test("is a file without a word, and one that is no mapping", () => {
    assert.deepEqual(faultsOf(""), [
      "1:1 the file says nothing; write a mapping with any of: event_types, endpoints, unknown_event_types",
    ]);
    assert.match(faultsOf("- a\n")[0] ?? "", /^1:1 the file is a list; /);
    assert.match(faultsOf("endpoints: {a: 1}\n")[0] ?? "", /^1:12 endpoints is a mapping; write a list/);
  });
});

test("a variable stands for its value in an endpoint's url and options, and nowhere else", () => {
  const text = `
endpoints:
  - name: a
    url: {from_env: URL}
    headers: {authorization: {from_env: TOKEN}}
    subscriptions: []
event_types:
  - name: b
    json_schema: {const: {from_env: TOKEN}}
`;
  const { json, complaints } = declared(text, { URL: "https://a.test/?t=1", TOKEN: 'a"b' });
  assert.deepEqual(complaints, []);
  assert.deepEqual(JSON.parse(json), {
    event_types: [{ name: "b", json_schema: { const: { from_env: "TOKEN" } } }],
    endpoints: [
      {
        ...{ name: "a", url: "https://a.test/?t=1", subscriptions: [] },
        options: { headers: { authorization: 'a"b' } },
      },
    ],
  });
  assert.deepEqual(faultsOf(text, { URL: "https://a.test/" }), [
    "5:41 the variable TOKEN is not set; set it in the environment",
  ]);
  assert.match(
    faultsOf(text.replace("{from_env: URL}", "{from_env: 1}"), { TOKEN: "a" })[0] ?? "",
    /^4:21 from_env is/,
  );
});
