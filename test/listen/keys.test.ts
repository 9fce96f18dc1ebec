import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { Hono } from "hono";
import { calculateJwkThumbprint, createLocalJWKSet, type JSONWebKeySet } from "jose";
import { makePrivateKey, publicKeyOf } from "../../src/format/ed25519.ts";
import { addKeys } from "../../src/listen/keys.ts";
import { ListenerDatabase } from "../../src/listen/listenerDatabase.ts";
import type { ListenerApp } from "../../src/listen/routes.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { startListener } from "../support/listener.ts";

const database = useDatabase();

async function endpoint(signing: string): Promise<string> {
  const rows = await rowsOf<{ endpoint_id: string }>(
    database.pool,
    "select endpoint_id from postrider.create_endpoint('https://shop.example.com/', options => jsonb_build_object('signing', $1::text))",
    [signing],
  );
  return rows[0]?.endpoint_id ?? "";
}

/** As a daemon makes it; the key, as `whpk_…`. */
async function addKey(endpointId: string, expiry = "null"): Promise<string> {
  const key = makePrivateKey();
  await database.pool.query(
    `insert into postrider.endpoint_secret (endpoint_id, kind, secret, public_key, expires_at)
     values ($1, 'ed25519', $2, $3, now() + ${expiry}::interval)`,
    [endpointId, key, publicKeyOf(key)],
  );
  return publicKeyOf(key);
}

test("an endpoint's keys in force are a JWK set that a library takes", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const endpointId = await endpoint("ed25519");
  const keys = [await addKey(endpointId), await addKey(endpointId, "'1 hour'")];
  await addKey(endpointId, "'-1 second'");
  const answer = await fetch(`${url}/.well-known/jwks.json?endpoint=${endpointId}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/jwk-set+json");
  assert.equal(answer.headers.get("cache-control"), "public, max-age=300");
  const keySet = JSON.parse(await answer.text()) as JSONWebKeySet;
  assert.equal(keySet.keys.length, 2);
  const spelled = keySet.keys.map(({ x }) => `whpk_${Buffer.from(x ?? "", "base64url").toString("base64")}`);
  assert.deepEqual(spelled.toSorted(), keys.toSorted());
  for (const jwk of keySet.keys) {
    assert.equal(jwk.kid, await calculateJwkThumbprint(jwk, "sha256"));
    assert.equal(createPublicKey({ key: jwk, format: "jwk" }).asymmetricKeyType, "ed25519");
  }
  await createLocalJWKSet(keySet)({
    alg: "EdDSA",
    ...(keySet.keys[0]?.kid !== undefined && { kid: keySet.keys[0].kid }),
  });
});

test("a client that has the keys gets no body", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const endpointId = await endpoint("both");
  await addKey(endpointId);
  const address = `${url}/.well-known/jwks.json?endpoint=${endpointId}`;
  const etag = (await fetch(address)).headers.get("etag") ?? "";
  assert.match(etag, /^"[\w-]{43}"$/);
  const again = await fetch(address, { headers: { "if-none-match": `"other", W/${etag}` } });
  assert.equal(again.status, 304);
  assert.equal(again.headers.get("etag"), etag);
  assert.equal(await again.text(), "");
  assert.equal((await fetch(address, { headers: { "if-none-match": '"other"' } })).status, 200);
});

test("an endpoint without keys looks like one that does not exist, and nothing lists endpoints", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const answers = await Promise.all(
    [await endpoint("hmac"), await endpoint("ed25519"), crypto.randomUUID()].map(async (id) => {
      const answer = await fetch(`${url}/.well-known/jwks.json?endpoint=${id}`);
      const headers = [...answer.headers].filter(([name]) => name !== "date");
      return { status: answer.status, headers, body: await answer.text() };
    }),
  );
  assert.equal(answers[0]?.status, 404);
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
  for (const query of ["", "?endpoint=", "?endpoint=1", "?endpoint=';--"]) {
    assert.equal((await fetch(`${url}/.well-known/jwks.json${query}`)).status, 400);
  }
});

test("guessing ids costs Postgres a bounded number of looks, and keys that are known stay available", async (t) => {
  const looking = new ListenerDatabase({ databaseUrl: database.url, databaseUrlFile: null, preparedStatements: null });
  t.after(() => looking.stop());
  const app: ListenerApp = new Hono();
  addKeys(app, looking, { perSecond: 0.001, burst: 3 });
  const endpointId = await endpoint("ed25519");
  await addKey(endpointId);
  const ask = async (id: string) => (await app.request(`/.well-known/jwks.json?endpoint=${id}`)).status;
  assert.equal(await ask(endpointId), 200);
  const statuses = [];
  for (let guesses = 0; guesses < 4; guesses += 1) {
    statuses.push(await ask(crypto.randomUUID()));
  }
  assert.deepEqual(statuses, [404, 404, 503, 503]);
  assert.equal(await ask(endpointId), 200);
});

test("however many ids are guessed, keys that are known are not forgotten for them", async (t) => {
  const looking = new ListenerDatabase({ databaseUrl: database.url, databaseUrlFile: null, preparedStatements: null });
  t.after(() => looking.stop());
  const app: ListenerApp = new Hono();
  addKeys(app, looking, { perSecond: 0.001, burst: 1_100 });
  const endpointId = await endpoint("ed25519");
  await addKey(endpointId);
  const ask = async (id: string) => (await app.request(`/.well-known/jwks.json?endpoint=${id}`)).status;
  assert.equal(await ask(endpointId), 200);
  const statuses: number[] = [];
  while (!statuses.includes(503)) {
    statuses.push(...(await Promise.all(Array.from({ length: 100 }, () => ask(crypto.randomUUID())))));
  }
  assert.equal(statuses.length, 1_100);
  assert.equal(await ask(endpointId), 200);
});

test("without Postgres the answer says when to ask again, and nothing else", async (t) => {
  const { url, errors } = await startListener(t);
  const answer = await fetch(`${url}/.well-known/jwks.json?endpoint=${crypto.randomUUID()}`);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "5");
  assert.equal(await answer.text(), '{"title":"Service Unavailable","status":503}');
  assert.deepEqual(errors, []);
});
