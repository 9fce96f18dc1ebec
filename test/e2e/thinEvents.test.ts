/** Thin events as a receiver gets them, and what it can fetch with their URLs. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import type { Config } from "../../src/config/read.ts";
import { FORMAT_NAMES, type FormatName } from "../../src/format/format.ts";
import { makeToken, tokenKeysOf } from "../../src/format/payloadToken.ts";
import { parseSecret } from "../../src/format/sign.ts";
import { runShell } from "../docs/shell.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, reset, rowsOf } from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { startListener } from "../support/listener.ts";
import { OK, type Received, ScriptedReceiver, status } from "../support/scriptedReceiver.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
const SLICE_BYTES = 100_000;

let receiver: ScriptedReceiver;
before(async () => {
  receiver = await ScriptedReceiver.start();
});
after(() => receiver.stop());
beforeEach(() => reset(database.pool));

/** A daemon, and a listener as receivers reach it. */
async function run(t: TestContext, changes: Partial<Config> = {}) {
  const listener = await startListener(t, { databaseUrl: database.url, sliceBytes: SLICE_BYTES });
  const { daemon, emitted } = await startDaemon(database.url, { publicUrl: listener.url, ...changes });
  t.after(() => daemon.stop());
  return { listener, emitted };
}

interface Created {
  readonly id: string;
  readonly secret: string;
}

async function create(path: string, options: Readonly<Record<string, unknown>> = {}): Promise<Created> {
  const [row] = await rowsOf<{ id: string; secret: string }>(
    database.pool,
    "select endpoint_id as id, secret from postrider.create_endpoint($1, '{thin.event}', options => $2)",
    [receiver.url(path), JSON.stringify({ inline_limit: 1_000, ...options })],
  );
  assert.ok(row !== undefined);
  if (row.secret !== null) {
    receiver.verify(path, row.secret);
  }
  return row;
}

/** As an application may have written it: numbers beyond a double, repeated keys, blanks. */
const PAYLOAD = `{ "n": 12345678901234567890.10, "n":1e400,\n"text": ${JSON.stringify(`&<é🚂${"x".repeat(10_000)}`)} }`;
const BYTES = Buffer.byteLength(PAYLOAD);

interface DataRef {
  readonly url: string;
  readonly size: number;
  readonly expires: string;
}

async function nthOf(path: string, nth = 1): Promise<Received> {
  await receiver.got(path, nth);
  const request = receiver.requests(path)[nth - 1];
  assert.ok(request !== undefined);
  return request;
}

/** Of a request in the standard format. */
function refOf({ body }: Received): DataRef {
  return JSON.parse(body.toString()).dataref;
}

async function textOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await fetch(url, { headers });
  assert.ok(response.ok, `${response.status} ${url}`);
  return response.text();
}

describe("each format", () => {
  const REFS: Readonly<Record<FormatName, (request: Received) => DataRef>> = {
    standard: refOf,
    raw: refOf,
    cloudevents: ({ body }) => ofCloudEvent(JSON.parse(body.toString())),
    "cloudevents-binary": ({ headers, body }) => {
      assert.equal(body.length, 0);
      return ofCloudEvent(Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.slice(3), value])));
    },
    xml: ({ body }) => ofXml(body.toString(), ["url", "size", "expires"]),
    "cloudevents-xml": ({ body }) => ofXml(body.toString(), ["dataref", "datarefsize", "datarefexpires"]),
  };

  function ofCloudEvent(event: Readonly<Record<string, unknown>>): DataRef {
    assert.ok(!("data" in event));
    return { url: String(event.dataref), size: Number(event.datarefsize), expires: String(event.datarefexpires) };
  }

  function ofXml(xml: string, names: readonly string[]): DataRef {
    assert.ok(!xml.includes("<data>") && !xml.includes("<data "));
    const [url = "", size, expires = ""] = names.map(
      (name) => new RegExp(`<${name}(?: [^>]*)?>([^<]*)<`).exec(xml)?.[1],
    );
    return { url, size: Number(size), expires };
  }

  for (const format of FORMAT_NAMES) {
    test(`${format} says where a large payload is, and has a small one in it`, async (t) => {
      await run(t);
      const path = `/${format}`;
      await create(path, { format });
      const id = await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
      const request = await nthOf(path, 1);
      assert.equal(request.verification, "verified");
      assert.equal(request.id, id);
      assert.equal(request.headers["postrider-thin"], "true");
      assert.ok(!request.body.includes("xxx"));
      const ref = REFS[format](request);
      assert.equal(ref.size, BYTES);
      const days = (Date.parse(ref.expires) - Date.now()) / 86_400_000;
      assert.ok(days > 2.9 && days <= 3, ref.expires);
      assert.equal(await textOf(ref.url), PAYLOAD);
      await insertEvent(database.pool, "thin.event", { payload: '{"small":1}' });
      const small = await nthOf(path, 2);
      assert.match(small.body.toString(), /small/);
      assert.equal(small.headers["postrider-thin"], undefined);
    });
  }
});

