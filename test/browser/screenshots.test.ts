/**
 * The pictures of the dashboard and the portal in their guides. They are taken anew with POSTRIDER_SCREENSHOTS=write, of a
 * shop whose billing has been down; otherwise the ones that are committed are looked at.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { CAPABILITIES } from "../../src/console/portal/route.ts";
import { CommandProcess } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { createDatabase, createDatabaseOf, SERVER_URL_VARIABLE, TEMPLATE_VARIABLE } from "../support/database.ts";
import { askFor, createEndpoint, eventually, insertEvent, type Session } from "../support/engine.ts";
import { createToken, startPortal } from "../support/portal.ts";
import { createLogin } from "../support/roles.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { browserPath, useBrowser } from "./browser.ts";

interface Pictures {
  readonly folder: URL;
  /** Relative to the folder. */
  readonly guide: string;
  readonly screens: readonly string[];
  readonly width: number;
  readonly height: number;
}

const DASHBOARD: Pictures = {
  folder: new URL("../../src/console/ui/pictures/", import.meta.url),
  guide: "../README.md",
  screens: ["overview", "events", "event", "endpoint", "replays"],
  width: 1_120,
  height: 700,
};
/** As wide as a frame in the page of an application. */
const PORTAL: Pictures = {
  folder: new URL("../../src/console/portal/ui/pictures/", import.meta.url),
  guide: "../../README.md",
  screens: ["endpoints", "endpoint"],
  width: 840,
  height: 560,
};
const BYTES_MAX = 60_000;
const WEBP_QUALITY = 60;

const isWriting = process.env.POSTRIDER_SCREENSHOTS === "write";
const browser = useBrowser();

const skip = isWriting && browserPath() !== null ? false : "POSTRIDER_SCREENSHOTS is not “write”";

/** What was started last ends first: a database is dropped once nobody uses it. */
function endsOf(t: TestContext): (() => Promise<unknown>)[] {
  const ends: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of ends.toReversed()) await end();
  });
  return ends;
}

test("the pictures of the dashboard are taken", { skip }, async (t) => {
  const ends = endsOf(t);
  const { [SERVER_URL_VARIABLE]: server = "", [TEMPLATE_VARIABLE]: template = "" } = process.env;
  // The overview shows its name.
  const database = await createDatabaseOf(server, template, "shop");
  ends.push(() => database.drop());
  const { pool } = database;
  const { event, endpoint } = await fillShop(database, ends, "");
  const login = await createLogin(database, ["postrider_reader", "postrider_operator", "postrider_publisher"]);
  ends.push(() => login.drop());
  const served = new CommandProcess(["console"], {
    env: { POSTRIDER_API_DATABASE_URL: login.url, POSTRIDER_API_LISTEN: "127.0.0.1:0" },
  });
  ends.push(() => served.end());
  const [, address = ""] = await served.match(/(127\.0\.0\.1:\d+)/);
  const key = String(await askFor(pool, "select postrider.create_api_key('ops', '{admin}')"));
  const { page, faults } = await browser.open(t, DASHBOARD);
  await page.goto(`http://${address}/`);
  await page.getByLabel("A key of the API").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation").waitFor();
  faults.length = 0;
  for (const [screen, path] of [
    ["overview", "overview"],
    ["events", "events"],
    ["event", `events/${event}`],
    ["endpoint", `endpoints/${endpoint}`],
    ["replays", "replays"],
  ] as const) {
    await page.goto(`http://${address}/#/${path}`);
    await page.getByText("reading…").first().waitFor({ state: "detached" });
    await page.locator("table, .journey svg").first().waitFor();
    await take(page, DASHBOARD, screen);
  }
});

test("the pictures of the portal are taken", { skip }, async (t) => {
  const ends = endsOf(t);
  const database = await createDatabase();
  ends.push(() => database.drop());
  const { endpoint } = await fillShop(database, ends, "acme");
  const portal = await startPortal({ after: (end) => ends.push(end as () => Promise<unknown>) }, database);
  const token = await createToken(database.pool, "acme", CAPABILITIES);
  const { page } = await browser.open(t, PORTAL);
  await page.goto(`${portal.url}/#token=${token}`);
  for (const [screen, path] of [
    ["endpoints", "endpoints"],
    ["endpoint", `endpoints/${endpoint}`],
  ] as const) {
    await page.getByRole("navigation").waitFor();
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `#/${path}`);
    await page.getByText("your server answered 503").first().waitFor();
    await page.getByText("reading…").first().waitFor({ state: "detached" });
    await take(page, PORTAL, screen);
  }
});

async function take(page: Page, { folder }: Pictures, screen: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: WEBP_QUALITY });
  writeFileSync(new URL(`${screen}.webp`, folder), Buffer.from(data, "base64"));
}

