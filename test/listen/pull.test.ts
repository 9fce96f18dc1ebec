import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, type TestContext, test } from "node:test";
import { exportJWK, flattenedDecrypt, generateKeyPair } from "jose";
import { makeToken, tokenKeysOf } from "../../src/format/payloadToken.ts";
import { parseSecret, verifySignature } from "../../src/format/sign.ts";
import { inboxSql } from "../../src/receive/inboxSql.ts";
import { runShell } from "../docs/shell.ts";
import { databaseFor, useDatabase } from "../support/database.ts";
import {
  askFor,
  claimAll,
  eventually,
  insertEvent,
  insertEvents,
  openSession,
  reset,
  rowsOf,
  type Session,
} from "../support/engine.ts";
import { guideBlock, guideBlocks } from "../support/guides.ts";
import { startListener } from "../support/listener.ts";

const database = useDatabase();

beforeEach(() => reset(database.pool));

interface Receiver {
  readonly id: string;
  readonly secret: string;
  readonly token: string;
}

interface PageBody {
  readonly data: readonly { readonly id: string; readonly type: string; readonly data: unknown }[];
  readonly next: string;
  readonly has_more: boolean;
  readonly paused?: true;
}

async function receiver(
  options: Readonly<Record<string, unknown>> = {},
  session: Session = database.pool,
): Promise<Receiver> {
  const [made] = await rowsOf<{ id: string; secret: string }>(
    session,
    "select endpoint_id as id, secret from postrider.create_endpoint(null, options => $1)",
    [JSON.stringify({ kind: "pull", ...options })],
  );
  assert.ok(made !== undefined);
  const token = String(await askFor(session, "select postrider.create_pull_token($1)", [made.id]));
  return { ...made, token };
}

function ask(url: string, { id, token }: Pick<Receiver, "id" | "token">, query = ""): Promise<Response> {
  return fetch(`${url}/v1/endpoints/${id}/events${query}`, { headers: { authorization: `Bearer ${token}` } });
}

async function bodyOf(answer: Response): Promise<PageBody> {
  assert.equal(answer.status, 200);
  return (await answer.json()) as PageBody;
}

async function published(count: number): Promise<string[]> {
  const events = await insertEvents(database.pool, "order.paid", count);
  await claimAll(database.pool);
  return events;
}

test("a page has envelopes, a cursor and a signature, and the next one acknowledges it", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const made = await receiver();
  const event = await insertEvent(database.pool, "order.paid", { payload: '{"amount":  1.50}' });
  const [, ...others] = [event, ...(await published(2))];
  const answer = await ask(url, made, "?limit=1");
  assert.equal(answer.headers.get("content-type"), "application/json");
  const text = await answer.text();
  assert.match(text, /"data":\{"amount": {2}1\.50\}/);
  const parsed = parseSecret(made.secret);
  assert.ok(parsed.kind === "key");
  const headers = {
    id: answer.headers.get("webhook-id"),
    timestamp: answer.headers.get("webhook-timestamp"),
    signature: answer.headers.get("webhook-signature"),
  };
  assert.equal(verifySignature([parsed.key], headers, text, Date.now() / 1_000).kind, "verified");
  const page = JSON.parse(text) as PageBody;
  assert.deepEqual([page.data.map(({ id }) => id), page.has_more], [[event], true]);
  const same = await ask(url, made, "?limit=1");
  assert.equal(same.headers.get("webhook-id"), headers.id);
  assert.equal(await same.text(), text);
  const next = await bodyOf(await ask(url, made, `?after=${page.next}`));
  assert.deepEqual([next.data.map(({ id }) => id), next.has_more], [others, false]);
  assert.equal(
    await askFor(database.pool, "select count(*)::integer from postrider.delivery where state = 'succeeded'"),
    1,
  );
});

test("an unknown endpoint and a wrong token have the same answer", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const [made, other] = [await receiver(), await receiver()];
  const unknown = { id: "0190b0b0-0000-7000-8000-000000000000", token: made.token };
  const answers: string[] = [];
  for (const who of [
    unknown,
    { ...made, token: other.token },
    { ...made, token: "x" },
    { id: "none", token: made.token },
  ]) {
    const answer = await ask(url, who);
    assert.equal(answer.headers.get("www-authenticate"), 'Bearer realm="postrider"');
    answers.push(`${answer.status} ${await answer.text()}`);
  }
  assert.deepEqual(new Set(answers), new Set(['401 {"title":"Unauthorized","status":401}']));
  const old = made.token;
  const renewed = String(await askFor(database.pool, "select postrider.create_pull_token($1, '0')", [made.id]));
  assert.equal((await ask(url, { id: made.id, token: old })).status, 401);
  assert.equal((await ask(url, { id: made.id, token: renewed })).status, 200);
});

