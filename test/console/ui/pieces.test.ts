/** What the dashboard and the portal compute, apart from the browser that shows it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SaxesParser } from "saxes";
import { isSignedBy } from "../../../src/console/portal/ui/signature.ts";
import { attemptBars, causesOf, delayBars, requestBars } from "../../../src/console/ui/chartBars.ts";
import { fieldNamed, fieldOf, settingOf, timeText, valuesOf } from "../../../src/console/ui/fields.ts";
import { makeAxis } from "../../../src/console/ui/journeyAxis.ts";
import { journeySvg } from "../../../src/console/ui/journeySvg.ts";
import { parseRows } from "../../../src/console/ui/parseRows.ts";
import { pretty } from "../../../src/console/ui/pretty.ts";
import {
  ATTEMPT_FIELDS,
  completions,
  EVENT_FIELDS,
  parseSearch,
  without,
  withWord,
} from "../../../src/console/ui/search.ts";
import { sqlOf } from "../../../src/console/ui/sqlText.ts";
import { uuidTime } from "../../../src/console/ui/uuid.ts";
import { makePrivateKey, parsePrivateKey, publicKeyOf } from "../../../src/format/ed25519.ts";
import { parseSecret, signMixed } from "../../../src/format/sign.ts";

test("a search has fields, and a filter that ends it", () => {
  const cases = [
    ["", {}, null],
    ["order.paid", { event_type: "order.paid" }, null],
    [
      "  type:order.*   tenant:acme state:exhausted,discarded ",
      { event_type: "order.*", tenant: "acme", state: "exhausted,discarded" },
      null,
    ],
    ['type:a $.amount > 100 && $.x == "a b"', { event_type: "a" }, '$.amount > 100 && $.x == "a b"'],
    ["($.a == 1)", {}, "($.a == 1)"],
    ["until:2026-11-30T10:00:00Z", { until: "2026-11-30T10:00:00Z" }, null],
    ["type:", {}, null],
    ["attempts:>1", { attempts_min: "2" }, null],
    ["attempts:>=3 endpoint:crm-eu", { attempts_min: "3", endpoint: "crm-eu" }, null],
    ['key:"a b" tenant:""', { key: "a b" }, null],
  ] as const;
  for (const [text, values, filter] of cases) {
    const search = parseSearch(text, EVENT_FIELDS);
    assert.deepEqual([search.values, search.filter, search.mistakes], [values, filter, []], text);
  }
  for (const [text, mistake] of [
    ["stat:exhausted", /“stat:” is not known; there are type:, state:/],
    ["state:ex", /“ex” cannot be understood as state:/],
    ["attempts:many", /“many” cannot be understood as attempts:/],
    ["since:yesteryear", /“yesteryear” cannot be understood as since:/],
  ] as const) {
    assert.match(parseSearch(text, EVENT_FIELDS).mistakes[0] ?? "", mistake);
  }
  const age = Date.now() - Date.parse(parseSearch("since:2h", EVENT_FIELDS).values.since ?? "");
  assert.ok(age >= 7_200_000 && age < 7_200_000 + 120_000);
  assert.deepEqual(parseSearch("status:503 crm", ATTEMPT_FIELDS).values, { http_status: "503", endpoint: "crm" });
});

test("a search is changed word by word, and keeps its filter", () => {
  const search = parseSearch('type:a key:"x y" since:1h $.b > 1', EVENT_FIELDS);
  assert.equal(without(search, 'key:"x y"'), "type:a since:1h $.b > 1");
  assert.equal(without(search, "$.b > 1"), 'type:a key:"x y" since:1h');
  assert.equal(withWord(search, "since", "30d"), 'type:a key:"x y" since:30d $.b > 1');
});

test("fields are completed, and values that are known or were seen", () => {
  const known = { type: ["order.paid", "order.lost", "a b"], endpoint: ["crm-eu"] };
  for (const [text, offered] of [
    ["st", ["state:"]],
    ["type:order.p", ["type:order.paid"]],
    ["type:x state:", ["pending", "succeeded", "exhausted", "discarded"].map((state) => `type:x state:${state}`)],
    ["endpoint:CRM", ["endpoint:crm-eu"]],
    ["attempts:", ["attempts:>1"]],
    ["nothing:", []],
    ["type:order $.st", []],
  ] as const) {
    assert.deepEqual(completions(text, EVENT_FIELDS, known), offered, text);
  }
});

test("JSON is shown with a line for each member, and each of its characters as it was, in order", () => {
  const text = '{"n":1.10,"big":12345678901234567890,"n":[],"a":[true,{"b":"\\u0041 \\"q\\""}],"e":{}}';
  const shown = pretty(text)
    .map((token) => token.text)
    .join("");
  assert.equal(
    shown,
    '{\n  "n": 1.10,\n  "big": 12345678901234567890,\n  "n": [],\n  "a": [\n    true,\n    {\n      "b": "\\u0041 \\"q\\""\n    }\n  ],\n  "e": {}\n}',
  );
  assert.deepEqual(
    pretty(text)
      .filter(({ kind }) => kind !== "sign")
      .map(({ kind }) => kind)
      .slice(0, 4),
    ["key", "number", "key", "number"],
  );
  const withoutBlanks = (value: string) => value.replaceAll(/\s/g, "");
  fc.assert(
    fc.property(fc.json(), fc.nat(), (json, end) => {
      // Also where it was cut off.
      const part = json.slice(0, end % (json.length + 1));
      assert.equal(
        withoutBlanks(
          pretty(part)
            .map((token) => token.text)
            .join(""),
        ),
        withoutBlanks(part),
      );
    }),
  );
});

test("members of an answer that are JSON of somebody else stay the text that they were", () => {
  const before = '{"n": 12345678901234567890.10, "after": [1.0, "]\\"}"], "2": 1, "1": 2}';
  const answer = `{"data":[{"id":"\\"after\\": 1","at" : 1.50,"before":${before},"after" : -1.0e400 }, {"before":"a b","after":null}],"next":null}`;
  assert.deepEqual(parseRows(answer, ["before", "after"]), {
    data: [
      { id: '"after": 1', at: 1.5, before, after: "-1.0e400" },
      { before: '"a b"', after: null },
    ],
    next: null,
  });
  assert.deepEqual(parseRows('{"before": {"a": 1}}', []), { before: { a: 1 } });
  fc.assert(
    fc.property(fc.json(), fc.jsonValue(), (text, other) => {
      const row = `{"other":${JSON.stringify(JSON.stringify(other))},"mine":${text},"last":true}`;
      const mine = text.trim() === "null" ? null : text.trim();
      assert.deepEqual(parseRows(row, ["mine"]), { other: JSON.stringify(other), mine, last: true });
    }),
  );
});

test("deep nesting does not make blanks without end", () => {
  const deep = "[".repeat(100_000);
  assert.ok(pretty(deep).reduce((chars, { text }) => chars + text.length, 0) < 100 * deep.length);
});

test("values are written into the SQL as literals that cannot end early", () => {
  const operation = {
    ...({ name: "f", method: "POST", path: "/x", scope: "operate" } as const),
    takes: { id: "path", reason: "body", on: "body", limit: "limit", list: "body" },
  };
  const statement = "select f($1::uuid, $2, $3, $4, $5) where x @@ '$.a'";
  const values = { id: "0", reason: "it's \\ '; drop table x; --", on: true, list: ['a"b', "c\\d"] };
  assert.equal(
    sqlOf({ operation, values }, statement),
    `select f('0'::uuid, E'it''s \\\\ ''; drop table x; --', true, 50, E'{"a\\\\"b","c\\\\\\\\d"}') where x @@ '$.a';`,
  );
  assert.equal(sqlOf({ operation, values: {} }, "select $2"), "select null;");
});

test("the SQL of a later page begins behind the cursor", () => {
  const first = { name: "f", method: "GET", path: "/x", scope: "read" } as const;
  const takes = { type: "query", limit: "limit", after_started_at: "cursor", after_id: "cursor" };
  const sqlAfter = (after: string | null) =>
    sqlOf({ operation: { ...first, takes }, values: { type: "a", after } }, "select $1, $2, $3, $4");
  const id = "019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90";
  assert.equal(
    sqlAfter(`2026-11-30T10:00:00.123456Z.${id}`),
    `select 'a', 50, '2026-11-30T10:00:00.123456Z', '${id}';`,
  );
  assert.equal(sqlAfter(null), "select 'a', 50, null, null;");
  const named = { ...first, takes: { limit: "limit", after_name: "cursor" } };
  assert.equal(
    sqlOf({ operation: named, values: { after: "order.it's" } }, "select $1, $2"),
    "select 50, 'order.it''s';",
  );
});

test("the axis of a journey keeps the order of moments, fills its width, and folds only idle stretches", () => {
  const axis = makeAxis(
    [0, 3, 44, 5_044, 20_044, 320_044],
    [
      { fromMs: 3, toMs: 44 },
      { fromMs: 5_044, toMs: 20_044 },
    ],
  );
  assert.deepEqual(
    axis.gaps.map(({ isFolded }) => isFolded),
    [false, false, true, false, true],
  );
  assert.deepEqual([axis.at(-5), axis.at(0), axis.at(320_044), axis.at(400_000)], [0, 0, 1, 1]);
  fc.assert(
    fc.property(fc.array(fc.nat(1e9), { minLength: 2 }), (moments) => {
      const places = moments.toSorted((one, other) => one - other).map(makeAxis(moments, []).at);
      assert.deepEqual(
        places,
        places.toSorted((one, other) => one - other),
      );
      assert.ok(places.every((place) => place >= 0 && place <= 1 + 1e-9));
    }),
  );
  assert.equal(makeAxis([7], []).at(7), 0);
});

test("an id of version 7 tells its time, and no other does", () => {
  assert.equal(uuidTime("019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90"), new Date(0x019a5c0e7c1b).toISOString());
  for (const id of ["", "019a5c0e-7c1b-4f3c-9d2e-5b1f6a7c8d90", "x"]) assert.equal(uuidTime(id), null);
});

test("the picture of a journey is XML, whatever receivers and people wrote", () => {
  const hostile = `<script>alert(1)</script>&"'\u0000\u202e]]>${"x".repeat(100_000)}\ud800`;
  const picture = journeySvg({
    ...{ title: hostile, insertedAt: "2026-11-30T10:00:00Z", nowMs: Date.parse("2026-11-30T10:10:00Z") },
    ...{ timeText: (iso) => iso, durationText: (ms) => `${ms} ms` },
    lanes: [
      {
        ...{ head: hostile, why: hostile, nextAt: "2026-11-30T10:20:00Z" },
        attempts: [{ started_at: "2026-11-30T10:00:01Z", duration_ms: 40, hasFailed: true, answer: "503" }],
        marks: [{ atMs: Date.parse("2026-11-30T10:05:00Z"), text: "redeliver, ops1" }],
      },
    ],
  });
  const elements: string[] = [];
  const texts: string[] = [];
  const parser = new SaxesParser();
  parser.on("opentag", ({ name }) => void elements.push(name));
  parser.on("text", (text) => void texts.push(text));
  parser.write(picture).close();
  assert.deepEqual([...new Set(elements)].toSorted(), ["circle", "line", "rect", "svg", "text"]);
  for (const text of ["503", "redeliver, ops1", "now"]) assert.ok(texts.includes(text), text);
  assert.ok(texts.some((text) => text.startsWith("<script>alert(1)</script>&")));
  assert.ok(picture.length < 10_000);
});

const chartBar = (first: number | null, failures: Readonly<Record<string, number>> | null = null) => ({
  ...{ at: "2026-11-30T10:00:00Z", succeeded_first: first, succeeded_later: first === null ? null : 0, failures },
  failed: first === null ? null : Object.values(failures ?? {}).reduce((sum, count) => sum + count, 0),
});

test("a chart stacks what happened below its top, and a bar in which no daemon lived is not an empty one", () => {
  const rows = [chartBar(6, { 503: 2 }), chartBar(0), chartBar(null)];
  const bars = attemptBars(
    rows,
    () => "10:00",
    (_, isFailed) => (isFailed ? "#/attempts" : "#/events"),
  );
  assert.deepEqual(
    bars.map(({ text, href, parts }) => [text, href, parts]),
    [
      [
        "10:00: 6 at first, 0 later, 2 failed",
        "#/attempts",
        [
          { tone: "first", from: 0, to: 0.75 },
          { tone: "failed", from: 0.75, to: 1 },
        ],
      ],
      ["10:00: 0 at first, 0 later, 0 failed", "#/events", []],
      ["10:00: no daemon lived, or it is not over", "#/events", [{ tone: "gap", from: 0, to: 1 }]],
    ],
  );
  assert.deepEqual(causesOf([chartBar(1, { 503: 2, dns: 1 }), chartBar(null), chartBar(0, { dns: 4 })]), [
    ["dns", 5],
    ["503", 2],
  ]);
});

test("whatever was counted, each part of a chart is within it", () => {
  const ms = fc.option(fc.double({ min: 0, max: 259_200_000, noNaN: true }));
  const counts = fc.option(fc.array(fc.nat(), { maxLength: 17 }));
  const row = fc
    .record({ request_ms: counts, p50: ms, times: fc.double({ min: 1, max: 100, noNaN: true }) })
    .map(({ request_ms, p50, times }) => ({
      ...{ at: "2026-11-30T10:00:00Z", request_ms, delay_ms: request_ms, request_p50_ms: p50, request_p95_ms: p50 },
      ...{ request_p50_within_ms: 10, request_p95_within_ms: 10, delay_p50_ms: p50, delay_p50_within_ms: 10 },
      ...{ delay_p99_ms: p50 === null ? null : Math.min(p50 * times, 259_200_000), delay_p99_within_ms: 10 },
    }));
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      for (const make of [delayBars, requestBars]) {
        for (const { parts } of make(
          rows,
          () => "",
          () => "#",
        )) {
          for (const { from, to, opacity = 1 } of parts) {
            assert.ok(from >= 0 && from <= to && to <= 1 && opacity >= 0 && opacity <= 1, `${from} ${to} ${opacity}`);
          }
        }
      }
    }),
  );
});

test("a form says what was written into it, as the types of its fields have it", () => {
  const typed = {
    ...{ "text?": "  it's ", "text[]": " order.*,, cart.filled ", boolean: "true", jsonb: ' {"a": [1, 2] } ' },
    ...{ "interval?": "5 min", "timestamp with time zone": "2026-11-30T10:00:00", uuid: "  " },
  };
  const fields = Object.keys(typed).map((type) => fieldOf({ name: type }, type));
  assert.deepEqual(valuesOf(fields, typed, "UTC"), {
    ...{ "text?": "it's", "text[]": ["order.*", "cart.filled"], boolean: true, jsonb: '{"a": [1, 2] }' },
    ...{ "interval?": "5 min", "timestamp with time zone": "2026-11-30T10:00:00.000Z", uuid: undefined },
  });
  const kept = fieldOf({ name: "events" }, "json", [false, "An `event`."]);
  assert.deepEqual(valuesOf([kept], { events: ' {"n": 12345678901234567890} ' }, "UTC"), {
    events: '{"n": 12345678901234567890}',
  });
  assert.deepEqual([kept.isRequired, kept.sentence], [true, "An event."]);
  const local = fieldOf({ name: "at" }, "timestamp with time zone");
  const atMs = Date.parse("2026-11-30T10:00:00Z");
  assert.deepEqual(valuesOf([local], { at: timeText(atMs, "local") }, "local"), { at: "2026-11-30T10:00:00.000Z" });
});

test("a setting becomes JSON by its type: numbers with their digits, and null for an empty field", () => {
  const cases = [
    ["integer", "700", "700"],
    ["numeric?", "2.50", "2.50"],
    ["integer", "many", '"many"'],
    ["integer?", " ", "null"],
    ["text?", "12", '"12"'],
    ["interval?", "5 days", '"5 days"'],
    ["interval[]", "5 s, 1 min", '["5 s","1 min"]'],
    ["text[]", "", "[]"],
    ["text[]?", "", "null"],
    ["boolean", "false", "false"],
    ["jsonb?", '{"a": "it\'s", "n": 12345678901234567890 }', '{"a": "it\'s", "n": 12345678901234567890 }'],
    ["jsonb", "{no", '"{no"'],
  ] as const;
  for (const [type, text, json] of cases) {
    assert.equal(settingOf(type, text), json, `${type} ${text}`);
  }
});

test("a refusal is about the field that it names first", () => {
  const fields = ["name", "url", "event_types", "filter"].map((name) => fieldOf({ name }));
  const cases = [
    ['value for domain postrider.endpoint_url violates check constraint "url is http or https"', "url"],
    ['violates unique constraint "name is unique within its tenant"', "name"],
    ['constraint "event_type is exact, a prefix such as order.*, or *"', "event_types"],
    ["there is no event type 'x y'", "event_types"],
    ["the filter '$.a' is not a predicate", "filter"],
    ["a key cannot expire", null],
  ] as const;
  for (const [said, name] of cases) {
    assert.equal(fieldNamed(fields, said), name, said);
  }
});

test("a signature is checked by a secret or a public key, over each byte of the request", async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const privateKey = makePrivateKey();
  const [hmac, ed25519] = [parseSecret(secret), parsePrivateKey(privateKey)];
  assert.ok(hmac.kind === "key" && ed25519.kind === "key");
  const body = '{"text": "é€😀", "n": 1.10}';
  const keys = { hmac: [hmac.key], ed25519: [ed25519.key] };
  const request = { id: "msg_1", timestamp: "1764500000", body, signature: "" };
  const signed = { ...request, signature: signMixed(keys, request.id, Number(request.timestamp), body) };
  const [v1 = "", v1a = ""] = signed.signature.split(" ");
  for (const key of [secret, publicKeyOf(privateKey)]) {
    assert.equal(await isSignedBy(key, signed), true);
    for (const other of [
      { id: "msg_2" },
      { timestamp: "1764500001" },
      { body: `${body} ` },
      { signature: "v2,AAAA" },
    ]) {
      assert.equal(await isSignedBy(key, { ...signed, ...other }), false, JSON.stringify(other));
    }
    assert.equal(await isSignedBy(key, { ...signed, signature: key === secret ? v1a : v1 }), false);
    await assert.rejects(isSignedBy(key, { ...signed, signature: "v1,é v1a,é" }), /not base64/);
  }
  await assert.rejects(isSignedBy(privateKey, signed), /begins with whsec_/);
});
