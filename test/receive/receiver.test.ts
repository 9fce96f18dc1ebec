import assert from "node:assert/strict";
import test from "node:test";
import {
  type Answer,
  createReceiver,
  type HeadersLike,
  type ReceivedEvent,
  type ReceivedRequest,
  ReceiveError,
  type ReceiverOptions,
} from "../../src/receive/receive.ts";
import {
  envelope,
  ID,
  item,
  NOW_SECONDS,
  notes,
  OTHER_SECRET,
  SECRET,
  setStore,
  signed,
  TIMESTAMP,
} from "./requests.ts";

type Options = ReceiverOptions<Readonly<Record<string, unknown>>, string>;

function receiverWith(options: Partial<Options> = {}) {
  const noted = notes();
  const receiver = createReceiver({
    secrets: [SECRET],
    store: setStore(),
    handlers: { "order.paid": noted.handle },
    log: noted.log,
    now: () => NOW_SECONDS * 1_000,
    ...options,
  });
  return { ...noted, ...receiver };
}

function withHeaders(request: ReceivedRequest, changes: Readonly<Record<string, string | string[] | undefined>>) {
  return { ...request, headers: { ...(request.headers as object), ...changes } as HeadersLike };
}

function reasonOf({ outcome }: Answer): string {
  return outcome.kind === "rejected" ? outcome.code : outcome.kind;
}

test("a signed event runs the handler of its type, which gets all that the event says", async () => {
  const { receive, events, outcomes } = receiverWith();
  const headers = { "postrider-attempt": "3", "postrider-ordering-key": "o%2042", traceparent: "00-a-b-01" };
  const answer = await receive(signed(envelope('{ "id": 12345678901234567890, "n": [1] }'), { headers }));

  assert.deepEqual([answer.status, answer.body], [200, "received\n"]);
  assert.deepEqual(
    { ...events[0] },
    {
      id: ID,
      type: "order.paid",
      timestamp: TIMESTAMP,
      data: { id: 12345678901234567000, n: [1] },
      dataText: '{ "id": 12345678901234567890, "n": [1] }',
      large: undefined,
      source: undefined,
      subject: undefined,
      attributes: {},
      isTypeSigned: true,
      orderingKey: "o 42",
      traceparent: "00-a-b-01",
      attempt: 3,
    },
  );
  const handled = { id: ID, type: "order.paid", result: "handled" };
  assert.deepEqual(outcomes, [{ kind: "received", webhookId: ID, events: [handled] }]);
});

test("the handler gets the transaction of the store", async () => {
  let given: unknown;
  const handlers = {
    "order.paid": (_: ReceivedEvent, context: { transaction: string }) => (given = context.transaction),
  };
  await receiverWith({ handlers }).receive(signed(envelope("1")));
  assert.equal(given, "a transaction");
});

test("a duplicate answers 200 and runs nothing", async () => {
  const { receive, events } = receiverWith();
  const answers = [await receive(signed(envelope("1"))), await receive(signed(envelope("1")))];
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    [
      [200, "received\n"],
      [200, "received\n"],
    ],
  );
  assert.equal(events.length, 1);
});

test("a handler that fails answers 500, with the error for the log alone, and the event may come again", async () => {
  const error = new Error("the table users is locked");
  let failing = true;
  const handlers = {
    "order.paid": async () => {
      if (failing) throw error;
    },
  };
  const { receive, outcomes } = receiverWith({ handlers });
  const failed = await receive(signed(envelope("1")));
  failing = false;
  const again = await receive(signed(envelope("1")));
  assert.deepEqual([failed.status, failed.body, again.status], [500, "failed\n", 200]);
  assert.deepEqual(outcomes[0], {
    kind: "failed",
    webhookId: ID,
    events: [{ id: ID, type: "order.paid", result: "failed", error }],
    error,
  });
});

test("a handler that takes too long is given up: its signal is aborted, 503 lets the event come again, and its end comes too late", async () => {
  const signals: AbortSignal[] = [];
  const ending = Promise.withResolvers<void>();
  const store = setStore();
  const handlers = {
    "order.paid": async (_: ReceivedEvent, { signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      if (signals.length === 1) await ending.promise;
    },
  };
  const { receive, outcomes } = receiverWith({ store, handlers, handlerTimeoutMs: 20 });
  const late = await receive(signed(envelope("1")));
  ending.resolve();
  await new Promise(setImmediate);
  assert.deepEqual([late.status, late.body, store.ids.size], [503, "failed\n", 0]);
  assert.deepEqual([(await receive(signed(envelope("1")))).status, store.ids.size], [200, 1]);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  );
  const [outcome] = outcomes;
  assert.ok(outcome?.kind === "failed" && outcome.error instanceof ReceiveError);
  assert.deepEqual([outcome.error.code, signals[0]?.reason], ["timed_out", outcome.error]);
});

