import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connectionConfig, openConnection } from "../../src/db/connect.ts";
import { Tls } from "../../src/db/tls.ts";
import { messageOf } from "../../src/ground/errors.ts";
import { certificateFor } from "../http/sending.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { isGateHeld } from "../support/engine.ts";
import { startTlsFront, type TlsFrontOptions } from "../support/tlsFront.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

/** What each sslmode makes of a server that has no TLS, has it, insists on it, and refuses it; true: it connects. */
const MODES: Readonly<Record<string, readonly [boolean, boolean, boolean, boolean]>> = {
  "": [true, true, true, true],
  "?sslmode=disable": [true, true, false, true],
  "?sslmode=allow": [true, true, true, true],
  "?sslmode=prefer": [true, true, true, true],
  "?sslmode=require": [false, true, true, false],
  "?sslmode=require&sslnegotiation=direct": [false, true, true, false],
  "?sslmode=verify-ca&sslrootcert=AUTHORITY": [false, true, true, false],
  "?sslmode=verify-full&sslrootcert=AUTHORITY": [false, true, true, false],
  // Of no authority that the system knows.
  "?sslmode=verify-full": [false, false, false, false],
};

for (const [query, [without, both, insisting, refusing]] of Object.entries(MODES)) {
  test(`"${query}" connects where libpq would`, async (t) => {
    const keys = certificateFor(t, "DNS:localhost");
    const parameters = query.replace("AUTHORITY", file(t, keys.cert));
    const urlOf = (admits: TlsFrontOptions["admits"]) => startTlsFront(t, { serverUrl: database.url, ...keys, admits });
    assert.equal(await connects(database.url + parameters), without, "without TLS");
    assert.equal(await connects((await urlOf("both")) + parameters), both, "with TLS");
    assert.equal(await connects((await urlOf("hostssl")) + parameters), insisting, "hostssl");
    assert.equal(await connects((await urlOf("hostnossl")) + parameters), refusing, "hostnossl");
  });
}

test("the name in the certificate is compared by verify-full alone", async (t) => {
  const keys = certificateFor(t, "DNS:elsewhere.test");
  const url = await startTlsFront(t, { serverUrl: database.url, ...keys, admits: "hostssl" });
  const authority = file(t, keys.cert);
  assert.equal(await connects(`${url}?sslmode=verify-ca&sslrootcert=${authority}`), true);
  assert.equal(await connects(`${url}?sslmode=verify-full&sslrootcert=${authority}`), false);
});

for (const admits of ["hostssl", "hostnossl"] as const) {
  test(`a daemon with nothing set listens and sleeps behind ${admits}`, async (t) => {
    const url = await startTlsFront(t, { serverUrl: database.url, ...certificateFor(t, "DNS:localhost"), admits });
    const { daemon, emitted } = await startDaemon(url);
    t.after(() => daemon.stop());
    await until("the daemon sleeps", () => isGateHeld(database.pool));
    assert.deepEqual(emitted.named("listener.lost"), []);
  });
}

test("a handshake that fails once leaves no later connection without TLS", async () => {
  const tls = new Tls([{ rejectUnauthorized: false }, false]);
  const handshakes = [Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })];
  const made = () =>
    tls.connect(async (way) => {
      const failure = way === false ? undefined : handshakes.pop();
      if (failure !== undefined) {
        throw failure;
      }
      return way === false ? "plain" : "TLS";
    });
  assert.deepEqual([await made(), await made()], ["plain", "TLS"]);
});

async function connects(databaseUrl: string): Promise<boolean> {
  const config = connectionConfig({ databaseUrl, applicationName: "postrider-test" });
  try {
    const connection = await openConnection({ config, purpose: "control" });
    await connection.end();
    return true;
  } catch (thrown) {
    assert.match(messageOf(thrown), /PR0003/);
    return false;
  }
}

function file(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "postrider-tls-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "authority.pem");
  writeFileSync(path, text);
  return path;
}
