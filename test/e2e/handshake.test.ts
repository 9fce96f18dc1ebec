/** The handshake: what a receiver is asked, what its answers mean, and that nothing is delivered before it consents. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { beforeEach, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvent, reset, rowsOf } from "../support/engine.ts";
import { listenFor } from "../support/listen.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const CONSENT: Answer = (request, response) => {
  const origin = request.headers["webhook-request-origin"];
  response.writeHead(200, { "WebHook-Allowed-Origin": String(origin), "WebHook-Allowed-Rate": "*" }).end();
};

/** A receiver that answers OPTIONS as it is told, and takes every delivery. */
async function receiverOf(t: TestContext, answer: Answer) {
  const seen: Seen[] = [];
  const receiver = { answer, seen, url: "", of: (method: string) => seen.filter((one) => one.method === method) };
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
    request.resume();
    if (request.method === "OPTIONS") {
      receiver.answer(request, response);
    } else {
      response.end();
    }
  });
  receiver.url = `http://127.0.0.1:${await listenFor(t, server)}`;
  return receiver;
}

async function run(t: TestContext, changes: Partial<Config> = {}) {
  const { daemon } = await startDaemon(database.url, changes);
  t.after(() => daemon.stop());
}

function create(url: string, options: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return createEndpoint(database.pool, ["*"], { url, options: { handshake: true, ...options } });
}

interface Row {
  readonly state: string | null;
  readonly reason: string | null;
  readonly http_status: number | null;
  readonly allowed_rate: number | null;
  readonly rate_limit: string | null;
  readonly effective_rate: string | null;
  readonly refusals: number;
  readonly is_due_again: boolean;
}

async function handshakeOf(endpoint: string): Promise<Row> {
  const [row] = await rowsOf<Row>(
    database.pool,
    `select e.handshake_state as state, h.reason, h.http_status, h.allowed_rate, e.rate_limit, e.effective_rate, h.refusals,
            h.next_at is not null as is_due_again
     from postrider.endpoint e join postrider.endpoint_handshake h on h.endpoint_id = e.id where e.id = $1`,
    [endpoint],
  );
  assert.ok(row !== undefined);
  return row;
}

function isIn(endpoint: string, state: string): Promise<void> {
  return until(`the handshake is ${state}`, async () => (await handshakeOf(endpoint)).state === state);
}

test("a receiver that consents is asked once, before the first delivery, and each delivery names the origin", async (t) => {
  const receiver = await receiverOf(t, CONSENT);
  await run(t, { source: "https://Events.Example.com/shop" });
  const auth = { type: "bearer", token: "s3cret-token" };
  const endpoint = await create(`${receiver.url}/hook?x=1`, { auth, rate_limit: 5 });
  await insertEvent(database.pool, "order.paid");
  await until("it is delivered", () => receiver.of("POST").length === 1);
  const [asked, delivered, ...others] = receiver.seen;
  assert.deepEqual(others, []);
  assert.deepEqual([asked?.method, asked?.path], ["OPTIONS", "/hook?x=1"]);
  assert.equal(asked?.headers["webhook-request-origin"], "events.example.com");
  assert.equal(asked?.headers["webhook-request-rate"], "300");
  assert.equal(asked?.headers.authorization, "Bearer s3cret-token");
  assert.equal(delivered?.headers["webhook-request-origin"], "events.example.com");
  const { state, reason, http_status, is_due_again } = await handshakeOf(endpoint);
  assert.deepEqual([state, reason, http_status, is_due_again], ["granted", null, 200, false]);
  await insertEvent(database.pool, "order.paid");
  await until("the second is delivered", () => receiver.of("POST").length === 2);
  assert.equal(receiver.of("OPTIONS").length, 1);
});

test("a daemon that stops while it asks takes no answer for a refusal", async (t) => {
  const receiver = await receiverOf(t, () => {});
  const { daemon, emitted } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const endpoint = await create(receiver.url);
  await until("it is asked", () => receiver.of("OPTIONS").length === 1);
  await daemon.stop();
  const { state, reason, refusals } = await handshakeOf(endpoint);
  assert.deepEqual([state, reason, refusals], ["wanted", null, 0]);
  assert.deepEqual(emitted.named("maintenance.failed"), []);
});