test("the items of a batch are handled each for itself: one that fails keeps no other, and none runs twice", async () => {
  const seen: unknown[] = [];
  let failing = true;
  const handlers = {
    "order.paid": ({ data, dataText }: ReceivedEvent) => {
      if (data === 2 && failing) throw new Error("not now");
      seen.push(dataText);
    },
  };
  const { receive } = receiverWith({ handlers });
  const batch = signed(`[ ${item("1", "a")} ,${item("2", "b")},\n${item('"three, ]}"', "c")}]`, { id: "batch" });
  const failed = await receive(batch);
  assert.deepEqual(failed.outcome.kind === "failed" && failed.outcome.events.map(({ id, result }) => [id, result]), [
    ["a", "handled"],
    ["b", "failed"],
    ["c", "handled"],
  ]);
  failing = false;
  assert.deepEqual([failed.status, (await receive(batch)).status], [500, 200]);
  assert.deepEqual(seen, ["1", '"three, ]}"', "2"]);
});

test("an event without a handler is taken and not remembered, or refused, or given to the handler of the others", async () => {
  const store = setStore();
  const other = signed(envelope("1", "order.opened"));
  assert.equal((await receiverWith({ store }).receive(other)).status, 200);
  assert.equal(store.ids.size, 0);
  const refused = await receiverWith({ store, onUnknown: "refuse" }).receive(other);
  assert.deepEqual([refused.status, reasonOf(refused)], [422, "event_type_unknown"]);
  const { events, handle } = notes();
  assert.equal((await receiverWith({ store, onUnknown: handle }).receive(other)).status, 200);
  assert.deepEqual([events[0]?.type, store.ids.size], ["order.opened", 1]);
});

test("a type that every object has by birth is a type without a handler", async () => {
  for (const type of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    const { receive } = receiverWith({ onUnknown: "refuse" });
    assert.equal((await receive(signed(envelope("1", type)))).status, 422, type);
  }
});

test("what is not signed as it must be is refused, and the answer does not say why", async () => {
  const good = signed(envelope("1"));
  const signature = String((good.headers as Record<string, string>)["webhook-signature"]);
  const at = (timestamp: number) => signed(envelope("1"), { timestamp });
  const cases: readonly (readonly [expected: string, status: number, request: ReceivedRequest])[] = [
    ["id_missing", 400, withHeaders(good, { "webhook-id": undefined })],
    ["timestamp_missing", 400, withHeaders(good, { "webhook-timestamp": undefined })],
    ["signature_missing", 400, withHeaders(good, { "webhook-signature": "" })],
    ["id_malformed", 400, signed(envelope("1"), { id: "a.b" })],
    ["id_malformed", 400, withHeaders(good, { "webhook-id": [ID, ID] })],
    ["id_malformed", 400, signed(envelope("1"), { id: "x".repeat(257) })],
    ["timestamp_malformed", 400, withHeaders(good, { "webhook-timestamp": `${NOW_SECONDS}.0` })],
    ["timestamp_malformed", 400, withHeaders(good, { "webhook-timestamp": `${NOW_SECONDS}abc` })],
    ["timestamp_malformed", 400, withHeaders(good, { "webhook-timestamp": ` ${NOW_SECONDS}` })],
    ["timestamp_malformed", 400, at(NOW_SECONDS * 1_000)],
    ["timestamp_too_old", 401, at(NOW_SECONDS - 301)],
    ["timestamp_too_new", 401, at(NOW_SECONDS + 301)],
    ["signature_unknown", 401, withHeaders(good, { "webhook-signature": signature.replace("v1,", "v2,") })],
    ["signature_unknown", 401, withHeaders(good, { "webhook-signature": signature.replace("v1,", "V1,") })],
    ["signature_unknown", 401, withHeaders(good, { "webhook-signature": signature.slice(0, -1) })],
    ["signature_unknown", 401, withHeaders(good, { "webhook-signature": `v1,${signature}` })],
    ["signature_mismatch", 401, signed(envelope("1"), { secret: OTHER_SECRET })],
    ["signature_mismatch", 401, { ...good, body: envelope("2") }],
    ["signature_mismatch", 401, withHeaders(good, { "webhook-id": "another" })],
    ["signature_mismatch", 401, withHeaders(good, { "webhook-timestamp": String(NOW_SECONDS + 1) })],
    ["method_not_post", 405, { ...good, method: "GET" }],
  ];
  for (const [expected, status, request] of cases) {
    const { receive, events } = receiverWith();
    const answer = await receive(request);
    assert.deepEqual([reasonOf(answer), answer.status], [expected, status]);
    assert.equal(events.length, 0);
    assert.match(answer.body, /^(not a webhook|not verified|webhooks are sent by POST)\n$/);
  }
});

