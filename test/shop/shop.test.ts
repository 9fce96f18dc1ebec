/** The shop: from rows on one side to rows on the other. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { types } from "../../src/cli/types.ts";
import { runCommand } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { rowsOf } from "../support/engine.ts";
import { guideBlock } from "../support/guides.ts";
import { until } from "../support/until.ts";
import { checkOut, pay, signUp } from "./front.ts";
import { openShop } from "./world.ts";

const front = useDatabase();
const office = useDatabase({ template: "empty" });
const told = useDatabase();

test("a sign-up becomes a user, and each paid order is counted once, however often it comes and in whatever order", async (t) => {
  const shop = await openShop(front.url, office.url);
  t.after(() => shop.stop());
  const { daemon } = await startDaemon(front.url);
  t.after(() => daemon.stop());
  const ada = await signUp(shop.front, { email: "ada@example.com", name: "Ada" });
  const payments = [await checkOut(shop.front, 1001, ada, "49.90"), await checkOut(shop.front, 1002, ada, "0.10")];
  await shop.office.query("insert into orders (id, user_id, total) values (1002, $1, 1)", [ada]);
  for (const payment of payments) await pay(shop.front, payment);
  const seen = () => rowsOf(office.pool, "select email, name, orders_paid, spent from users");
  await until("the order that is there is paid", async () => (await seen())[0]?.orders_paid === 1);
  // The other one came too early: it is refused until its order is there.
  const refused = () =>
    rowsOf(
      front.pool,
      "select 1 from postrider.delivery_status where last_http_status = 500 and event_type = 'order.paid'",
    );
  await until("the other one was refused", async () => (await refused()).length === 1);
  await shop.office.query("insert into orders (id, user_id, total) values (1001, $1, 1)", [ada]);
  await until("it came again", async () => (await seen())[0]?.orders_paid === 2);

  await front.pool.query("select postrider.redeliver(event_id, endpoint_id) from postrider.delivery_status");
  const attempts = () =>
    rowsOf(front.pool, "select 1 from postrider.delivery_status where state = 'succeeded' and attempts < 2");
  await until("each has come again", async () => (await attempts()).length === 0);
  const rows = await rowsOf(office.pool, "select email, name, orders_paid, spent::text from users");
  assert.deepEqual(rows, [{ email: "ada@example.com", name: "Ada", orders_paid: 2, spent: "50.00" }]);
  assert.equal((await rowsOf(office.pool, "select 1 from orders where paid_at is null")).length, 0);
  assert.equal((await rowsOf(office.pool, "select 1 from postrider_inbox")).length, 3);
});

test("the types of its events are those of its catalogue", async () => {
  const path = new URL("./eventTypes.ts", import.meta.url).pathname;
  assert.equal(readFileSync(path, "utf8"), await types({ output: null, check: null }, { databaseUrl: front.url }));
});

test("one command shows all of it", async () => {
  const program = guideBlock("test/shop/README.md", "A shop", "sh").trim().split(" ") as [string, ...string[]];
  const { code, stdout, stderr } = await runCommand(["--", "--database-url", told.url], { program });
  assert.deepEqual([code, stderr.replace(/^using .*\n/m, "")], [0, ""], stderr);
  assert.equal(stdout, guideBlock("test/shop/README.md", "A shop", "text"));
});
