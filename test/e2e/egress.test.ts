/** What egress refuses: attempts are blocked, and nothing is dialled. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { beforeEach, type TestContext, test } from "node:test";
import type { Config } from "../../src/config/read.ts";
import { connectProxyFor, proxyAt } from "../http/connectProxy.ts";
import { answerOf } from "../http/receiver.ts";
import { certificateFor, receiverFor } from "../http/sending.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { policyOf } from "../support/egress.ts";
import { createEndpoint, insertEvent, reset, rowsOf } from "../support/engine.ts";
import { TransactionPooler } from "../support/transactionPooler.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

async function run(t: TestContext, changes: Partial<Config> = {}): Promise<void> {
  const { daemon } = await startDaemon(database.url, changes);
  t.after(() => daemon.stop());
}

function create(url: string, options: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return createEndpoint(database.pool, ["*"], { url, options });
}

interface AttemptRow {
  readonly failure_kind: string | null;
  readonly error: string | null;
}

async function attemptsAt(endpointId: string, count: number): Promise<readonly AttemptRow[]> {
  const query = "select failure_kind, error from postrider.attempt where endpoint_id = $1 order by attempt_number";
  await until(`${count} attempts are recorded`, async () => {
    return (await rowsOf(database.pool, query, [endpointId])).length >= count;
  });
  return rowsOf<AttemptRow>(database.pool, query, [endpointId]);
}

test("an endpoint at the daemon's own Postgres is blocked, although its address is allowed", async (t) => {
  const { port } = new URL(database.url);
  const egress = policyOf({ profile: "custom", allow: ["127.0.0.0/8", "::1", "localhost"] });
  const ids = await Promise.all(
    ["127.0.0.1", "localhost", "127.0.0.9", "[::ffff:127.0.0.1]"].map((host) => create(`http://${host}:${port}/`)),
  );
  await run(t, { egress });
  await insertEvent(database.pool, "order.paid");
  for (const id of ids) {
    const [first] = await attemptsAt(id, 1);
    assert.equal(first?.failure_kind, "blocked");
    assert.match(first?.error ?? "", /: it is the daemon's own Postgres, which no setting allows$/);
  }
});

test("where POSTRIDER_LISTEN_URL leads is the daemon's own Postgres, too", async (t) => {
  const front = createServer((socket) => {
    const beyond = connect(Number(new URL(database.url).port), "127.0.0.1");
    socket.on("error", () => beyond.destroy()).pipe(beyond);
    beyond.on("error", () => socket.destroy()).pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  t.after(() => front.close());
  const { port } = front.address() as AddressInfo;
  const listenUrl = new URL(database.url);
  listenUrl.host = `127.0.0.1:${port}`;
  const id = await create(`http://127.0.0.1:${port}/`);
  await run(t, { egress: policyOf({ profile: "custom", allow: ["127.0.0.0/8"] }), listenUrl: listenUrl.href });
  await insertEvent(database.pool, "order.paid");
  assert.match((await attemptsAt(id, 1))[0]?.error ?? "", /own Postgres/);
});

test("the Postgres behind a pooler is the daemon's own, too, on whatever port it listens", async (t) => {
  const pooler = await TransactionPooler.start({ serverUrl: database.url, size: 2 });
  t.after(() => pooler.stop());
  const { port } = new URL(database.url);
  const [behind, front] = [
    await create(`http://localhost:${port}/`),
    await create(pooler.url.replace("postgres:", "http:").replace(/[^/]*@/, "")),
  ];
  const egress = policyOf({ profile: "custom", allow: ["127.0.0.0/8", "::1", "localhost"] });
  const { daemon } = await startDaemon(pooler.url, { egress, preparedStatements: null, pollIntervalMs: 200 });
  t.after(() => daemon.stop());
  await insertEvent(database.pool, "order.paid");
  for (const id of [behind, front]) {
    assert.match((await attemptsAt(id, 1))[0]?.error ?? "", /own Postgres/);
  }
});

test("with an egress proxy and a private CA, http and https endpoints are reached through it alone", async (t) => {
  const tls = certificateFor(t, "DNS:hooks.example");
  const proxy = await connectProxyFor(t, { credentials: "shop:s3cret-word" });
  const plain = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")));
  const secure = await receiverFor(t, (socket) => socket.write(answerOf("200 OK")), { tls });
  const ids = [
    await create(`http://hooks.example:${plain.port}/`),
    await create(`https://hooks.example:${secure.port}/`),
  ];
  const egressProxy = proxyAt(`http://shop:s3cret-word@127.0.0.1:${proxy.port}`);
  await run(t, { egress: policyOf(), egressProxy, caCertificates: [tls.cert] });
  await insertEvent(database.pool, "order.paid");
  for (const id of ids) {
    assert.deepEqual(await attemptsAt(id, 1), [{ failure_kind: null, error: null }]);
  }
  assert.deepEqual(proxy.asked.toSorted(), [`hooks.example:${plain.port}`, `hooks.example:${secure.port}`].toSorted());
});

test("what the egress proxy does wrong is not the receiver's failure, and shows no credentials", async (t) => {
  const proxy = await connectProxyFor(t, { credentials: "shop:other" });
  const id = await create("http://hooks.example:8080/");
  await run(t, { egress: policyOf(), egressProxy: proxyAt(`http://shop:s3cret-word@127.0.0.1:${proxy.port}`) });
  await insertEvent(database.pool, "order.paid");
  const [first] = await attemptsAt(id, 1);
  assert.equal(first?.failure_kind, "proxy");
  assert.match(first?.error ?? "", /answered 407 to CONNECT hooks.example:8080: it does not accept our credentials/);
  assert.doesNotMatch(first?.error ?? "", /s3cret/);
});

test("a blocked delivery is retried seldom, and its error names rule and setting and nothing of the target", async (t) => {
  const answer = await receiverFor(t, (socket) => socket.write(answerOf("200 OK", "s3cret")));
  const urls = [`http://127.0.0.1:${answer.port}/`, `http://localhost.localdomain:${answer.port}/`, "http://10.0.0.1/"];
  const ids = await Promise.all(urls.map((url) => create(url, { retry_schedule: ["1 s", "2 h", "1 min"] })));
  await run(t, { egress: policyOf() });
  await insertEvent(database.pool, "order.paid");
  for (const id of ids) {
    const [first] = await attemptsAt(id, 1);
    assert.equal(first?.failure_kind, "blocked");
    assert.match(first?.error ?? "", /^egress refused .*POSTRIDER_EGRESS is public-only/);
  }
  const shown = await rowsOf<{ hours: number; answer: string | null; state: string }>(
    database.pool,
    `select round(extract(epoch from s.next_attempt_at - a.started_at) / 3600, 1)::float8 as hours, a.response_body as answer, s.state
     from postrider.attempt a join postrider.delivery_status s using (event_id, endpoint_id)`,
  );
  assert.equal(shown.length, ids.length);
  for (const { hours, answer, state } of shown) {
    assert.ok(hours >= 1.6 && hours <= 2.4, `${hours} h`);
    assert.deepEqual([answer, state], [null, "pending"]);
  }
  const health = "select distinct is_failing, last_failure_kind as kind from postrider.endpoint_health";
  assert.deepEqual(await rowsOf(database.pool, health), [{ is_failing: true, kind: "blocked" }]);
  assert.equal(answer.connections, 0);
});
