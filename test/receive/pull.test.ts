/** Pages of pull endpoints, from a server that says what a test wants. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { makePrivateKey, parsePrivateKey, publicJwk, publicKeyOf } from "../../src/format/ed25519.ts";
import { parseSecret, signMixed, signV1 } from "../../src/format/sign.ts";
import { FetchError, type FetchErrorCode } from "../../src/receive/fetchError.ts";
import { pull, pullEvents, pullPages } from "../../src/receive/pull.ts";
import type { PullOptions } from "../../src/receive/pullOptions.ts";
import { OTHER_SECRET, SECRET, setStore } from "./requests.ts";
import { type Answering, json, refuse, scriptedServer } from "./scriptedServer.ts";

function item(n: number): string {
  return `{"id":"event-${n}","type":"order.paid","timestamp":"2026-11-24T09:00:00.123456Z","data":{"n": ${n}.10}}`;
}

function page(numbers: readonly number[], next: string, rest = '"has_more":false'): string {
  return `{"data":[${numbers.map(item).join(",")}],"next":"${next}",${rest}}`;
}

function signed(response: ServerResponse, body: string, key = SECRET): void {
  const seconds = Math.floor(Date.now() / 1_000);
  response
    .writeHead(200, {
      "content-type": "application/json",
      "webhook-id": "page_1",
      "webhook-timestamp": seconds,
      "webhook-signature": signatureOf(key, seconds, body),
    })
    .end(body);
}

function signatureOf(key: string, seconds: number, body: string): string {
  const isPrivateKey = key.startsWith("whsk_");
  const parsed = isPrivateKey ? parsePrivateKey(key) : parseSecret(key);
  assert.ok(parsed.kind === "key");
  return "hmacKey" in parsed.key
    ? signV1([parsed.key], "page_1", seconds, body)
    : signMixed({ hmac: [], ed25519: [parsed.key] }, "page_1", seconds, body);
}

async function pulling(t: TestContext, answer: Answering, changes: Partial<PullOptions> = {}) {
  const server = await scriptedServer(t, answer);
  const options: PullOptions = {
    url: `${server.url}/v1/endpoints/e/events`,
    token: "token-1",
    secrets: [SECRET],
    waitSeconds: 0,
    ...changes,
  };
  const asked = () => server.requests.map(({ url }) => /[&]after=(.*)$/.exec(url ?? "")?.[1] ?? "");
  return { options, asked, requests: server.requests };
}

function isFetchError(code: FetchErrorCode, message: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof FetchError, String(thrown));
    assert.deepEqual([thrown.code, message.test(thrown.message)], [code, true], thrown.message);
    return true;
  };
}

const ENDLESS: Answering = (response, _request, nth) => signed(response, page([nth], `c${nth}`));

describe("pages", () => {
  test("come one after the other, each asked for, and so acknowledged, when the one before is done", async (t) => {
    const { options, asked, requests } = await pulling(t, ENDLESS, { limit: 7 });
    const seen: unknown[] = [];
    for await (const { events, next } of pullPages(options)) {
      assert.equal(requests.length, seen.length + 1);
      seen.push([events.map(({ id, type, data, dataText }) => [id, type, data, dataText]), next]);
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, [
      [[["event-1", "order.paid", { n: 1.1 }, '{"n": 1.10}']], "c1"],
      [[["event-2", "order.paid", { n: 2.1 }, '{"n": 2.10}']], "c2"],
    ]);
    assert.deepEqual(asked(), ["", "c1"]);
    assert.equal(requests[0]?.headers.authorization, "Bearer token-1");
    assert.equal(requests[0]?.url, "/v1/endpoints/e/events?limit=7&wait=0");
  });

  test("without events are passed over, and their cursor counts", async (t) => {
    const { options, asked } = await pulling(t, (response, _request, nth) => {
      signed(response, nth < 3 ? page([], `c${nth}`, '"has_more":false,"paused":true') : page([3], "c3"));
    });
    for await (const { next } of pullPages(options)) {
      assert.equal(next, "c3");
      break;
    }
    assert.deepEqual(asked(), ["", "c1", "c2"]);
  });

  test("begin behind the cursor that is given", async (t) => {
    const { options, asked } = await pulling(t, ENDLESS, { after: "kept" });
    for await (const _ of pullPages(options)) break;
    assert.deepEqual(asked(), ["kept"]);
  });

  test("are asked for again after what passes, no sooner than the server says", async (t) => {
    const { options, asked } = await pulling(t, (response, _request, nth) => {
      switch (nth) {
        case 1:
          return void response.destroy();
        case 2:
          return refuse(response, 503, "", { "retry-after": "1" });
        case 3:
          return void response.writeHead(200, { "content-length": 100 }).write("{", () => response.destroy());
        default:
          return signed(response, page([1], "c1"));
      }
    });
    const waits: number[] = [];
    for await (const _ of pullPages({ ...options, onRetry: ({ waitMs }) => waits.push(waitMs) })) break;
    assert.deepEqual(asked(), ["", "", "", ""]);
    assert.equal(waits.length, 3);
    assert.ok((waits[1] ?? 0) >= 1_000, String(waits));
  });

  test("are asked for again if the keys that verify them cannot be fetched now", async (t) => {
    const key = makePrivateKey();
    const keys = await scriptedServer(t, (response, _request, nth) =>
      nth === 1 ? refuse(response, 503, "") : json(response, { keys: [publicJwk(publicKeyOf(key))] }),
    );
    let aheadMs = 0;
    const { options, asked } = await pulling(t, (response) => signed(response, page([1], "c1"), key), {
      ...{ secrets: [], jwksUrl: `${keys.url}/jwks.json`, now: () => Date.now() + aheadMs },
      // Keys are not asked for again at once.
      onRetry: () => {
        aheadMs = 10_000;
      },
    });
    for await (const { next } of pullPages(options)) {
      assert.equal(next, "c1");
      break;
    }
    assert.deepEqual([asked(), keys.requests.length], [["", ""], 2]);
  });

  test("with a token that changes are asked for with the present one", async (t) => {
    let count = 0;
    const { options, requests } = await pulling(t, ENDLESS, { token: async () => `token-${++count}` });
    let pages = 0;
    for await (const _ of pullPages(options)) if (++pages === 2) break;
    assert.deepEqual(
      requests.map(({ headers }) => headers.authorization),
      ["Bearer token-1", "Bearer token-2"],
    );
  });
});

describe("what a person must mend", () => {
  for (const [status, remedy] of [
    [400, /give the cursor of this endpoint/],
    [401, /a token of create_pull_token/],
    [403, /have the endpoint enabled/],
    [302, /see what answers at the URL/],
  ] as const) {
    test(`is ${status}, which is not asked again`, async (t) => {
      const headers = { location: "http://127.0.0.1:1/" };
      const { options, requests } = await pulling(t, (response) => refuse(response, status, "No.", headers));
      await assert.rejects(pullPages(options).next(), isFetchError("refused", remedy));
      assert.equal(requests.length, 1);
    });
  }

  test("is a page that another secret signed, or that is none", async (t) => {
    const forged = await pulling(t, (response) => signed(response, page([1], "c1"), OTHER_SECRET));
    await assert.rejects(pullPages(forged.options).next(), isFetchError("rejected", /no signature/));
    const unsigned = await pulling(t, (response) => void response.writeHead(200).end(page([1], "c1")));
    await assert.rejects(pullPages(unsigned.options).next(), isFetchError("rejected", /webhook-id is missing/));
    for (const body of ["", "[]", "{}", '{"data":{},"next":"c"}', '{"data":[],"next":1}', '{"data":[1],"next":"c"}']) {
      const malformed = await pulling(t, (response) => signed(response, body));
      await assert.rejects(pullPages(malformed.options).next(), isFetchError("malformed", /cannot read/));
    }
  });

  test("is an option that is wrong, and nothing is asked", async (t) => {
    const { options, requests } = await pulling(t, ENDLESS);
    for (const wrong of [
      { limit: 0 },
      { limit: 1_001 },
      { waitSeconds: 31 },
      { url: "x" },
      { url: `${options.url}?a=b` },
    ]) {
      await assert.rejects(pullPages({ ...options, ...wrong }).next(), isFetchError("bad_options", /use /));
    }
    assert.equal(requests.length, 0);
  });

  test("is an option that does not exist, because it is misspelt", async (t) => {
    const { options, requests } = await pulling(t, ENDLESS);
    const misspelt = { ...options, waitSecond: 1 };
    const isUnknown = {
      name: "ReceiveError",
      code: "bad_options",
      message: /waitSecond: there is no option of that name/,
    };
    await assert.rejects(pullPages(misspelt).next(), isUnknown);
    await assert.rejects(pullEvents(misspelt).next(), isUnknown);
    await assert.rejects(pull({ ...misspelt, store: setStore(), handlers: {} }), isUnknown);
    assert.equal(requests.length, 0);
  });

  test("is a token that no header can have, which is not repeated", async (t) => {
    for (const token of ["", "hunter2\nx", "hunter2 ", undefined, async () => "hunter2\r\n"]) {
      const { options, requests } = await pulling(t, ENDLESS);
      await assert.rejects(pullPages({ ...options, token: token as string }).next(), (thrown: unknown) => {
        assert.doesNotMatch(String(thrown), /hunter2/);
        return isFetchError("bad_options", /use it as create_pull_token returned it/)(thrown);
      });
      assert.equal(requests.length, 0);
    }
  });

  test("is a gap, unless someone is told of it: then it goes on behind", async (t) => {
    const { options, asked } = await pulling(
      t,
      (response, { url }) => {
        if (url?.includes("after=old")) {
          response.writeHead(410).end(JSON.stringify({ detail: "past their retention", resume_after: "kept" }));
        } else {
          signed(response, page([1], "c1"));
        }
      },
      { after: "old" },
    );
    await assert.rejects(pullPages(options).next(), isFetchError("gone", /past their retention/));
    const gaps: unknown[] = [];
    for await (const _ of pullPages({ ...options, onGap: (gap) => void gaps.push(gap) })) break;
    assert.deepEqual(gaps, [{ after: "old", resumeAfter: "kept" }]);
    assert.deepEqual(asked(), ["old", "old", "kept"]);
  });
});

describe("handlers", () => {
  test("handle each event once, in their order, and one that fails is tried again before the next", async (t) => {
    const stop = new AbortController();
    const { options, asked } = await pulling(t, (response, _request, nth) => {
      signed(response, nth === 1 ? page([1, 2], "c1") : page([2, 3], "c2"));
    });
    const runs: string[] = [];
    const outcomes: string[] = [];
    const pages: string[] = [];
    await pull({
      ...options,
      signal: stop.signal,
      store: setStore(),
      handlers: {
        "order.paid": ({ id }, { transaction }) => {
          runs.push(`${id} in ${transaction}`);
          if (id === "event-2" && runs.length < 4) throw new Error("not yet");
          if (id === "event-3") stop.abort();
        },
      },
      log: ({ kind }) => outcomes.push(kind),
      onPage: ({ next }) => void pages.push(next),
    });
    assert.deepEqual(
      runs,
      [1, 2, 2, 2, 3].map((n) => `event-${n} in a transaction`),
    );
    assert.deepEqual(outcomes, ["failed", "failed", "received", "received"]);
    assert.deepEqual(
      [pages, asked()],
      [
        ["c1", "c2"],
        ["", "c1", "c2"],
      ],
    );
  });

  test("that go on failing may be passed over, and types without one as well", async (t) => {
    const stop = new AbortController();
    const { options, asked } = await pulling(t, (response) => signed(response, page([1, 2], "c1")));
    const failures: number[] = [];
    await pull({
      ...{ ...options, signal: stop.signal, store: setStore(), handlers: {}, onUnknown: "refuse", log: () => {} },
      onFailed: ({ failures: count }) => {
        failures.push(count);
        return count === 2 ? "skip" : "retry";
      },
      onPage: () => stop.abort(),
    });
    assert.deepEqual(
      [failures, asked()],
      [
        [1, 2, 1, 2],
        ["", "c1"],
      ],
    );
  });

  test("end with the signal between two events, and the page comes again", async (t) => {
    const stop = new AbortController();
    const { options, asked } = await pulling(t, (response) => signed(response, page([1, 2], "c1")));
    const store = setStore();
    const handlers = { "order.paid": () => stop.abort() };
    await pull({ ...options, signal: stop.signal, store, handlers, log: () => {} });
    assert.deepEqual([[...store.ids], asked()], [["event-1"], [""]]);
  });
});

describe("the end", () => {
  test("by the signal acknowledges the page that is done, and asks for nothing more", async (t) => {
    const stop = new AbortController();
    const { options, asked } = await pulling(t, ENDLESS, { signal: stop.signal });
    for await (const _ of pullPages(options)) stop.abort();
    assert.deepEqual(asked(), ["", "c1"]);
  });

  test("by the signal within a page does not acknowledge it", async (t) => {
    const stop = new AbortController();
    const { options, asked } = await pulling(t, (response) => signed(response, page([1, 2], "c1")), {
      signal: stop.signal,
    });
    const seen: string[] = [];
    for await (const { id } of pullEvents(options)) {
      seen.push(id);
      stop.abort();
    }
    assert.deepEqual([seen, asked()], [["event-1"], [""]]);
  });

  test("by a break, or by an error of the loop, does not acknowledge the page either", async (t) => {
    const { options, asked } = await pulling(t, ENDLESS);
    for await (const _ of pullEvents(options)) break;
    const failing = async () => {
      for await (const { id } of pullEvents(options)) throw new Error(`cannot handle ${id}`);
    };
    await assert.rejects(failing(), /cannot handle event-2/);
    assert.deepEqual(asked(), ["", ""]);
  });

  test("by the signal comes at once while the server lets it wait, or between tries", async (t) => {
    const stop = new AbortController();
    const waiting = await pulling(t, () => stop.abort(), { signal: stop.signal });
    assert.equal((await pullPages(waiting.options).next()).done, true);
    const other = new AbortController();
    const failing = await pulling(t, (response) => refuse(response, 503, "", { "retry-after": "300" }), {
      signal: other.signal,
      onRetry: () => other.abort(),
    });
    assert.equal((await pullPages(failing.options).next()).done, true);
  });
});
