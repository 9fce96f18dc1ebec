/** `postrider publish`, as a person runs it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CommandProcess, runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { createLogin } from "../support/roles.ts";
import { ScriptedReceiver, status } from "../support/scriptedReceiver.ts";

let database: TestDatabase;

before(async () => {
  database = await createDatabase();
});

after(() => database.drop());

function publish(args: readonly string[], stdin?: string | Buffer) {
  return runCommand(["publish", ...args], {
    env: { DATABASE_URL: database.url },
    ...(stdin === undefined ? {} : { stdin }),
  });
}

async function published(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query(
    `select event_type, payload::text as payload, tenant, ordering_key, idempotency_key, deliver_at > now() as is_later
     from postrider.outbox where id = $1`,
    [id.trim()],
  );
  return rows[0];
}

test("an event is inserted as it was written, and its id is all that is printed", async () => {
  const options = ["--tenant", "acme", "--ordering-key", "order-42", "--idempotency-key", "once"];
  const first = await publish(["order.paid", '{"n": 1.10, "n": 12345678901234567890}', ...options]);
  assert.deepEqual([first.code, first.stderr], [0, ""]);
  assert.match(first.stdout, /^[0-9a-f-]{36}\n$/);
  assert.deepEqual(await published(first.stdout), {
    ...{ event_type: "order.paid", payload: '{"n": 1.10, "n": 12345678901234567890}', tenant: "acme" },
    ...{ ordering_key: "order-42", idempotency_key: "once", is_later: null },
  });
  const again = await publish(["order.paid", "{}", ...options]);
  assert.equal(again.stdout, first.stdout);
});

test("a payload may come from standard input, and a time may be an interval from now", async () => {
  const { code, stdout, stderr } = await publish(["order.paid", "--deliver-at", "10 minutes", "--json"], '{"ä": 1}\n');
  assert.deepEqual([code, stderr], [0, ""]);
  const { id, ...others } = JSON.parse(stdout);
  assert.deepEqual(others, {});
  const event = await published(id);
  assert.deepEqual([event?.payload, event?.is_later], ['{"ä": 1}\n', true]);
  const iso = new Date(Date.now() + 86_400_000).toISOString();
  const basic = iso.replace(/[-:]|\.\d+/g, "");
  // Times may begin like an interval, with a number and a letter.
  for (const time of [iso, basic, "tomorrow", "PT10M", "1h30m"]) {
    const later = await publish(["order.paid", "1", "--deliver-at", time]);
    assert.equal(later.stderr, "", time);
    assert.equal((await published(later.stdout))?.is_later, true, time);
  }
});

test("bad input is refused with what was found, and nothing is inserted", async () => {
  const count = async () => (await database.pool.query("select count(*) from postrider.outbox")).rows[0].count;
  const before = await count();
  const cases: [args: readonly string[], stdin: Buffer | string, code: number, stderr: RegExp][] = [
    [
      ["order.paid", "{bad"],
      ...(["", 1] as const),
      /^PR0023: cannot publish "order\.paid": invalid input syntax for type json \(Token "bad" is invalid\); /,
    ],
    [["order.paid", "1", "--deliver-at", "1 May 2131"], "", 1, /^PR0023: .*due at 2131-05-01 .*; insert it nearer to/],
    [["order.paid", ""], "", 1, /^PR0023: cannot publish "order\.paid": invalid input syntax for type json/],
    [["order paid", "1"], "", 1, /^PR0023: cannot publish "order paid": .*order paid/],
    [
      ["order.paid", "1", "--deliver-at", "soon"],
      "",
      2,
      /^PR0001: cannot use --deliver-at: "soon" is neither a time nor/,
    ],
    [
      ["order.paid", "1", "--deliver-at", "2031"],
      "",
      2,
      /^PR0001: cannot use --deliver-at: "2031" is neither a time nor/,
    ],
    [["order.paid"], "", 2, /^PR0001: cannot use standard input as the payload: it is empty; write/],
    [["order.paid"], Buffer.from([0x22, 0xff, 0x22]), 2, /^PR0001: .*it is not UTF-8/],
    [["order.paid"], Buffer.alloc(64 * 1_048_576 + 1, " "), 2, /^PR0001: .*more than 67108864 bytes/],
  ];
  for (const [args, stdin, code, stderr] of cases) {
    const run = await publish(args, stdin);
    assert.deepEqual([run.code, run.stdout], [code, ""], run.stderr);
    assert.match(run.stderr, stderr);
  }
  assert.equal(await count(), before);
});

test("--wait shows what becomes of the event, and exits with 1 if a delivery ends without success", async (t) => {
  const receiver = await ScriptedReceiver.start();
  t.after(() => receiver.stop());
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const create = (path: string, options: object) =>
    database.pool.query("select postrider.create_endpoint($1, array[$2], options => $3)", [
      receiver.url(`/${path}`),
      `waited.${path}`,
      options,
    ]);
  await create("fine", {});
  await create("gone", { retry_schedule: [] });
  receiver.script("/gone", status(500));

  const fine = await publish(["waited.fine", "1", "--wait"]);
  assert.equal(fine.code, 0, fine.stderr);
  assert.match(fine.stdout, /^[0-9a-f-]{36}\n(in flight .*\n)?succeeded .*\/fine {2}delivered .*, with attempt 1\n$/);

  const gone = await publish(["waited.gone", "1", "--wait", "--json"]);
  assert.equal(gone.code, 1, gone.stderr);
  const { deliveries } = JSON.parse(gone.stdout);
  assert.deepEqual(
    deliveries.map(({ outcome }: { outcome: string }) => outcome),
    ["exhausted"],
  );

  const unmatched = await publish(["waited.nobody", "1", "--wait"]);
  assert.equal(unmatched.code, 0);
  assert.match(unmatched.stdout, /\nnot matched {2}no subscription of an active endpoint matches the event\n$/);
});

test("a caller that may not wait learns the id of what was inserted all the same", async (t) => {
  const login = await createLogin(database, ["postrider_publisher"]);
  t.after(() => login.drop());
  const { code, stdout, stderr } = await runCommand(["publish", "waited.blindly", "1", "--wait", "--json"], {
    env: { DATABASE_URL: login.url },
  });
  assert.equal(code, 1);
  assert.match(stderr, /^PR0013: .*"grant postrider_operator to"/);
  const { id, ...others } = JSON.parse(stdout);
  assert.deepEqual(others, {});
  assert.equal((await published(id))?.event_type, "waited.blindly");
});

test("a wait that is interrupted says what was seen last, and exits with 1", async () => {
  await database.pool.query("select postrider.create_endpoint('https://example.com/', '{waited.long}')");
  const waiting = new CommandProcess(["publish", "waited.long", "1", "--wait"], {
    env: { DATABASE_URL: database.url },
  });
  await waiting.match(/^not claimed .*no daemon has claimed the event yet/m);
  const { code } = await waiting.end("SIGINT");
  assert.equal(code, 1, waiting.said());
});
