/** Client certificates of endpoints: what may be written, and that nobody sees the key again. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type pg from "pg";
import { issueCertificate } from "../http/certificates.ts";
import { certificateFor } from "../http/sending.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, rowsOf } from "../support/engine.ts";

const database = useDatabase();

async function create(options: Readonly<Record<string, unknown>>): Promise<string> {
  const statement = "select endpoint_id from postrider.create_endpoint('https://receiver.test/', options => $1)";
  return String(await askFor(database.pool, statement, [JSON.stringify(options)]));
}

async function refusalOf(given: unknown, url = "https://receiver.test/"): Promise<string> {
  try {
    await database.pool.query(
      "select postrider.create_endpoint($2, options => jsonb_build_object('client_certificate', $1::jsonb))",
      [JSON.stringify(given), url],
    );
  } catch (thrown) {
    const error = thrown as pg.DatabaseError;
    const all = JSON.stringify({ ...error, message: error.message });
    assert.ok(!all.includes("MI"), all);
    return error.message;
  }
  throw new Error("not refused");
}

test("the key goes where daemons alone read it, and the certificate stays", async (t) => {
  const { cert, key } = certificateFor(t, "DNS:a", "alice");
  const given = { certificate: cert, key };
  const options = { client_certificate: given, auth: { type: "bearer", token: "s3cret-token" } };
  const endpoint = await create(options);
  assert.deepEqual(
    await askFor(database.pool, "select client_certificate from postrider.endpoint where id = $1", [endpoint]),
    { certificate: cert },
  );
  const stored = () =>
    rowsOf<{ id: string; kind: string; secret: string }>(
      database.pool,
      "select id, kind, secret from postrider.endpoint_secret where endpoint_id = $1 and kind <> 'hmac' order by kind",
      [endpoint],
    );
  const [auth, certificate, ...others] = await stored();
  assert.deepEqual([auth?.kind, certificate?.kind, others], ["auth", "client_certificate", []]);
  assert.deepEqual(JSON.parse(certificate?.secret ?? ""), given);
  const audit = JSON.stringify(await rowsOf(database.pool, "select * from postrider.audit"));
  assert.ok(!audit.includes("PRIVATE KEY") && !audit.includes(key.split("\n")[1] ?? ""));
  await database.pool.query("update postrider.endpoint set client_certificate = $2 where id = $1", [
    endpoint,
    JSON.stringify(given),
  ]);
  assert.equal((await stored())[1]?.id, certificate?.id);
  await database.pool.query("update postrider.endpoint set client_certificate = null where id = $1", [endpoint]);
  assert.deepEqual(
    (await stored()).map(({ kind }) => kind),
    ["auth"],
  );
});

test("a chain with lines around it is taken, and every kind of private key", async (t) => {
  const [one, other] = [certificateFor(t, "DNS:a", "alice"), certificateFor(t, "DNS:b", "ca")];
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const keys = [
    one.key,
    rsa.export({ type: "pkcs8", format: "pem" }),
    rsa.export({ type: "pkcs1", format: "pem" }),
    ec.export({ type: "sec1", format: "pem" }),
  ];
  for (const key of keys) {
    const certificate = `subject=/CN=alice\n${one.cert}\nissuer\n${other.cert}`.replaceAll("\n", "\r\n");
    await create({ client_certificate: { certificate, key } });
  }
});

test("refused, with the reason, and without showing any of it", async (t) => {
  const { cert, key } = certificateFor(t, "DNS:a", "alice");
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const encrypted = ec.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
  for (const [given, sentence] of [
    [cert, /is not a JSON object$/],
    [{ key }, /has no certificate$/],
    [{ cert, key }, /has a member other than certificate and key$/],
    [{ certificate: cert }, /^the option client_certificate lacks what is secret in it$/],
    [{ certificate: cert + key, key }, /has a private key in certificate, which everyone/],
    [{ certificate: "MIIB", key }, /has a certificate that is not in PEM$/],
    [{ certificate: cert.replace(/\n/, "\n*"), key }, /has a certificate that is not in PEM$/],
    [
      { certificate: ec.publicKey.export({ type: "spki", format: "pem" }), key },
      /has a certificate that is not in PEM$/,
    ],
    [{ certificate: cert, key: cert }, /has a key that is no private key in PEM$/],
    [{ certificate: cert, key: 7 }, /has a key that is not a string$/],
    [{ certificate: cert, key: encrypted }, /has a key with a passphrase$/],
    [{ certificate: cert.repeat(200), key }, /is longer than 65536 characters/],
  ] as const) {
    assert.match(await refusalOf(given), sentence);
  }
  const http = await refusalOf({ certificate: cert, key }, "http://receiver.test/");
  assert.match(http, /^a client certificate needs https, and the url is http$/);
});

test("endpoint_health says until when it is valid, however its date is written, and nothing of what cannot be read", async (t) => {
  for (const notAfter of ["20491231235958Z", "20500101000000Z", "19991231235959Z"]) {
    const { cert, key } = issueCertificate(t, { notBefore: "19900101000000Z", notAfter, commonName: "c".repeat(60) });
    const endpoint = await create({ client_certificate: { certificate: cert + cert, key } });
    const expiresAt = await askFor(
      database.pool,
      `select to_char(certificate_expires_at at time zone 'UTC', 'YYYYMMDDHH24MISS"Z"') from postrider.endpoint_health where endpoint_id = $1`,
      [endpoint],
    );
    assert.equal(expiresAt, notAfter);
  }
  const unreadable = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  const read = "select postrider_internal.certificate_expiry($1)";
  assert.equal(await askFor(database.pool, read, [unreadable]), null);
  assert.equal(await askFor(database.pool, read, ["none"]), null);
});
