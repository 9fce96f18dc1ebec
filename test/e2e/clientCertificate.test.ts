/** Client certificates through a daemon: what a receiver that asks sees, and what an attempt says that lacks one. */
import assert from "node:assert/strict";
import { createServer } from "node:https";
import { beforeEach, type TestContext, test } from "node:test";
import { TLSSocket } from "node:tls";
import { parseSealingKey } from "../../src/secrets/sealing.ts";
import { issueCertificate } from "../http/certificates.ts";
import { certificateFor } from "../http/sending.ts";
import { runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, createEndpoint, insertEvent, reset, rowsOf } from "../support/engine.ts";
import { listenFor } from "../support/listen.ts";
import { until } from "../support/until.ts";

const database = useDatabase();
beforeEach(() => reset(database.pool));

interface Seen {
  readonly path: string;
  readonly who: string | undefined;
  readonly isResumed: boolean;
  readonly port: number | undefined;
}

/** A receiver that asks who connects, and refuses whom it does not know. */
async function askingReceiver(t: TestContext, known: readonly string[]) {
  const tls = certificateFor(t, "IP:127.0.0.1");
  const seen: Seen[] = [];
  const server = createServer(
    { ...tls, ca: [...known], requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      assert.ok(request.socket instanceof TLSSocket);
      const who = request.socket.getPeerCertificate().subject?.CN?.toString();
      const { remotePort: port } = request.socket;
      seen.push({ path: request.url ?? "", who, isResumed: request.socket.isSessionReused(), port });
      request.resume();
      response.end();
    },
  );
  const port = await listenFor(t, server);
  return { url: (path: string) => `https://127.0.0.1:${port}${path}`, seen, tls };
}

function create(url: string, options: Readonly<Record<string, unknown>>): Promise<string> {
  return createEndpoint(database.pool, ["*"], { url, options: { retry_schedule: [], ...options } });
}

async function failureOf(endpoint: string): Promise<{ failure_kind: string; error: string }> {
  const find = () =>
    rowsOf<{ failure_kind: string; error: string }>(
      database.pool,
      "select failure_kind, error from postrider.attempt where endpoint_id = $1",
      [endpoint],
    );
  await until("the attempt is recorded", async () => (await find()).length > 0);
  const [attempt] = await find();
  assert.ok(attempt !== undefined);
  return attempt;
}

test("each endpoint shows its certificate, and shares neither connection nor session with another", async (t) => {
  const [alice, bob] = [certificateFor(t, "DNS:a", "alice"), certificateFor(t, "DNS:b", "bob")];
  const { url, seen, tls } = await askingReceiver(t, [alice.cert, bob.cert]);
  const key = parseSealingKey(Buffer.alloc(32, 7).toString("base64"));
  assert.ok(key !== null);
  const { daemon } = await startDaemon(database.url, { caCertificates: [tls.cert], encryptionKeys: [key] });
  t.after(() => daemon.stop());
  const aliceId = await create(url("/alice"), { client_certificate: { certificate: alice.cert, key: alice.key } });
  await create(url("/bob"), { client_certificate: { certificate: bob.cert, key: bob.key } });
  const nobody = await create(url("/nobody"), {});
  for (let round = 1; round <= 3; round += 1) {
    await insertEvent(database.pool, "order.paid");
    await until("both have arrived", () => seen.length === 2 * round);
  }
  assert.deepEqual(new Set(seen.map(({ path, who }) => `${path} ${who}`)), new Set(["/alice alice", "/bob bob"]));
  assert.equal(new Set(seen.map(({ port }) => port)).size, 2);
  assert.deepEqual(new Set(seen.map(({ isResumed }) => isResumed)), new Set([false]));
  const { failure_kind, error } = await failureOf(nobody);
  assert.equal(failure_kind, "tls");
  assert.match(error, /the peer asks for a client certificate|TLS|SSL/);
  await until("the key is sealed", async () =>
    /^sealed:/.test(
      String(
        await askFor(
          database.pool,
          "select secret from postrider.endpoint_secret where endpoint_id = $1 and kind = 'client_certificate'",
          [aliceId],
        ),
      ),
    ),
  );
  // A renewed certificate is shown from the next request on.
  await database.pool.query("update postrider.endpoint set client_certificate = $2 where id = $1", [
    aliceId,
    JSON.stringify({ certificate: bob.cert, key: bob.key }),
  ]);
  await insertEvent(database.pool, "order.paid");
  await until("both have arrived", () => seen.length === 8);
  assert.equal(seen.findLast(({ path }) => path === "/alice")?.who, "bob");
});

test("a certificate with another key fails the attempt with the reason, and nothing of it is shown", async (t) => {
  const [alice, bob] = [certificateFor(t, "DNS:a", "alice"), certificateFor(t, "DNS:b", "bob")];
  const { url, seen, tls } = await askingReceiver(t, [alice.cert]);
  const { daemon, emitted } = await startDaemon(database.url, { caCertificates: [tls.cert] });
  t.after(() => daemon.stop());
  const endpoint = await create(url("/"), { client_certificate: { certificate: alice.cert, key: bob.key } });
  await insertEvent(database.pool, "order.paid");
  const { failure_kind, error } = await failureOf(endpoint);
  assert.equal(failure_kind, "tls");
  assert.match(error, /the client certificate and its key do not belong together$/);
  assert.deepEqual(seen, []);
  assert.ok(!JSON.stringify(emitted.kept).includes("BEGIN"));
});

/** A certificate that expires after so many days; none: at once. */
function certificateUntil(t: TestContext, days: number): { readonly certificate: string; readonly key: string } {
  const end = new Date(Date.now() + days * 86_400_000).toISOString();
  const { cert, key } = issueCertificate(t, { notAfter: end.replaceAll(/[-:T]|\.\d+/g, "") });
  return { certificate: cert, key };
}

async function certificatesCheck(): Promise<{ state: string; found: string }> {
  const { stdout } = await runCommand(["check", "--json"], { env: { DATABASE_URL: database.url } });
  const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; found: string }[] };
  const line = checks.find(({ name }) => name === "certificates");
  assert.ok(line !== undefined, stdout);
  return line;
}

test("check says which certificate expires first, and when", async (t) => {
  assert.equal((await certificatesCheck()).found, "no endpoint has a client certificate");
  await create("https://a.test/", { name: "a", client_certificate: certificateUntil(t, 100) });
  const well = await certificatesCheck();
  assert.equal(well.state, "ok");
  assert.match(well.found, /^1 client certificate, of which the first expires on 20/);
  await database.pool.query(
    "insert into postrider.endpoint (url, client_certificate) select 'https://many.test/', $1 from generate_series(1, 110)",
    [JSON.stringify(certificateUntil(t, 100))],
  );
  assert.match((await certificatesCheck()).found, /^111 client certificates, of which the first expires on 20/);
  await create("https://b.test/", { name: "b", client_certificate: certificateUntil(t, 10) });
  const soon = await certificatesCheck();
  assert.equal(soon.state, "warning");
  assert.match(soon.found, /^the client certificate of endpoint b expires on 20/);
  const id = await create("https://c.test/", { client_certificate: certificateUntil(t, 0) });
  const expired = await certificatesCheck();
  assert.equal(expired.state, "fault");
  assert.match(expired.found, new RegExp(`^the client certificate of endpoint ${id} has expired on 20`));
});
