/** Payloads of thin events, from a server that fails in every way, and from a daemon's listener. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type pg from "pg";
import { FetchError, type FetchErrorCode } from "../../src/receive/fetchError.ts";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { memoryInbox } from "../../src/receive/memoryInbox.ts";
import { fetchPayload, payloadBytes, payloadElements, payloadPages } from "../../src/receive/payload.ts";
import type { PayloadOf } from "../../src/receive/payloadShapes.ts";
import {
  type AnyEvents,
  createReceiver,
  type Receiver,
  type ReceiverOptions,
  type UnfetchedEvent,
} from "../../src/receive/receive.ts";
import { FaultProxy } from "../chaos/proxy.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { insertEvent, rowsOf } from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { startListener } from "../support/listener.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { envelope, ID, NOW_SECONDS, notes, SECRET, setStore, signed, TIMESTAMP } from "./requests.ts";
import { json, refuse, scriptedServer } from "./scriptedServer.ts";

const database = useDatabase();

const TEXT = `[ ${Array.from({ length: 2_000 }, (_, n) => `{"n": ${n}.10, "text": "é,]}\\"${n}"}`).join(" ,\n")} ]`;
const BYTES = Buffer.from(TEXT);
const ETAG = '"0198c0de-0000-7000-8000-000000000001"';

function thin(url: string, size: number | undefined = BYTES.length, isTypeSigned = true): PayloadOf {
  const large = { url, size, expires: "2099-01-01T00:00:00Z" };
  return { data: undefined, dataText: undefined, large, isTypeSigned };
}

function atHand(dataText: string): PayloadOf {
  return { data: JSON.parse(dataText), dataText, large: undefined, isTypeSigned: true };
}

function isFetchError(code: FetchErrorCode, message: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof FetchError, String(thrown));
    assert.deepEqual([thrown.code, message.test(thrown.message)], [code, true], thrown.message);
    return true;
  };
}

/** Serves the payload as the listener does, and breaks off after some bytes of the first answers. */
function serve(response: ServerResponse, range: string | undefined, breakAfter: number): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const headers = { etag: ETAG, "content-length": BYTES.length - from };
  if (range === undefined) {
    response.writeHead(200, headers);
  } else {
    response.writeHead(206, { ...headers, "content-range": `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` });
  }
  const bytes = BYTES.subarray(from, from + breakAfter);
  if (from + bytes.length < BYTES.length) {
    response.write(bytes, () => response.destroy());
  } else {
    response.end(bytes);
  }
}

describe("the whole payload", () => {
  test("goes on where a connection broke, and has each byte once", async (t) => {
    const server = await scriptedServer(t, (response, request, nth) => {
      if (nth === 2) {
        refuse(response, 503, "", { "retry-after": "0" });
      } else {
        serve(response, request.headers.range, nth < 4 ? 30_000 : BYTES.length);
      }
    });
    const problems: string[] = [];
    const whole = await fetchPayload(thin(`${server.url}/payloads/x`), {
      onRetry: ({ problem }) => problems.push(problem),
    });
    assert.equal(whole.dataText, TEXT);
    assert.deepEqual(whole.data, JSON.parse(TEXT));
    assert.equal(server.requests.length, 4);
    assert.ok(server.requests.slice(1).every(({ headers }) => headers["if-range"] === ETAG && headers.range));
    assert.equal(problems.length, 3);
    assert.equal(problems[1], "it was answered with 503");
  });

  test("is not put together of two different ones", async (t) => {
    const server = await scriptedServer(t, (response, _request, nth) => {
      // The second answer ignores the range, as one of another payload does.
      serve(response, undefined, nth === 1 ? 1_000 : BYTES.length);
    });
    await assert.rejects(fetchPayload(thin(server.url)), isFetchError("malformed", /does not begin at byte 1000/));
  });

  test("is refused before or while it is fetched if it is larger than allowed", async (t) => {
    const server = await scriptedServer(t, (response) => serve(response, undefined, BYTES.length));
    await assert.rejects(
      fetchPayload(thin(server.url), { bytesMax: 1_000 }),
      isFetchError("too_large", /use payloadPages/),
    );
    assert.equal(server.requests.length, 0);
    const unknown = thin(server.url, 0);
    await assert.rejects(fetchPayload(unknown, { bytesMax: 1_000 }), isFetchError("too_large", /more than 1000 bytes/));
  });

  test("is given up after some tries in a row without a byte", async (t) => {
    const server = await scriptedServer(t, (response) => response.destroy());
    const failing = fetchPayload(thin(`${server.url}/payloads/SECRET`), { triesMax: 2 });
    await assert.rejects(failing, (thrown: unknown) => {
      assert.ok(thrown instanceof FetchError);
      assert.equal(thrown.code, "unreachable");
      assert.doesNotMatch(thrown.message, /SECRET/);
      return true;
    });
    assert.equal(server.requests.length, 2);
  });

  for (const [status, code] of [
    [404, "gone"],
    [410, "gone"],
    [403, "refused"],
    [302, "refused"],
  ] as const) {
    test(`is not asked for again after ${status}`, async (t) => {
      const server = await scriptedServer(t, (response) => {
        refuse(response, status, "The URL has\u001b expired.", { location: "http://127.0.0.1:1/elsewhere" });
      });
      await assert.rejects(fetchPayload(thin(server.url)), isFetchError(code, /\(The URL has {2}expired\.\)/));
      assert.equal(server.requests.length, 1);
    });
  }

  test("ends with the signal, whether it is asked for, read or waited for", async (t) => {
    const stop = new AbortController();
    const server = await scriptedServer(t, (response) => {
      response.writeHead(200, { "content-length": 10 }).write("[", () => stop.abort());
    });
    await assert.rejects(fetchPayload(thin(server.url), { signal: stop.signal }), isFetchError("stopped", /aborted/));
    await assert.rejects(fetchPayload(thin(server.url), { signal: stop.signal }), isFetchError("stopped", /aborted/));
    assert.equal(server.requests.length, 1);
    const waiting = new AbortController();
    const failing = await scriptedServer(t, (response) => refuse(response, 503, "", { "retry-after": "300" }));
    const onRetry = () => waiting.abort();
    await assert.rejects(
      fetchPayload(thin(failing.url), { signal: waiting.signal, onRetry }),
      isFetchError("stopped", /aborted/),
    );
  });

  test("ends its request when its reader stops", async (t) => {
    const closed = Promise.withResolvers<void>();
    const server = await scriptedServer(t, (response) => {
      response.once("close", () => closed.resolve());
      response.writeHead(200).write("[");
    });
    for await (const bytes of payloadBytes(thin(server.url))) {
      assert.equal(Buffer.from(bytes).toString(), "[");
      break;
    }
    await closed.promise;
  });
});

