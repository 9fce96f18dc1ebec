/**
 * `npm run -s shop` starts `postrider dev` with a database that is gone afterwards, lets a customer sign up and pay,
 * and shows the rows that the events made on the other side. `-- --database-url URL` uses that server instead.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import pg from "pg";
import { checkOut, pay, signUp } from "./front.ts";
import { openShop, type Shop } from "./world.ts";

const COMMAND = new URL("../../src/main.ts", import.meta.url).pathname;
/** Beside the database of `postrider dev`. */
const OFFICE = `postrider_shop_${process.pid}`;
const ARRIVAL_MS_MAX = 60_000;

const { values } = parseArgs({ options: { "database-url": { type: "string" } } });
await withDevelopment(values["database-url"], async (frontUrl) => {
  const officeUrl = await createOffice(frontUrl);
  try {
    const shop = await openShop(frontUrl, officeUrl);
    await story(shop).finally(() => shop.stop());
  } finally {
    await onServer(frontUrl, `drop database ${OFFICE} with (force)`);
  }
});

async function story({ front, office }: Shop): Promise<void> {
  await office.query("insert into orders (id, user_id, total) values (1001, 1, 49.90), (1002, 1, 5.10)");
  const ada = await signUp(front, { email: "ada@example.com", name: "Ada" });
  say("signed up", "Ada");
  for (const [orderId, amount] of [
    [1001, "49.90"],
    [1002, "5.10"],
  ] as const) {
    await pay(front, await checkOut(front, orderId, ada, amount));
    say("paid", `order ${orderId}, ${amount} EUR`);
  }
  const user = await userWith(office, 2);
  say("received", JSON.stringify(user));
}

/** The user's row on the receiving side, once all events have had their effect. */
async function userWith(office: pg.Pool, ordersPaid: number): Promise<unknown> {
  for (let waitedMs = 0; waitedMs < ARRIVAL_MS_MAX; waitedMs += 100) {
    const { rows } = await office.query(
      "select id, email, name, orders_paid, spent from users where email is not null",
    );
    if (rows[0]?.orders_paid === ordersPaid) return rows[0];
    await pause(100);
  }
  throw new Error(`the events have not arrived within ${ARRIVAL_MS_MAX} ms; see postrider.delivery_status`);
}

/** `postrider dev` while `work` lasts. */
async function withDevelopment(databaseUrl: string | undefined, work: (url: string) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "postrider-shop-"));
  const server = databaseUrl === undefined ? ["--data-dir", dataDir] : ["--database-url", databaseUrl];
  const child = spawn(process.execPath, [COMMAND, "dev", "--no-demo", ...server], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, POSTRIDER_HTTP_LISTEN: "off" },
  });
  const exited = once(child, "exit");
  try {
    let url = "";
    for await (const line of createInterface({ input: child.stdout })) {
      url = /^DATABASE_URL=(.*)$/.exec(line)?.[1] ?? url;
      if (line.startsWith("ready")) break;
    }
    if (url === "") throw new Error("postrider dev did not start");
    child.stdout.resume();
    say("started", "postrider dev");
    await work(url);
  } finally {
    child.kill("SIGINT");
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function createOffice(frontUrl: string): Promise<string> {
  await onServer(frontUrl, `create database ${OFFICE}`);
  const url = new URL(frontUrl);
  url.pathname = `/${OFFICE}`;
  return url.href;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

function say(what: string, text: string): void {
  process.stdout.write(`${what.padEnd(10)} ${text}\n`);
}
