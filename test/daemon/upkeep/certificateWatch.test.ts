import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makeCertificateWatch } from "../../../src/daemon/upkeep/certificateWatch.ts";
import { connectionConfig } from "../../../src/db/connect.ts";
import { Database } from "../../../src/db/database.ts";
import { issueCertificate } from "../../http/certificates.ts";
import { KeptEvents } from "../../support/daemon.ts";
import { useDatabase } from "../../support/database.ts";
import { createEndpoint } from "../../support/engine.ts";
import { until } from "../../support/until.ts";

const database = useDatabase();
const DAY_MS = 86_400_000;

async function endpointWithCertificate(t: TestContext, days: number): Promise<string> {
  const notAfter = `${new Date(Date.now() + days * DAY_MS).toISOString().replace(/[-:T]|\..*/g, "")}Z`;
  const { cert, key } = issueCertificate(t, { notAfter });
  return createEndpoint(database.pool, [], {
    url: "https://receiver.test/",
    options: { client_certificate: { certificate: cert, key } },
  });
}

test("certificates that have expired or expire within two weeks are reported, and no others", async (t) => {
  const [expired, soon] = [await endpointWithCertificate(t, -1), await endpointWithCertificate(t, 13.5)];
  await endpointWithCertificate(t, 20);
  const disabled = await endpointWithCertificate(t, 1);
  await database.pool.query("select postrider.disable_endpoint($1)", [disabled]);
  const config = connectionConfig({ databaseUrl: database.url, applicationName: "certificates" });
  const pool = new Database({ config, purpose: "maintain", max: 1 });
  const emitted = new KeptEvents();
  const watch = makeCertificateWatch({ database: pool, events: emitted });
  t.after(async () => {
    await watch.stop();
    await pool.end();
  });
  watch.start();
  await until("both are reported", () => emitted.named("certificate.expiring").length >= 2);
  await watch.stop();
  assert.deepEqual(
    new Map(emitted.named("certificate.expiring").map(({ endpoint_id, days_left }) => [endpoint_id, days_left])),
    new Map([
      [expired, 0],
      [soon, 13],
    ]),
  );
});