test("a signature by any of the secrets is good, among others and at the edge of the tolerance", async () => {
  const { receive } = receiverWith({ secrets: [OTHER_SECRET, SECRET] });
  const edge = signed(envelope("1"), { timestamp: NOW_SECONDS - 300 });
  const { "webhook-signature": signature } = edge.headers as Record<string, string>;
  const among = withHeaders(edge, { "webhook-signature": `v2,x v1a,eHg= v1, v1,AAAA ${signature} v1` });
  assert.equal((await receive(among)).status, 200);
  assert.equal((await receiverWith({ tolerance: 299 }).receive(edge)).status, 401);
});

test("headers may be a Headers, and names in any case; a body may be text", async () => {
  const request = signed(envelope('"é"'));
  const headers = request.headers as Record<string, string>;
  const shouted = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  for (const given of [new Headers(headers), shouted]) {
    const { receive, events } = receiverWith();
    assert.equal((await receive({ headers: given, body: envelope('"é"') })).status, 200);
    assert.equal(events[0]?.data, "é");
  }
});

test("a body that was parsed before is recognised, and said to the log", async () => {
  const { receive, outcomes } = receiverWith();
  const parsed = JSON.parse(envelope("1")) as unknown as string;
  const answer = await receive({ ...signed(envelope("1")), body: parsed });
  assert.equal(answer.status, 500);
  const [outcome] = outcomes;
  assert.ok(outcome?.kind === "failed" && outcome.error instanceof ReceiveError);
  assert.equal(outcome.error.code, "body_consumed");
  assert.match(outcome.error.message, /express\.json/);
});

test("a body that is larger than allowed is not looked at", async () => {
  const { receive } = receiverWith({ bodyBytesMax: 50 });
  const answer = await receive(signed(envelope(`"${"x".repeat(50)}"`)));
  assert.deepEqual([answer.status, reasonOf(answer)], [413, "body_too_large"]);
});

test("a signed body that is no envelope answers 422 with a reason that quotes nothing of it", async () => {
  const bodies = [
    ...["", "{", "\u{feff}{}", "null", '"text"', "[1]", "{}", '{"type":"a","timestamp":"t"}', "[[]]"],
    ...[envelope("1", ""), envelope("1", "x".repeat(256)), envelope("1", "a\u0000b"), `[${envelope("1")}]`],
    ...[
      `[${item("1", "")}]`,
      `[${item("1", "secret\n")}]`,
      '{"type":"secret","data":1}',
      Buffer.from([0x22, 0xff, 0x22]),
    ],
  ];
  for (const body of bodies) {
    const { receive, events } = receiverWith();
    const answer = await receive(signed(body));
    assert.deepEqual(
      [answer.status, reasonOf(answer), answer.body],
      [422, "malformed", "not understood\n"],
      String(body),
    );
    assert.doesNotMatch(JSON.stringify(answer.outcome), /secret/);
    assert.equal(events.length, 0);
  }
});

test("neither a broken store nor a broken log lets an exception escape", async () => {
  const store = {
    once: () => {
      throw new Error("no connection");
    },
  };
  const logs = [
    () => {
      throw new Error("disk full");
    },
    async () => {
      throw new Error("disk full");
    },
    () => new Promise(() => {}),
  ];
  for (const log of logs) {
    assert.equal((await receiverWith({ store, log }).receive(signed(envelope("1")))).status, 500);
  }
});