describe("the URL", () => {
  test("is not asked if no signature covers it and no origin is trusted", async (t) => {
    const server = await scriptedServer(t, (response) => json(response, [1]));
    const unsigned = thin(server.url, undefined, false);
    await assert.rejects(fetchPayload(unsigned), isFetchError("bad_options", /no signature covers/));
    assert.equal(server.requests.length, 0);
    assert.deepEqual((await fetchPayload(unsigned, { origins: [`${server.url}/any/path`] })).data, [1]);
  });

  for (const url of ["ftp://h/x", "file:///etc/passwd", "x", "http://user:password@127.0.0.1/", "data:,1"]) {
    test(`is refused as ${url}`, async () => {
      await assert.rejects(fetchPayload(thin(url)), isFetchError("bad_options", /none of http or https/));
    });
  }

  test("is not asked at another origin than those given, signed or not", async () => {
    const options = { origins: ["https://events.example.com"] };
    const elsewhere = thin("https://events.example.com.evil.test/payloads/SECRET");
    await assert.rejects(
      fetchPayload(elsewhere, options),
      isFetchError("bad_options", /at https:\/\/events\.example\.com\.evil\.test,/),
    );
  });
});

describe("pages", () => {
  async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
    const all: Item[] = [];
    for await (const item of items) all.push(item);
    return all;
  }

  test("are fetched one by one, each again if its connection breaks", async (t) => {
    const server = await scriptedServer(t, (response, { url }, nth) => {
      if (nth === 2) {
        response.writeHead(200, { "content-length": 1_000 }).write('{"next":', () => response.destroy());
      } else {
        json(response, url?.includes("after=c1") ? { next: null, elements: [3] } : { next: "c1", elements: [1, 2] });
      }
    });
    const pages = await collect(payloadPages(thin(`${server.url}/p`), { limit: 2 }));
    assert.deepEqual(
      pages.map(({ elements, next }) => [elements.map(({ data }) => data), next]),
      [
        [[1, 2], "c1"],
        [[3], null],
      ],
    );
    assert.deepEqual(
      server.requests.map(({ url }) => url),
      ["/p?limit=2", "/p?limit=2&after=c1", "/p?limit=2&after=c1"],
    );
  });

  test("go on after a cursor that was kept", async (t) => {
    const server = await scriptedServer(t, (response) => json(response, { next: null, members: { a: 1.5 } }));
    const elements = await collect(payloadElements(thin(server.url), { after: "c 1" }));
    assert.deepEqual(elements, [{ name: "a", data: 1.5, dataText: "1.5" }]);
    assert.equal(server.requests[0]?.url, "/?limit=1000&after=c%201");
  });

  test("are not fetched before they are asked for", async (t) => {
    const server = await scriptedServer(t, (response) => json(response, { next: "c", elements: [] }));
    for await (const _ of payloadPages(thin(server.url))) break;
    assert.equal(server.requests.length, 1);
  });

  test("of a payload that came with its event are one, and nothing is fetched", async () => {
    const options = { fetch: () => assert.fail("it was fetched") };
    const text = '[1.10, {"a": 1}]';
    assert.deepEqual(await collect(payloadPages(atHand(text), options)), [
      {
        next: null,
        elements: [
          { name: undefined, data: 1.1, dataText: "1.10" },
          { name: undefined, data: { a: 1 }, dataText: '{"a": 1}' },
        ],
      },
    ]);
    const members = await collect(payloadElements(atHand('{"a":1,"a":2}'), options));
    assert.deepEqual(
      members.map(({ name, data }) => [name, data]),
      [
        ["a", 1],
        ["a", 2],
      ],
    );
    assert.deepEqual(await fetchPayload(atHand(text), options), { data: JSON.parse(text), dataText: text });
    assert.deepEqual((await collect(payloadBytes(atHand(text), options))).map(String), [
      String([...Buffer.from(text)]),
    ]);
    await assert.rejects(collect(payloadPages(atHand("1"), options)), isFetchError("refused", /use fetchPayload/));
    const after = collect(payloadPages(atHand(text), { ...options, after: "c" }));
    await assert.rejects(after, isFetchError("bad_options", /begin at its start/));
  });

  test("that are none are refused", async (t) => {
    for (const body of [[], {}, { next: 1, elements: [] }, { next: null }, { next: "", elements: [] }]) {
      const server = await scriptedServer(t, (response) => json(response, body));
      await assert.rejects(collect(payloadPages(thin(server.url))), isFetchError("malformed", /the page has/));
    }
    const server = await scriptedServer(t, (response) => void response.writeHead(200).end(Buffer.from([0xff])));
    await assert.rejects(collect(payloadPages(thin(server.url))), isFetchError("malformed", /not UTF-8/));
    for (const limit of [0, 10_001, 1.5]) {
      await assert.rejects(collect(payloadPages(thin(server.url), { limit })), isFetchError("bad_options", /limit is/));
    }
  });
});