const REFUSALS: readonly (readonly [string, Answer, RegExp])[] = [
  ["answers 200 to anything", (_, response) => void response.end(), /answered 200, without WebHook-Allowed-Origin$/],
  [
    "does not know OPTIONS",
    (_, response) => void response.writeHead(405, { allow: "POST" }).end(),
    /answered 405: it does not know the handshake$/,
  ],
  [
    "allows another origin",
    (_, response) => void response.writeHead(200, { "webhook-allowed-origin": "other.test" }).end(),
    /allows another origin than postrider$/,
  ],
  [
    "allows no rate",
    (_, response) => void response.writeHead(200, { "webhook-allowed-origin": "*", "webhook-allowed-rate": "0" }).end(),
    /allows a rate of 0$/,
  ],
  ["closes the connection", (request) => void request.socket.destroy(), /closed the connection|reset the connection/],
];

for (const [what, answer, sentence] of REFUSALS) {
  test(`a receiver that ${what} has not consented: deliveries wait, and go once it does`, async (t) => {
    const receiver = await receiverOf(t, answer);
    await run(t);
    const endpoint = await create(receiver.url);
    const event = await insertEvent(database.pool, "order.paid");
    await isIn(endpoint, "refused");
    const refused = await handshakeOf(endpoint);
    assert.match(refused.reason ?? "", sentence);
    assert.deepEqual([refused.refusals, refused.is_due_again], [1, true]);
    const detail = () =>
      askFor(database.pool, "select detail from postrider.delivery_status where event_id = $1", [event]);
    await until("its delivery waits", async () => (await detail()) === "unconsented");
    const explained = String(
      await askFor(database.pool, "select explanation from postrider.explain_event($1) where endpoint_id = $2", [
        event,
        endpoint,
      ]),
    );
    assert.match(
      explained,
      /waits for the consent of the receiver: .*; it is asked again .*, or at once by postrider\.request_handshake\(\)/,
    );
    assert.equal(receiver.of("POST").length, 0);
    receiver.answer = CONSENT;
    await database.pool.query("select postrider.request_handshake($1)", [endpoint]);
    await until("it is delivered", () => receiver.of("POST").length === 1);
    assert.equal((await handshakeOf(endpoint)).reason, null);
  });
}

test("daemons keep the smaller one of the receiver's rate and the endpoint's, whatever the endpoint's is set to", async (t) => {
  const receiver = await receiverOf(t, (_, response) => {
    response.writeHead(204, { "webhook-allowed-origin": "*", "webhook-allowed-rate": "120" }).end();
  });
  await run(t);
  const unlimited = await create(`${receiver.url}/unlimited`);
  const faster = await create(`${receiver.url}/faster`, { rate_limit: 50 });
  const slower = await create(`${receiver.url}/slower`, { rate_limit: 1 });
  for (const [endpoint, own, rate] of [
    [unlimited, null, 2],
    [faster, "50", 2],
    [slower, "1", 1],
  ] as const) {
    await isIn(endpoint, "granted");
    const { allowed_rate, rate_limit, effective_rate } = await handshakeOf(endpoint);
    assert.deepEqual([allowed_rate, rate_limit, Number(effective_rate)], [120, own, rate]);
  }
  const raised = "update postrider.endpoint set rate_limit = 1000 where id = $1";
  await database.pool.query(raised, [slower]);
  assert.equal(Number((await handshakeOf(slower)).effective_rate), 2);
  const waiting = "select postrider_internal.reached_limit($1)";
  await database.pool.query("update postrider.endpoint_pace set spent_until = now() + interval '1 min'");
  assert.equal(await askFor(database.pool, waiting, [slower]), "receiver_rate");
  await database.pool.query("update postrider.endpoint set handshake = false where id = $1", [slower]);
  assert.equal(
    await askFor(database.pool, "select effective_rate::integer from postrider.endpoint where id = $1", [slower]),
    1000,
  );
});