test("verify handles nothing", async () => {
  const { verify, events } = receiverWith();
  const verified = await verify(signed(`[${item("1", "a")},${item("2", "b")}]`, { id: "batch" }));
  assert.ok(verified.kind === "verified");
  assert.deepEqual([verified.webhookId, verified.timestampSeconds], ["batch", NOW_SECONDS]);
  assert.deepEqual(
    verified.events.map(({ id, data }) => [id, data]),
    [
      ["a", 1],
      ["b", 2],
    ],
  );
  assert.equal(events.length, 0);
});

test("wrong options are refused when the receiver is made, and never repeated", () => {
  const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ secrets: undefined }, /no key to verify with/],
    [{ secrets: [] }, /no key to verify with/],
    [{ secrets: SECRET }, /secrets: it is a string; give an array/],
    [{ secrets: [undefined] }, /secrets\[0\]: it is undefined/],
    [{ secrets: ["hunter2"] }, /secrets\[0\]: it does not start with whsec_/],
    [{ secrets: ["whsec_hunter2"] }, /not padded standard base64/],
    [{ secrets: [`${SECRET} `] }, /not padded standard base64/],
    [{ secrets: ["whsec_aHVudGVyMg=="] }, /has 7 bytes, not 24 to 64/],
    [{ secrets: ["whpk_hunter2"] }, /given as publicKeys/],
    [{ publicKeys: ["whsk_hunter2"] }, /is a private key/],
    [{ publicKeys: ["whpk_aHVudGVyMg=="] }, /base64 of 32 bytes/],
    [{ secret: SECRET }, /option secret: there is no option of that name; there are secrets/],
    [{ store: undefined }, /memoryInbox\(\)/],
    [{ handlers: undefined }, /a function for each type/],
    [{ handlers: { a: 1 } }, /handlers\["a"\]: it is a number/],
    [{ handlers: new Map([["a", () => {}]]) }, /plain object/],
    [{ handlers: [() => {}] }, /plain object/],
    [{ handlers: { "order.*": () => {} } }, /handlers\["order\.\*"\]: a handler is for one type/],
    [{ streamingHandlers: { "*": () => {} } }, /onUnknown for all others/],
    [{ payloads: { byteMax: 1 } }, /option byteMax: there is no option of that name; there are signal/],
    [{ payloads: 1 }, /payloads: it is no plain object/],
    [{ handlerTimeoutMs: 0 }, /whole number from 1/],
    [{ onUnknown: "ignore" }, /"accept", "refuse" or a handler/],
    [{ tolerance: -1 }, /whole number from 1/],
    [{ tolerance: Number.NaN }, /whole number/],
    [{ bodyBytesMax: 1.5 }, /whole number/],
    [{ formats: [] }, /give an array/],
    [{ formats: ["yaml"] }, /none of standard/],
    [{ formats: ["standard", "raw"] }, /no signature covers headers/],
    [{ log: true }, /log: it is a boolean/],
  ];
  for (const [options, expected] of wrong) {
    assert.throws(
      () => receiverWith(options as Partial<Options>),
      (thrown) =>
        thrown instanceof ReceiveError &&
        thrown.code === "bad_options" &&
        expected.test(thrown.message) &&
        !/hunter2|MfKQ/.test(thrown.message),
      JSON.stringify(options),
    );
  }
});

test("the console is told once of each type without a handler, and by none that stands for a command to it", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const { receive } = receiverWith({ log: undefined });
  for (const type of ["order.payed", "order.payed", "\u202eorder", "order.paid"]) {
    assert.equal((await receive(signed(envelope("1", type)))).status, 200);
  }
  assert.deepEqual(
    warn.mock.calls.map(({ arguments: [line] }) => /no handler for the type "(.*?)"/.exec(String(line))?.[1]),
    ["order.payed", "?order"],
  );
});

test("the console is told of a batch that failed without naming each of its events", async (t) => {
  const error = t.mock.method(console, "error", () => {});
  const failing = () => {
    throw new Error("not now");
  };
  const { receive } = receiverWith({ log: undefined, handlers: { "order.paid": failing } });
  const items = Array.from({ length: 7 }, (_, index) => item("1", `e${index}`));
  assert.equal((await receive(signed(`[${items.join(",")}]`, { id: "batch" }))).status, 500);
  assert.deepEqual(
    error.mock.calls.map(({ arguments: [line] }) => line),
    ["postrider/receive failed with event e0, event e1, event e2, event e3, event e4, 2 others:"],
  );
});