describe("the request", () => {
  test("is the same with each attempt, but for a URL that is signed when it is sent", async (t) => {
    await run(t);
    receiver.script("/retried", ({ nth }) => (nth === 1 ? status(500) : OK));
    await create("/retried", { retry_schedule: ["1 s"] });
    await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
    const [first, second] = [await nthOf("/retried", 1), await nthOf("/retried", 2)].map(({ body }) => body.toString());
    const [one, two] = [refOf(await nthOf("/retried", 1)), refOf(await nthOf("/retried", 2))];
    assert.ok(Date.parse(one.expires) < Date.parse(two.expires));
    assert.equal(first?.replace(one.url, two.url).replace(one.expires, two.expires), second);
    assert.equal(await textOf(one.url), await textOf(two.url));
  });

  test("may be answered once the payload was fetched", async (t) => {
    await run(t);
    receiver.script("/waits", { kind: "hang" });
    await create("/waits");
    await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
    // Nothing of the delivery is in Postgres yet but the claim.
    assert.equal(await textOf(refOf(await nthOf("/waits")).url), PAYLOAD);
    receiver.release("/waits");
  });

  test("leaves no URL in what is kept of an answer that repeats it", async (t) => {
    await run(t);
    receiver.script("/repeats", (request) => ({ kind: "status", status: 422, body: request.body }));
    await create("/repeats", { retry_schedule: [] });
    await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
    const token =
      refOf(await nthOf("/repeats"))
        .url.split("/")
        .at(-1) ?? "";
    await until("the attempt is recorded", async () => {
      const body = await askFor(database.pool, "select response_body from postrider.attempt");
      return typeof body === "string" && body.includes("(hidden)") && !body.includes(token);
    });
  });

  test("of a batch has thin items beside others", async (t) => {
    await run(t);
    await create("/batch", { batch_size: 3, batch_delay_ms: 60_000 });
    const ids: string[] = [];
    for (const payload of ["1", PAYLOAD, "2"]) {
      ids.push(await insertEvent(database.pool, "thin.event", { payload }));
    }
    const items = JSON.parse((await nthOf("/batch")).body.toString());
    assert.deepEqual(
      items.map(({ id, data }: { id: string; data?: unknown }) => [id, data]),
      [ids[0], ids[1], ids[2]].map((id, index) => [id, [1, undefined, 2][index]]),
    );
    assert.equal(await textOf(items[1].dataref.url), PAYLOAD);
  });

  test("is signed for an endpoint of ed25519 as well", async (t) => {
    await run(t);
    await create("/ed25519", { signing: "ed25519" });
    await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
    assert.equal(await textOf(refOf(await nthOf("/ed25519")).url), PAYLOAD);
  });

  test("waits for a daemon that has a public URL, and explain_event says so", async (t) => {
    const { daemon: first } = await startDaemon(database.url, { publicUrl: "http://127.0.0.1:1" });
    await create("/late");
    await first.stop();
    const { daemon: without, emitted } = await startDaemon(database.url);
    const small = await insertEvent(database.pool, "thin.event", { payload: "1" });
    await nthOf("/late");
    const large = await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
    await until(
      "the delivery waits",
      async () =>
        (await askFor(database.pool, "select count(*)::int from postrider.delivery where event_id = $1", [large])) ===
        1,
    );
    assert.deepEqual(
      await rowsOf(
        database.pool,
        "select event_id, is_thin, state, attempts from postrider.delivery_status order by event_id",
      ),
      [
        { event_id: small, is_thin: false, state: "succeeded", attempts: 1 },
        { event_id: large, is_thin: true, state: "pending", attempts: 0 },
      ],
    );
    const explained = () => askFor(database.pool, "select explanation from postrider.explain_event($1)", [large]);
    assert.match(String(await explained()), new RegExp(`; the receiver fetches its payload, which has ${BYTES} bytes`));
    assert.match(String(await explained()), /: that needs a daemon with POSTRIDER_PUBLIC_URL, and none runs/);
    assert.equal(emitted.named("payload.url_missing").length, 1);
    await without.stop();
    await run(t);
    await database.pool.query("update postrider.delivery set next_attempt_at = now() where state = 'pending'");
    await database.pool.query("select postrider_internal.notify_daemons('operator')");
    assert.equal(await textOf(refOf(await nthOf("/late", 2)).url), PAYLOAD);
    assert.doesNotMatch(String(await explained()), /none runs/);
  });
});