test("what cannot be answered says why", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const made = await receiver();
  const [event] = await published(2);
  const problem = async (query: string) => {
    const answer = await ask(url, made, query);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    return (await answer.json()) as Record<string, unknown>;
  };
  for (const query of ["?limit=0", "?limit=1001", "?limit=x", "?wait=31", "?wait=-1"]) {
    assert.equal((await problem(query)).status, 400, query);
  }
  for (const cursor of ["x", "%00", "A".repeat(32), `${"A".repeat(32)}%0A`]) {
    const refused = await problem(`?after=${cursor}`);
    assert.equal(refused.status, 400, cursor);
    assert.match(String(refused.detail), /^the cursor is none of this endpoint/);
  }
  const first = await bodyOf(await ask(url, made, "?limit=1"));
  const second = await bodyOf(await ask(url, made, `?limit=1&after=${first.next}`));
  await ask(url, made, `?after=${second.next}`);
  const start = await askFor(
    database.pool,
    "select postrider_internal.pull_cursor(cursor_key, endpoint_id, 0) from postrider.pull_position",
  );
  await database.pool.query("select postrider_internal.note_gone($1, $1)", [event]);
  const gone = await problem(`?after=${start}`);
  assert.equal(gone.status, 410);
  assert.equal((await ask(url, made, `?after=${gone.resume_after}`)).status, 200);
  await database.pool.query("select postrider.pause_endpoint($1)", [made.id]);
  assert.equal((await bodyOf(await ask(url, made))).paused, true);
  await database.pool.query("select postrider.disable_endpoint($1)", [made.id]);
  assert.equal((await problem("")).status, 403);
});

test("those who wait get an event when it comes, and hold no connection meanwhile", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const made = await Promise.all([receiver(), receiver(), receiver(), receiver()]);
  const waiting = made.map((who) => ask(url, who, "?wait=30"));
  await eventually(
    "all to wait",
    async () =>
      (await askFor(
        database.pool,
        "select count(*) = 0 from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()",
      )) === true && (await askFor(database.pool, "select count(*) = 4 from postrider.pull_position")) === true,
  );
  const others = await bodyOf(await ask(url, made[0] as Receiver));
  assert.deepEqual(others.data, []);
  const [event] = await published(1);
  for (const answer of await Promise.all(waiting)) {
    assert.deepEqual(
      (await bodyOf(answer)).data.map(({ id }) => id),
      [event],
    );
  }
});

test("one who waits in vain gets an empty page, and one who goes away leaves nothing behind", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const made = await receiver();
  const startedAt = performance.now();
  const page = await bodyOf(await ask(url, made, "?wait=1"));
  assert.deepEqual([page.data, page.has_more], [[], false]);
  assert.ok(performance.now() - startedAt >= 900);
  const leaving = new AbortController();
  const left = fetch(`${url}/v1/endpoints/${made.id}/events?wait=30`, {
    headers: { authorization: `Bearer ${made.token}` },
    signal: leaving.signal,
  });
  setTimeout(() => leaving.abort(), 100);
  await assert.rejects(left, { name: "AbortError" });
});

test("pages are CloudEvents if the endpoint's format is, and encrypted if it has a key", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const { publicKey, privateKey } = await generateKeyPair("ECDH-ES+A256KW", { extractable: true });
  const made = await receiver({ format: "cloudevents", encryption_key: await exportJWK(publicKey) });
  const [event] = await published(1);
  const answer = await ask(url, made);
  assert.equal(answer.headers.get("content-type"), "application/jose+json");
  const { plaintext, protectedHeader } = await flattenedDecrypt(JSON.parse(await answer.text()), privateKey);
  assert.equal(protectedHeader?.endpoint_id, made.id);
  assert.equal(protectedHeader?.webhook_id, answer.headers.get("webhook-id"));
  const page = JSON.parse(Buffer.from(plaintext).toString()) as { data: readonly Record<string, unknown>[] };
  assert.equal(page.data[0]?.specversion, "1.0");
  assert.equal(page.data[0]?.id, event);
});