test("another URL needs another consent, and an endpoint without the option needs none", async (t) => {
  const receiver = await receiverOf(t, CONSENT);
  await run(t);
  const endpoint = await create(`${receiver.url}/one`);
  await isIn(endpoint, "granted");
  receiver.answer = (_, response) => void response.writeHead(405).end();
  await database.pool.query("update postrider.endpoint set url = $2 where id = $1", [endpoint, `${receiver.url}/two`]);
  await insertEvent(database.pool, "order.paid");
  await isIn(endpoint, "refused");
  assert.deepEqual(receiver.of("POST"), []);
  await database.pool.query("update postrider.endpoint set handshake = false where id = $1", [endpoint]);
  await until("it is delivered", () => receiver.of("POST").length === 1);
  assert.equal(receiver.of("POST")[0]?.headers["webhook-request-origin"], undefined);
  assert.deepEqual(await rowsOf(database.pool, "select * from postrider.endpoint_handshake"), []);
  await assert.rejects(
    database.pool.query("select postrider.request_handshake($1)", [endpoint]),
    /endpoint .* has no handshake$/,
  );
});

test("a consent counts although a secret was sealed while the receiver was asked", async (t) => {
  const receiver = await receiverOf(t, (request, response) => {
    // As sealing does, it makes a new revision.
    void database.pool
      .query("update postrider.endpoint set description = 'edited'")
      .then(() => CONSENT(request, response));
  });
  await run(t);
  const endpoint = await create(receiver.url);
  await isIn(endpoint, "granted");
  assert.equal(receiver.of("OPTIONS").length, 1);
});

test("what a receiver says of a URL that the endpoint has no longer does not count", async (t) => {
  let edits = 0;
  const receiver = await receiverOf(t, (request, response) => {
    if (request.url !== "/one") {
      response.writeHead(405).end();
      return;
    }
    edits += 1;
    void database.pool
      .query("update postrider.endpoint set url = $1", [`${receiver.url}/two`])
      .then(() => CONSENT(request, response));
  });
  await run(t);
  const endpoint = await create(`${receiver.url}/one`);
  await isIn(endpoint, "refused");
  assert.equal(edits, 1);
  assert.deepEqual(
    receiver.seen.map(({ path }) => path),
    ["/one", "/two"],
  );
});

test("a receiver is not asked without the credential that the endpoint has", async (t) => {
  const receiver = await receiverOf(t, CONSENT);
  const endpoint = await create(receiver.url, { auth: { type: "bearer", token: "s3cret-token" } });
  await database.pool.query("delete from postrider.endpoint_secret where endpoint_id = $1 and kind = 'auth'", [
    endpoint,
  ]);
  await run(t);
  await isIn(endpoint, "refused");
  assert.match(String((await handshakeOf(endpoint)).reason), /^the receiver was not asked: .* has lost its secret/);
  assert.deepEqual(receiver.seen, []);
});

test("a receiver is not asked while its endpoint is disabled, and is once it is enabled", async () => {
  const endpoint = await create("http://receiver.test/");
  const taken = () => rowsOf(database.pool, "select endpoint_id from postrider_internal.take_handshakes(10)");
  await database.pool.query("select postrider.disable_endpoint($1)", [endpoint]);
  assert.deepEqual(await taken(), []);
  await database.pool.query("update postrider.endpoint set url = 'http://receiver.test/two' where id = $1", [endpoint]);
  assert.deepEqual(await taken(), []);
  await database.pool.query("select postrider.enable_endpoint($1)", [endpoint]);
  assert.deepEqual(await taken(), [{ endpoint_id: endpoint }]);
});

test("each refusal doubles the wait, up to some nine hours", async () => {
  const endpoint = await create("http://receiver.test/");
  const waits: number[] = [];
  for (let refusal = 0; refusal < 13; refusal += 1) {
    await askFor(
      database.pool,
      `select postrider_internal.record_handshake(h.endpoint_id, (extract(epoch from h.next_at) * 1000000)::bigint, false, null, 405::smallint, 'no')
       from postrider.endpoint_handshake h where h.endpoint_id = $1`,
      [endpoint],
    );
    waits.push(
      Number(
        await askFor(
          database.pool,
          "select round(extract(epoch from next_at - asked_at)) from postrider.endpoint_handshake",
        ),
      ),
    );
  }
  assert.deepEqual(waits.slice(0, 4), [30, 60, 120, 240]);
  assert.equal(waits.at(-1), 30 * 2 ** 10);
  const actions = await rowsOf<{ action: string }>(
    database.pool,
    "select action from postrider.audit where endpoint_id = $1 order by at",
    [endpoint],
  );
  assert.deepEqual(
    actions.map(({ action }) => action),
    ["create_endpoint", "record_handshake"],
  );
});