test("an event of a batch that waits for a public URL keeps no other of it", async (t) => {
  const { daemon: first } = await startDaemon(database.url, { publicUrl: "http://127.0.0.1:1" });
  await create("/apart", { batch_size: 3, batch_delay_ms: 100 });
  await first.stop();
  const payloads = ["1", PAYLOAD, "2"];
  const ids: string[] = [];
  for (const payload of payloads) {
    ids.push(await insertEvent(database.pool, "thin.event", { payload }));
  }
  const { daemon, emitted } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const arrived: string[] = [];
  await until("the others arrive", () => {
    const bodies = receiver.requests("/apart").map(({ body }) => JSON.parse(body.toString()) as { id: string }[]);
    arrived.splice(0, arrived.length, ...bodies.flat().map(({ id }) => id));
    return arrived.length === 2;
  });
  assert.deepEqual(arrived, [ids[0], ids[2]]);
  assert.equal(emitted.named("payload.url_missing").length, 1);
  await until(
    "the others are recorded",
    async () => (await rowsOf(database.pool, "select from postrider.delivery where state = 'succeeded'")).length === 2,
  );
  const waiting = "select event_id, batch_id, attempts from postrider.delivery where state = 'pending'";
  assert.deepEqual(await rowsOf(database.pool, waiting), [{ event_id: ids[1], batch_id: null, attempts: 0 }]);
});