test("an event that cannot be given is discarded with the reason, and keeps no other", async (t) => {
  // A byte that has no form in UTF-8.
  const { url: databaseUrl, pool } = await databaseFor(t, { encoding: "WIN1252" });
  const { url } = await startListener(t, { databaseUrl });
  const made = await receiver({}, pool);
  const events: string[] = [];
  for (const bytes of ["61", "62", "81", "63"]) {
    const inserted = await askFor(
      pool,
      `insert into postrider.outbox (event_type, payload)
       values ('order.paid', convert_from(decode('22' || $1 || '22', 'hex'), 'WIN1252')::json) returning id`,
      [bytes],
    );
    events.push(String(inserted));
  }
  await claimAll(pool, { payloadBytes: -1 });
  const seen: string[] = [];
  let after = "";
  for (let page = await bodyOf(await ask(url, made)); ; page = await bodyOf(await ask(url, made, `?after=${after}`))) {
    seen.push(...page.data.map(({ id }) => id));
    after = page.next;
    if (!page.has_more && page.data.length === 0) break;
  }
  assert.deepEqual(seen, [events[0], events[1], events[3]]);
  assert.deepEqual(await rowsOf(pool, "select event_id, reason from postrider.delivery where state = 'discarded'"), [
    { event_id: events[2], reason: "the event cannot be read: a character has no form in UTF-8 (SQLSTATE 22P05)" },
  ]);
  // Its payload cannot be fetched by a URL either.
  const parsed = parseSecret(made.secret);
  assert.ok(parsed.kind === "key");
  const [key] = tokenKeysOf([parsed.key], []);
  assert.ok(key !== undefined);
  const grant = {
    endpointId: made.id,
    eventId: String(events[2]),
    expiresSeconds: Math.floor(Date.now() / 1_000) + 60,
  };
  const refused = await fetch(`${url}/payloads/${makeToken(key, grant)}`);
  assert.deepEqual(
    [refused.status, ((await refused.json()) as { readonly detail?: string }).detail],
    [422, "The payload cannot be read: a character has no form in UTF-8 (SQLSTATE 22P05)."],
  );
});

test("large events come alone, and one at a time", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const [made, other] = [await receiver(), await receiver()];
  const payload = JSON.stringify("x".repeat(24_000_000));
  const large = await insertEvent(database.pool, "order.paid", { payload });
  const [small] = await published(1);
  // Its body is not read, so it stays in memory.
  const held = await ask(url, made);
  assert.equal(held.status, 200);
  const refused = await ask(url, other);
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  const page = await bodyOf(held);
  assert.deepEqual([page.data.map(({ id }) => id), page.has_more], [[large], true]);
  assert.deepEqual(
    (await bodyOf(await ask(url, made, `?after=${page.next}`))).data.map(({ id }) => id),
    [small],
  );
  assert.equal((await bodyOf(await ask(url, other))).data[0]?.data, JSON.parse(payload));
});

test("a receiver that goes away while Postgres is asked for a large event keeps no other from one", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const made = await receiver();
  await bodyOf(await ask(url, made));
  const large = await insertEvent(database.pool, "order.paid", { payload: JSON.stringify("x".repeat(2_000_000)) });
  await claimAll(database.pool);
  const other = await openSession(t, database.url);
  await other.query("begin");
  await other.query("select from postrider.pull_position for update");
  const leaving = new AbortController();
  const left = fetch(`${url}/v1/endpoints/${made.id}/events`, {
    headers: { authorization: `Bearer ${made.token}` },
    signal: leaving.signal,
  });
  await eventually(
    "it to wait for Postgres",
    async () =>
      (await askFor(
        database.pool,
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')",
      )) === true,
  );
  leaving.abort();
  await assert.rejects(left, { name: "AbortError" });
  // The listener has heard of it before this is answered.
  await fetch(`${url}/healthz`);
  await other.query("commit");
  await eventually("another one to be given it", async () => {
    const answer = await ask(url, made);
    if (answer.status !== 200) {
      await answer.body?.cancel();
      return false;
    }
    return (await bodyOf(answer)).data[0]?.id === large;
  });
});