for (const [name, { folder, guide, screens, width, height }] of Object.entries({ DASHBOARD, PORTAL })) {
  test(`the guide shows the main screens of the ${name.toLowerCase()}, in pictures that are small`, () => {
    const url = new URL(guide, folder);
    const text = readFileSync(url, "utf8");
    const place = folder.href.slice(new URL(".", url).href.length);
    for (const screen of screens) {
      assert.match(text, new RegExp(`!\\[[^\\]]{10,}\\]\\(${place}${screen}\\.webp\\)`), screen);
      const picture = readFileSync(new URL(`${screen}.webp`, folder));
      assert.ok(picture.length <= BYTES_MAX, `${screen}: ${picture.length} bytes`);
      assert.deepEqual(sizeOf(picture), [width, height], screen);
    }
  });
}

/** Of a lossy WebP: its first frame says so behind a start code. */
function sizeOf(webp: Buffer): readonly [width: number, height: number] {
  assert.equal(webp.toString("latin1", 0, 4) + webp.toString("latin1", 8, 12), "RIFFWEBP");
  const start = webp.indexOf(Buffer.from([0x9d, 0x01, 0x2a]));
  return [webp.readUInt16LE(start + 3) & 0x3fff, webp.readUInt16LE(start + 5) & 0x3fff];
}

/** Three endpoints, an hour of events, and one of them that was down and was sent its events again. */
async function fillShop(
  { pool, url }: { readonly pool: Session; readonly url: string },
  ends: (() => Promise<unknown>)[],
  tenant: string,
) {
  const receiver = await ScriptedReceiver.start();
  ends.push(() => receiver.stop());
  const options = { retry_schedule: ["200 ms", "1 hour"], disable_after: "5 days" };
  const types = ["order.*", "invoice.*"];
  await createEndpoint(pool, types, { tenant, url: receiver.url("/crm"), options: { name: "crm-eu" } });
  const endpoint = await createEndpoint(pool, types, {
    tenant,
    url: receiver.url("/billing"),
    options: { name: "billing-eu", ...options },
  });
  await createEndpoint(pool, ["order.*"], { tenant, url: receiver.url("/audit"), options: { name: "audit" } });
  const { daemon } = await startDaemon(url);
  ends.push(() => daemon.stop());
  const isDelivered = (state: string, count: number) =>
    eventually("the deliveries", async () =>
      Boolean(await askFor(pool, "select count(*) >= $2 from postrider.delivery where state = $1", [state, count])),
    );
  for (const [place, type] of [
    "order.paid",
    "order.shipped",
    "invoice.sent",
    "order.paid",
    "order.refunded",
  ].entries()) {
    await insertEvent(pool, type, {
      tenant,
      orderingKey: `order-${40 + place}`,
      payload: `{"order_id": ${40 + place}, "amount": 129.90}`,
    });
  }
  await isDelivered("succeeded", 14);
  receiver.script("/billing", { kind: "status", status: 503, body: "down for maintenance" });
  const event = await insertEvent(pool, "order.paid", {
    tenant,
    orderingKey: "order-52",
    payload: '{"order_id": 52, "amount": 49.00, "currency": "EUR", "customer": {"id": 7, "name": "Ada"}}',
  });
  await insertEvent(pool, "invoice.sent", { tenant, orderingKey: "order-52" });
  await eventually("the retries", async () =>
    Boolean(
      await askFor(pool, "select count(*) = 2 from postrider.delivery where endpoint_id = $1 and attempts = 2", [
        endpoint,
      ]),
    ),
  );
  await pool.query("select postrider.replay($1, now() - interval '1 hour', states => '{succeeded}')", [endpoint]);
  await pool.query("select postrider.redeliver($1, $2)", [event, endpoint]);
  await pool.query(
    `insert into postrider.daemon_minute (minute, daemon_id, claimed, succeeded_first, succeeded_later, failed, request_ms, delay_ms)
     select date_trunc('minute', now()) - n * interval '1 minute', gen_random_uuid(), 40 + n % 17, 80 + n % 31, n % 5, case when n between 8 and 20 then 12 else 0 end,
            array[0, 2, 5, 20 + n % 13, 40, 10, 3], array[10, 50 + n % 19, 20, 3]
     from generate_series(2, 59) n`,
  );
  await pool.query(
    `insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, succeeded_later, failed, request_ms, delay_ms)
     select date_trunc('minute', now()) - n * interval '1 minute', $1, case when n between 8 and 20 then 0 else 20 + n % 11 end, n % 3, case when n between 8 and 20 then 12 else 0 end,
            array[0, 0, 2, 10, 8 + n % 7, 4], array[5, 12, 3]
     from generate_series(2, 59) n`,
    [endpoint],
  );
  await eventually("the attempt by hand", async () =>
    Boolean(
      await askFor(pool, "select attempts = 3 from postrider.delivery where endpoint_id = $1 and event_id = $2", [
        endpoint,
        event,
      ]),
    ),
  );
  return { event, endpoint };
}