describe("the payload", () => {
  const ELEMENTS = Array.from(
    { length: 3_000 },
    (_, n) => `{ "n" : ${n}.${"0".repeat(1 + (n % 30))},\n "text": "é,]}\\"${n}" }`,
  );
  const ARRAY = ` [ ${ELEMENTS.join(" ,\n ")} ]\n`;

  async function urlOf(path: string, payload: string): Promise<string> {
    await create(path);
    await insertEvent(database.pool, "thin.event", { payload });
    return refOf(await nthOf(path)).url;
  }

  /** Of all pages. */
  async function linesAt(url: string, limit: number): Promise<readonly string[]> {
    const lines: string[] = [];
    let at: string | null = `${url}?limit=${limit}`;
    while (at !== null) {
      const page: Response = await fetch(at, { headers: { accept: "application/x-ndjson" } });
      assert.equal(page.headers.get("content-type"), "application/x-ndjson");
      lines.push(...(await page.text()).trimEnd().split("\n"));
      const link = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
      at = link === undefined ? null : new URL(link, at).href;
    }
    return lines;
  }

  test("is fetched whole, in parts, and by its head", async (t) => {
    await run(t);
    const url = await urlOf("/whole", ARRAY);
    const bytes = Buffer.from(ARRAY);
    const whole = await fetch(url);
    assert.equal(whole.headers.get("content-length"), String(bytes.length));
    assert.equal(whole.headers.get("accept-ranges"), "bytes");
    assert.match(whole.headers.get("cache-control") ?? "", /no-store/);
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
    const etag = whole.headers.get("etag") ?? "";

    const head = await fetch(url, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), String(bytes.length));
    assert.equal(await head.text(), "");

    const parts: Buffer[] = [];
    for (let from = 0; from < bytes.length; from += 70_000) {
      const part = await fetch(url, { headers: { range: `bytes=${from}-${from + 69_999}`, "if-range": etag } });
      assert.equal(part.status, 206);
      assert.equal(
        part.headers.get("content-range"),
        `bytes ${from}-${Math.min(from + 69_999, bytes.length - 1)}/${bytes.length}`,
      );
      parts.push(Buffer.from(await part.arrayBuffer()));
    }
    assert.ok(Buffer.concat(parts).equals(bytes));

    const behind = await fetch(url, { headers: { range: `bytes=${bytes.length}-` } });
    assert.equal(behind.status, 416);
    assert.equal(behind.headers.get("content-range"), `bytes */${bytes.length}`);
    assert.equal((await fetch(url, { headers: { range: "bytes=0-1", "if-range": '"other"' } })).status, 200);
    assert.equal((await fetch(url, { headers: { "if-none-match": etag } })).status, 304);
    assert.equal((await fetch(url, { method: "POST" })).status, 405);
  });

  test("is fetched in pages, which have each element as it was written", async (t) => {
    await run(t);
    const url = await urlOf("/pages", ARRAY);
    for (const limit of [1_000, 777, 10_000]) {
      const texts: string[] = [];
      let next: string | null = "";
      while (next !== null) {
        const text: string = await textOf(`${url}?limit=${limit}${next && `&after=${next}`}`);
        const match = /^\{"next":(null|"([^"]*)"),"elements":\[(.*)\]\}$/s.exec(text);
        assert.ok(match !== null, text.slice(0, 200));
        texts.push(match[3] ?? "");
        next = match[1] === "null" ? null : (match[2] ?? "");
      }
      assert.equal(texts.join(" ,\n "), ELEMENTS.join(" ,\n "));
      assert.equal(texts.length, Math.ceil(ELEMENTS.length / limit));
    }
  });

  test("is fetched in lines, with a link to the next page", async (t) => {
    await run(t);
    const url = await urlOf("/lines", ARRAY);
    const lines = await linesAt(url, 1_000);
    assert.deepEqual(
      lines,
      ELEMENTS.map((element) => element.replaceAll("\n", " ")),
    );
  });

  test("of some megabytes is fetched in pages across dozens of slices", async (t) => {
    await run(t);
    // One of them stretches over several slices.
    const elements = Array.from({ length: 20_000 }, (_, n) =>
      n === 7_000 ? JSON.stringify("é\\".repeat(100_000)) : `{"n":${n},"text":"é,]}\\"${"x".repeat(n % 200)}"}`,
    );
    const payload = `[${elements.join(",")}]`;
    assert.ok(Buffer.byteLength(payload) > 24 * SLICE_BYTES);
    const url = await urlOf("/megabytes", payload);
    assert.deepEqual(await linesAt(url, 3_000), elements);
    assert.equal(await textOf(url), payload);
    const first = await textOf(`${url}?limit=10000`);
    assert.ok(first.endsWith(`,"elements":[${elements.slice(0, 10_000).join(",")}]}`));
  });

  test("has pages of members if it is an object", async (t) => {
    await run(t);
    const object = `{${Array.from({ length: 200 }, (_, n) => `"k${n}" :${"9".repeat(20 + n)}`).join(",\n")}}`;
    const url = await urlOf("/members", object);
    const first = await textOf(`${url}?limit=150`);
    const [, next = "", members] = /^\{"next":"([^"]*)","members":(\{.*\})\}$/s.exec(first) ?? [];
    const second = await textOf(`${url}?limit=150&after=${next}`);
    assert.equal(`${members?.slice(0, -1)},\n${second.slice('{"next":null,"members":{'.length)}`, `${object}}`);
    const lines = await textOf(`${url}?limit=1`, { accept: "application/x-ndjson" });
    assert.equal(lines, `{"k0" :${"9".repeat(20)}}\n`);
  });

  test("has no pages if it holds no elements, and refuses what is no limit or cursor", async (t) => {
    const { listener } = await run(t);
    const url = await urlOf("/odd", `"${"x".repeat(2_000)}"`);
    const array = await urlOf("/array", ARRAY);
    const { next } = JSON.parse(await textOf(`${array}?limit=1`));
    for (const odd of [`${url}?limit=1`, `${url}?after=${next}`, `${array}?limit=0`, `${array}?limit=10001`]) {
      assert.equal((await fetch(odd)).status, 400, odd);
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 40 }), fc.string({ maxLength: 8 }), async (after, limit) => {
        const query = new URLSearchParams({ after, limit });
        assert.equal((await fetch(`${array}?${query}`)).status, 400);
      }),
      { numRuns: 30 },
    );
    assert.deepEqual(listener.errors, []);
  });

  test("is fetched as the guide for receivers says", async (t) => {
    await run(t);
    const url = await urlOf("/curl", ARRAY);
    const directory = mkdtempSync(join(tmpdir(), "postrider-payload-"));
    t.after(() => rmSync(directory, { recursive: true }));
    await runShell(guideBlock("src/receive/README.md", "Large payloads", "sh"), { URL: url }, { cwd: directory });
    assert.equal(readFileSync(join(directory, "payload.json"), "utf8"), ARRAY);
    const lines = readFileSync(join(directory, "lines.ndjson"), "utf8").trimEnd().split("\n");
    assert.deepEqual(
      lines,
      ELEMENTS.map((element) => element.replaceAll("\n", " ")),
    );
  });

  test("is there for several who read slowly at once, without a connection to Postgres", async (t) => {
    await run(t);
    // More than the buffers of the system take.
    const url = await urlOf("/slow", JSON.stringify("x".repeat(16_000_000)));
    const readers = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(url)).body?.getReader()));
    assert.equal((await fetch(url)).status, 503);
    await until("nothing is read or held", async () => {
      const busy =
        "select count(*)::int from pg_stat_activity where datname = current_database() and application_name like '%/payload' and state <> 'idle'";
      return (await askFor(database.pool, busy)) === 0;
    });
    assert.equal((await fetch(url)).status, 503);
    await Promise.all(readers.map((reader) => reader?.cancel()));
    await until("there is room again", async () => {
      const response = await fetch(url);
      await response.body?.cancel();
      return response.status === 200;
    });
  });
});