test("a large event that its receiver does not read keeps no page waiting, and no other large one for long", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url, largeReadMs: 1_000 });
  const slow = await receiver();
  const payload = JSON.stringify("x".repeat(40_000_000));
  await insertEvent(database.pool, "order.paid", { payload });
  await claimAll(database.pool);
  const other = await receiver();
  const held = await ask(url, slow);
  assert.equal(held.status, 200);
  const [small] = await published(1);
  const page = await bodyOf(await ask(url, other));
  assert.equal(page.data[0]?.id, small);
  await eventually("it to be cut", async () => {
    const answer = await ask(url, slow);
    await answer.body?.cancel();
    return answer.status === 200;
  });
  await assert.rejects(held.text());
});

test("a token that is revoked while its receiver waits gets nothing", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const made = await receiver();
  const waiting = ask(url, made, "?wait=30");
  await eventually(
    "it to wait",
    async () => (await askFor(database.pool, "select count(*) = 1 from postrider.pull_position")) === true,
  );
  await database.pool.query("select postrider.revoke_pull_token(id) from postrider.pull_token");
  await published(1);
  assert.equal((await waiting).status, 401);
});

describe("the guide for receivers", () => {
  const GUIDE_DEADLINE_MS = 30_000;

  async function shop(t: TestContext) {
    const { url } = await startListener(t, { databaseUrl: database.url });
    const made = await receiver();
    await insertEvent(database.pool, "order.paid", { payload: '{"order_id":42}' });
    await claimAll(database.pool);
    return { LISTENER: url, ENDPOINT: made.id, TOKEN: made.token, SECRET: made.secret };
  }

  test("has a command that prints a page", async (t) => {
    const env = await shop(t);
    const page = JSON.parse(await runShell(guideBlock("src/receive/pulling.md", "One page", "sh"), env));
    const shown = JSON.parse(guideBlock("src/receive/pulling.md", "One page", "json"));
    assert.deepEqual(Object.keys(page), Object.keys(shown));
    assert.deepEqual(Object.keys(page.data[0]), Object.keys(shown.data[0]));
    assert.deepEqual(page.data[0].data, shown.data[0].data);
    assert.equal(page.next.length, shown.next.length);
  });

  /** As a module beside the types of its events, in which the kit is that of this checkout. */
  function runProgram(t: TestContext, program: string, env: Readonly<Record<string, string>>): ChildProcess {
    const directory = mkdtempSync(join(import.meta.dirname, "guide-"));
    writeFileSync(
      join(directory, "eventTypes.ts"),
      'export interface EventTypes { "order.paid": { order_id: number } }',
    );
    writeFileSync(
      join(directory, "program.ts"),
      program.replace('"postrider/receive"', '"../../../src/receive/receive.ts"'),
    );
    const child = spawn(process.execPath, [join(directory, "program.ts")], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(async () => {
      if (child.exitCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      rmSync(directory, { recursive: true });
    });
    return child;
  }

  test("has programs of the kit, which handle events once and print them", async (t) => {
    const [handling = "", printing = ""] = guideBlocks("src/receive/pulling.md", "With the receiver kit", "ts");
    const env = { ...(await shop(t)), DATABASE_URL: database.url };
    await database.pool.query(`${inboxSql()}; create table orders (id bigint primary key, paid_at timestamptz)`);
    await database.pool.query("insert into orders values (42)");
    const handled = runProgram(t, handling, env);
    await eventually(
      "the order to be paid",
      async () => (await askFor(database.pool, "select paid_at is not null from orders")) === true,
    );
    handled.kill("SIGTERM");
    assert.deepEqual(await once(handled, "exit"), [0, null]);
    assert.equal(await askFor(database.pool, "select state from postrider.delivery"), "succeeded");
    await insertEvent(database.pool, "order.paid", { payload: '{"order_id":43}' });
    await claimAll(database.pool);
    const printed = runProgram(t, printing, env);
    assert.ok(printed.stdout !== null);
    const [text] = await once(printed.stdout, "data", { signal: AbortSignal.timeout(GUIDE_DEADLINE_MS) });
    assert.equal(String(text), "order.paid { order_id: 43 }\n");
  });

  test("has a loop that prints events and acknowledges them", async (t) => {
    const env = await shop(t);
    const loop = guideBlock("src/receive/pulling.md", "A loop without the kit", "ts");
    const child = spawn(process.execPath, ["--input-type=module", "--eval", loop], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const [printed] = await once(child.stdout, "data", { signal: AbortSignal.timeout(GUIDE_DEADLINE_MS) });
    assert.equal(String(printed), "order.paid { order_id: 42 }\n");
    await eventually(
      "it to acknowledge",
      async () => (await askFor(database.pool, "select state from postrider.delivery")) === "succeeded",
    );
  });
});