describe("handlers", () => {
  async function received(t: TestContext, changes: Partial<ReceiverOptions<AnyEvents, string>> = {}) {
    const server = await scriptedServer(t, (response) => json(response, { n: 1.5 }));
    const noted = notes();
    const receiver = createReceiver({
      ...{ secrets: [SECRET], store: setStore(), log: noted.log, now: () => NOW_SECONDS * 1_000 },
      handlers: { "order.paid": noted.handle },
      ...changes,
    });
    const thinBody = (type: string) =>
      envelope("0", type).replace(
        '"data":0',
        `"id":"${ID}","dataref":{"url":"${server.url}","expires":"${TIMESTAMP}"}`,
      );
    const receive = (type = "order.paid") => receiver.receive(signed(thinBody(type)));
    return { ...noted, ...server, receive };
  }

  test("get the whole payload, fetched before they run", async (t) => {
    const { receive, events, requests } = await received(t);
    assert.equal((await receive()).status, 200);
    const [event] = events;
    assert.deepEqual([event?.id, event?.data, event?.dataText], [ID, { n: 1.5 }, '{"n":1.5}']);
    assert.equal((await receive()).status, 200);
    // A store that cannot say whether it has handled the event before lets its payload be fetched again.
    assert.deepEqual([events.length, requests.length], [1, 2]);
  });

  test("do not run for a duplicate, whose payload is not fetched either", async (t) => {
    const { receive, outcomes, requests } = await received(t, { store: memoryInbox({ warn: () => {} }) as never });
    assert.equal((await receive()).status, 200);
    assert.equal((await receive()).status, 200);
    assert.deepEqual(
      [
        outcomes.flatMap((each) => (each.kind === "received" ? each.events.map(({ result }) => result) : [])),
        requests.length,
      ],
      [["handled", "duplicate"], 1],
    );
  });

  test("get a payload that was fetched once, also if its event comes several times at once", async (t) => {
    const { receive, events, requests } = await received(t, { store: memoryInbox({ warn: () => {} }) as never });
    const answers = await Promise.all([receive(), receive(), receive()]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.deepEqual([events.length, requests.length], [1, 1]);
  });

  test("that stream get the event as it came, and fetch it themselves", async (t) => {
    const seen: unknown[] = [];
    const streamingHandlers = {
      "order.exported": async (event: UnfetchedEvent) => {
        seen.push(event.data, (await fetchPayload(event)).data);
      },
    };
    const { receive, requests } = await received(t, { streamingHandlers });
    assert.equal((await receive("order.exported")).status, 200);
    assert.deepEqual([seen, requests.length], [[undefined, { n: 1.5 }], 1]);
  });

  test("do not run if it cannot be fetched, and the event comes again", async (t) => {
    const { receive, events, outcomes } = await received(t, { payloads: { bytesMax: 3 } });
    assert.equal((await receive()).status, 500);
    assert.equal(events.length, 0);
    const [outcome] = outcomes;
    assert.ok(outcome?.kind === "failed" && outcome.error instanceof FetchError);
    assert.equal(outcome.error.code, "too_large");
  });

  test("of the guide store each element of a payload, in the transaction that remembers its event", async (t) => {
    const program = guideBlock("src/receive/payloads.md", "Large payloads in the kit", "ts");
    const directory = mkdtempSync(join(import.meta.dirname, "guide-"));
    t.after(() => rmSync(directory, { recursive: true }));
    writeFileSync(
      join(directory, "program.ts"),
      program.replace('"postrider/receive"', '"../../../src/receive/receive.ts"'),
    );
    await database.pool.query(`${inboxSql()}; create table product (id bigint primary key, name text)`);
    Object.assign(process.env, { SECRET, DATABASE_URL: database.url });
    const { receiver, pool } = (await import(join(directory, "program.ts"))) as { receiver: Receiver; pool: pg.Pool };
    t.after(() => pool.end());
    const server = await scriptedServer(t, (response, { url }) => {
      const isFirst = !url?.includes("after=");
      json(
        response,
        isFirst ? { next: "c", elements: [{ id: 1, name: "a" }] } : { next: null, elements: [{ id: 2, name: "b" }] },
      );
    });
    const ref = `"id":"${ID}","dataref":{"url":"${server.url}","expires":"${TIMESTAMP}"}`;
    const body = envelope("0", "catalogue.exported").replace('"data":0', ref);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    for (let nth = 1; nth <= 2; nth += 1) {
      assert.equal((await receiver.receive(signed(body, { timestamp: nowSeconds }))).status, 200);
    }
    const products = await rowsOf(database.pool, "select id::int, name from product order by id");
    assert.deepEqual(products, [
      { id: 1, name: "a" },
      { id: 2, name: "b" },
    ]);
    assert.equal(server.requests.length, 2);
  });

  test("of one type are one: either gets the whole payload or streams", () => {
    const both = { a: () => {} };
    assert.throws(
      () => createReceiver({ secrets: [SECRET], store: setStore(), handlers: both, streamingHandlers: both }),
      /option streamingHandlers: "a" is in handlers, too; leave out one of them/,
    );
  });
});

describe("of a daemon", () => {
  /** The URL of a payload, as its receiver got it, but through a proxy that can cut it off. */
  async function thinEvent(t: TestContext, payload: string): Promise<{ event: PayloadOf; proxy: FaultProxy }> {
    const listener = await startListener(t, { databaseUrl: database.url, sliceBytes: 50_000 });
    const proxy = await FaultProxy.start(() => listener.port);
    t.after(() => proxy.close());
    const receiver = await ScriptedReceiver.start();
    t.after(() => receiver.stop());
    const { daemon } = await startDaemon(database.url, { publicUrl: `http://127.0.0.1:${proxy.port}` });
    t.after(() => daemon.stop());
    await rowsOf(database.pool, `select * from postrider.create_endpoint($1, options => '{"inline_limit": 1000}')`, [
      receiver.url("/hooks"),
    ]);
    await insertEvent(database.pool, "thin.event", { payload });
    await receiver.got("/hooks", 1);
    const { dataref } = JSON.parse(String(receiver.requests("/hooks")[0]?.body));
    return { event: thin(dataref.url, dataref.size), proxy };
  }

  test("bytes and pages come through cut connections as they were written", async (t) => {
    const { event, proxy } = await thinEvent(t, TEXT);
    assert.equal(event.large?.size, BYTES.length);
    proxy.set({ kind: "cut_after", direction: "down", bytes: 20_000 });
    let cuts = 0;
    const onRetry = () => {
      cuts += 1;
      if (cuts === 2) proxy.set({ kind: "pass" });
    };
    assert.equal((await fetchPayload(event, { onRetry })).dataText, TEXT);
    assert.equal(cuts, 2);
    const texts: string[] = [];
    for await (const { elements } of payloadPages(event, { limit: 300 })) {
      texts.push(...elements.map(({ dataText }) => dataText));
    }
    assert.equal(`[ ${texts.join(" ,\n")} ]`, TEXT);
  });

  test("what is neither an array nor an object has no pages, and says so", async (t) => {
    const { event } = await thinEvent(t, JSON.stringify("x".repeat(2_000)));
    await assert.rejects(payloadPages(event).next(), isFetchError("refused", /neither an array nor an object/));
  });
});