describe("access ends", () => {
  async function sent(path: string, options: Readonly<Record<string, unknown>> = {}) {
    const created = await create(path, options);
    const eventId = await insertEvent(database.pool, "thin.event", { payload: PAYLOAD });
    const { url } = refOf(await nthOf(path));
    assert.equal((await fetch(url)).status, 200);
    return { ...created, eventId, url };
  }

  async function answerOf(url: string): Promise<[status: number, body: string]> {
    const response = await fetch(url);
    return [response.status, await response.text()];
  }

  test("when the endpoint is disabled, its secret is dropped, the event is erased, or the endpoint is deleted", async (t) => {
    await run(t);
    const { id, eventId, url } = await sent("/over");
    const { url: other, id: otherId } = await sent("/other");
    await database.pool.query("select postrider.disable_endpoint($1, 'test')", [id]);
    assert.equal((await answerOf(url))[0], 410);
    await database.pool.query("select postrider.enable_endpoint($1)", [id]);
    assert.equal((await answerOf(url))[0], 200);
    await database.pool.query("select postrider.rotate_secret($1)", [id]);
    assert.equal((await answerOf(url))[0], 200);
    await database.pool.query("select postrider.rotate_secret($1, '0')", [id]);
    const [, unknown] = await answerOf(url);
    await database.pool.query("select postrider.erase_event(id) from postrider.outbox");
    assert.equal((await answerOf(other))[0], 410);
    await database.pool.query("select postrider.delete_endpoint($1)", [otherId]);
    assert.deepEqual(await answerOf(other), [404, unknown]);
    assert.notEqual(eventId, "");
  });

  test("at its time, and covers no event that the endpoint was not sent", async (t) => {
    const { listener } = await run(t);
    const { id, secret, eventId } = await sent("/mine");
    const parsed = parseSecret(secret);
    assert.ok(parsed.kind === "key");
    const [key] = tokenKeysOf([parsed.key], []);
    assert.ok(key !== undefined);
    const now = Math.floor(Date.now() / 1_000);
    const urlOf = (event: string, expiresSeconds: number) =>
      `${listener.url}/payloads/${makeToken(key, { endpointId: id, eventId: event, expiresSeconds })}`;
    assert.equal((await answerOf(urlOf(eventId, now + 60)))[0], 200);
    assert.match((await answerOf(urlOf(eventId, now)))[1], /has expired/);
    const notSent = await insertEvent(database.pool, "unsubscribed.event", { payload: PAYLOAD });
    assert.equal((await answerOf(urlOf(notSent, now + 60)))[0], 410);
  });

  test("and nothing tells an unknown token from a wrong one", async (t) => {
    const { listener } = await run(t);
    const { url } = await sent("/wrong");
    const token = url.split("/").at(-1) ?? "";
    const answers = new Set<string>();
    const tokens = [
      "x",
      "%00",
      token.slice(0, -1),
      `${token.slice(0, 40)}AAAA${token.slice(44)}`,
      `${token.slice(0, -4)}AAAA`,
      "a".repeat(token.length),
      `AQ${"A".repeat(token.length - 2)}`,
    ];
    for (const wrong of tokens) {
      answers.add(JSON.stringify(await answerOf(`${listener.url}/payloads/${wrong}`)));
    }
    assert.deepEqual([...answers], ['[404,"{\\"title\\":\\"Not Found\\",\\"status\\":404}"]']);
    assert.deepEqual(listener.errors, []);
  });
});
