/** The dashboard in a real browser, served by `postrider console`, beside a daemon that delivers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { request } from "undici";
import type { Daemon } from "../../src/daemon/daemon.ts";
import { CommandProcess } from "../support/command.ts";
import { startDaemon } from "../support/daemon.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor, createEndpoint, eventually, insertEvent } from "../support/engine.ts";
import { createLogin, type Login } from "../support/roles.ts";
import { ScriptedReceiver } from "../support/scriptedReceiver.ts";
import { assertAccessible, assertFits, browserPath, logIn as logInAt, useBrowser, type Watched } from "./browser.ts";

const options = browserPath() === null ? { skip: "there is no Chromium: apt-get install chromium" } : {};

/** Markup, escapes of a terminal, a right-to-left override, and what ends a script. */
const HOSTILE = `<img src=x onerror=alert(1)></script>"'\u202e`;
const FIRST_LOAD_BYTES_MAX = 45_000;

const browser = useBrowser();
let database: TestDatabase;
let receiver: ScriptedReceiver;
let daemon: Daemon;
let login: Login;
let served: CommandProcess;
let address: string;
let key: string;
let delivered: string;
let exhausted: string;

before(async () => {
  database = await createDatabase();
  const { pool } = database;
  receiver = await ScriptedReceiver.start();
  ({ daemon } = await startDaemon(database.url));
  await createEndpoint(pool, ["order.*"], { url: receiver.url("/crm"), options: { name: "crm-eu" } });
  await createEndpoint(pool, ["order.failed"], {
    url: receiver.url("/billing"),
    options: { name: "billing-eu", description: HOSTILE, retry_schedule: ["10 ms"] },
  });
  await createEndpoint(pool, ["invoice.*"], { url: receiver.url("/audit"), options: { name: "audit" } });
  receiver.script("/billing", {
    kind: "status",
    status: 503,
    headers: { "x-note": HOSTILE.slice(0, 28) },
    body: HOSTILE,
  });
  delivered = await insertEvent(pool, "order.paid", {
    payload: `{"n": 12345678901234567890, "text": ${JSON.stringify(HOSTILE)}}`,
    orderingKey: "ord-42",
  });
  exhausted = await insertEvent(pool, "order.failed", { payload: '{"amount": 100.10}' });
  await eventually("the deliveries", async () =>
    Boolean(await askFor(pool, "select count(*) = 3 from postrider.delivery where state <> 'pending'")),
  );
  key = String(await askFor(pool, "select postrider.create_api_key('ops', '{admin}')"));
  login = await createLogin(database, ["postrider_reader", "postrider_operator", "postrider_publisher"]);
  served = new CommandProcess(["console"], {
    env: { POSTRIDER_API_DATABASE_URL: login.url, POSTRIDER_API_LISTEN: "127.0.0.1:0" },
  });
  const [, found = ""] = await served.match(/(127\.0\.0\.1:\d+)/);
  address = `http://${found}/`;
});

after(async () => {
  await served?.end();
  await daemon?.stop();
  await receiver?.stop();
  await login?.drop();
  await database?.drop();
});

function logIn(watched: Watched, place = "", withKey = key): Promise<void> {
  return logInAt(watched, address, withKey, place);
}

test("the first load is small, and comes from its own origin alone", options, async (t) => {
  const { page, faults } = await browser.open(t);
  const urls = new Set<string>();
  page.on("response", (response) => {
    if (!response.url().includes("/api/")) urls.add(response.url());
  });
  await page.goto(address);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  // As gzip, which every browser takes; most take something smaller.
  const headers = { "accept-encoding": "gzip" };
  const bodies = await Promise.all(
    [...urls].map(async (url) => (await (await request(url, { headers })).body.bytes()).byteLength),
  );
  const bytes = bodies.reduce((sum, size) => sum + size, 0);
  assert.ok(urls.size >= 3 && bytes > 30_000 && bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes of ${urls.size} files`);
  faults.length = 0;
});

const SCREENS = [
  ["overview", "Overview"],
  ["events", "Events"],
  ["events/DELIVERED", "order.paid"],
  ["events/EXHAUSTED", "order.failed"],
  ["events/019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90", "No such event"],
  ["events?q=state%3Asucceeded%20endpoint%3Anobody", "Events"],
  ["attempts", "Failed attempts"],
  ["endpoints", "Endpoints"],
  ["endpoints/BILLING", "billing-eu"],
  ["types", "Event types"],
  ["replays", "Replays"],
  ["daemons", "Daemons"],
  ["unmatched", "Unmatched events"],
  ["audit", "Audit"],
  ["keys", "Keys"],
  ["nowhere", "No such screen"],
] as const;

for (const theme of ["light", "dark"] as const) {
  for (const width of [320, 1_280]) {
    test(`every screen is accessible and fits, ${theme}, ${width} pixels wide`, options, async (t) => {
      const watched = await browser.open(t, { theme, width });
      const { page, faults } = watched;
      await logIn(watched);
      const billing = String(await askFor(database.pool, "select postrider.endpoint_id('billing-eu')"));
      for (const [place, title] of SCREENS) {
        const path = place.replace("DELIVERED", delivered).replace("EXHAUSTED", exhausted).replace("BILLING", billing);
        await page.goto(`${address}#/${path}`);
        await page.getByRole("heading", { level: 1, name: title }).waitFor();
        await page.getByText("reading…").first().waitFor({ state: "detached" });
        await assertAccessible(page);
        await assertFits(page);
      }
      // An event that is not there is answered with 404, which the browser notes.
      faults.splice(0, faults.length, ...faults.filter((fault) => !/404/.test(fault)));
    });
  }
}

test("an event shows its journey, why, and its payload as it was written, whatever is in it", options, async (t) => {
  const watched = await browser.open(t);
  const { page } = watched;
  await logIn(watched, `events/${delivered}`);
  await page.getByText("delivered ", { exact: false }).first().waitFor();
  await page.getByText("12345678901234567890").waitFor();
  await page.getByText("<img src=x onerror=alert(1)>").waitFor();
  await page.getByText("no subscription matches the type order.paid").first().waitFor();
  await page.goto(`${address}#/events/${exhausted}`);
  await page.getByText("2 attempts", { exact: true }).click();
  await page.getByText("What the receiver answered").waitFor();
  await page.getByText("<img src=x onerror=alert(1)></script>").first().waitFor();
  assert.equal(await page.locator("img").count(), 0);
});

test(
  "numbers keep their digits in schemas, attributes and the audit, also if a schema is edited",
  options,
  async (t) => {
    const { pool } = database;
    const number = "12345678901234567890.10";
    await pool.query("select postrider.define_event_type('exact.sum', json_schema => $1)", [
      `{"type": "object", "maxProperties": 2, "default": ${number}}`,
    ]);
    const event = await askFor(pool, "select postrider.publish('exact.sum', '{}', tenant => 'a b', attributes => $1)", [
      `{"subject": "sum", "size": ${number}}`,
    ]);
    const watched = await browser.open(t);
    const { page } = watched;
    await logIn(watched, `events/${event}`);
    await page.getByText(number).waitFor();
    await page.goto(`${address}#/types`);
    await page.getByRole("row", { name: "exact.sum" }).getByText("show", { exact: true }).click();
    await page.getByText(number).waitFor();
    await page.getByRole("button", { name: "Edit exact.sum" }).click();
    const dialog = page.getByRole("dialog");
    const field = dialog.getByLabel("JSON Schema");
    await field.fill((await field.inputValue()).replace('"maxProperties": 2', '"maxProperties": 3'));
    await dialog.locator("button[type=submit]").click();
    await dialog.waitFor({ state: "detached" });
    const schema = await askFor(pool, "select json_schema::text from postrider.event_type where name = 'exact.sum'");
    assert.deepEqual(
      String(schema)
        .match(/"maxProperties": 3|12345678901234567890\.10/g)
        ?.toSorted(),
      ['"maxProperties": 3', number],
    );
    await page.goto(`${address}#/audit`);
    await page.getByRole("row", { name: "define_event_type" }).first().getByText("what", { exact: true }).click();
    await page.getByText(number).first().waitFor();
  },
);

test("the overview offers to pause what fails, and leads to the events that no endpoint got", options, async (t) => {
  const event = await insertEvent(database.pool, "nobody.cares", { tenant: "a b" });
  const watched = await browser.open(t);
  const { page } = watched;
  await logIn(watched, "overview");
  await page.getByRole("button", { name: "Pause billing-eu" }).click();
  await page.getByRole("dialog").getByText("wait until it is resumed").waitFor();
  await page.keyboard.press("Escape");
  await page
    .locator(".fact", { hasText: "unmatched, 24 h" })
    .getByRole("link", { name: /^[1-9]/ })
    .click();
  await page.getByRole("heading", { level: 1, name: "Unmatched events" }).waitFor();
  await page.getByRole("link", { name: "nobody.cares" }).click();
  await page.locator(`[data-event="${event}"]`).waitFor();
  assert.equal(await page.getByLabel("Search, or go to an id").inputValue(), 'type:nobody.cares tenant:"a b"');
});

test("a search is in the address, follows typing, and finds by payload", options, async (t) => {
  const watched = await browser.open(t);
  const { page } = watched;
  await logIn(watched, "events");
  const rows = page.locator("tbody tr");
  await rows.nth(1).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("type:order.* $.amount > 100");
  await rows.nth(1).waitFor({ state: "detached" });
  assert.match(await rows.first().innerText(), /order\.failed/);
  assert.match(page.url(), /q=type%3Aorder/);
  await page.reload();
  await rows.first().waitFor();
  assert.equal(await rows.count(), 1);
});

test(
  "charts say what each bar is, leave gaps, and lead to the list behind a bar, also by keyboard",
  options,
  async (t) => {
    const { pool } = database;
    const billing = String(await askFor(pool, "select postrider.endpoint_id('billing-eu')"));
    await pool.query(
      `with at as (select date_bin('1 minute', now(), 'epoch') - interval '10 minutes' as minute),
     added as (
       insert into postrider.endpoint_minute_part (minute, endpoint_id, failed, failures, request_ms)
       select minute, $1, 7, '{"503": 7}', '{0,0,0,7}' from at)
     insert into postrider.daemon_minute (minute, daemon_id, claimed, succeeded_first, failed, failures, request_ms, delay_ms)
     select minute, gen_random_uuid(), 500, 493, 7, '{"503": 7}', '{0,493,0,7}', '{493}' from at`,
      [billing],
    );
    const watched = await browser.open(t);
    const { page } = watched;
    await logIn(watched, "overview");
    const attempts = page.getByRole("group", { name: "Attempts" });
    const bar = attempts.getByRole("link", { name: /493 at first, 0 later, 7 failed/ });
    await bar.waitFor();
    assert.ok((await attempts.getByRole("link").count()) >= 60);
    assert.ok((await attempts.getByRole("link", { name: /no daemon lived/ }).count()) > 40);
    assert.match(await page.getByRole("figure").first().innerText(), /first 49\d.*failed \d+ \(503 ×\d+\)/s);
    await page
      .getByRole("group", { name: "How long requests took" })
      .getByRole("link", { name: /p50 [\d.]+ ms \(≤ 2\), p95/ })
      .waitFor();
    await page.getByText("within 60 s, 30 days").waitFor();
    await page.getByRole("img", { name: "at most 7 attempts in a minute" }).waitFor();
    await assertAccessible(page);
    await attempts.getByRole("link").last().focus();
    const names = [await focusedName(watched)];
    await page.keyboard.press("ArrowLeft");
    names.push(await focusedName(watched));
    assert.equal(new Set(names).size, 2, names.join());
    await page.goto(`${address}#/endpoints/${billing}`);
    const endpointBar = page
      .getByRole("group", { name: "Attempts" })
      .getByRole("link", { name: /: 0 at first, 0 later, 7 failed/ });
    await endpointBar.waitFor();
    await endpointBar.click();
    await page.getByRole("heading", { level: 1, name: "Failed attempts" }).waitFor();
    const search = new URLSearchParams(page.url().split("?")[1]).get("q") ?? "";
    const [, since = "", until = ""] = /^endpoint:[0-9a-f-]{36} since:(\S+) until:(\S+)$/.exec(search) ?? [];
    assert.equal(Date.parse(until) - Date.parse(since), 60_000, search);
    await page.goBack();
    await page.getByRole("link", { name: "7 d", exact: true }).click();
    await page.getByRole("group", { name: "Attempts" }).getByRole("link").nth(167).waitFor();
    assert.match(page.url(), /range=7d/);
  },
);

async function focusedName({ page }: Watched): Promise<string> {
  return await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
}

test("a link logs in once, and is gone from the address", options, async (t) => {
  const make = "select postrider.create_api_link(k.id) from postrider.api_key k where k.name = 'ops'";
  const link = String(await askFor(database.pool, make));
  const { page } = await browser.open(t);
  await page.goto(`${address}#/login=${link}`);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  assert.equal(page.url(), `${address}#/`);
});

test("who may only read has no buttons, and learns which scope is missing", options, async (t) => {
  const { pool } = database;
  const reader = String(await askFor(pool, "select postrider.create_api_key('viewer', '{read}')"));
  const watched = await browser.open(t);
  const { page, faults } = watched;
  await logIn(watched, `events/${exhausted}`, reader);
  await page.getByText("exhausted").first().waitFor();
  await page.getByText("lacks the scope payload").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Redeliver" }).count(), 0);
  // What is refused with 403, the browser notes.
  faults.splice(0, faults.length, ...faults.filter((fault) => !/403/.test(fault)));
});

test("the keyboard goes everywhere", options, async (t) => {
  const watched = await browser.open(t);
  const { page } = watched;
  await logIn(watched);
  for (const [keys, title] of [
    ["ge", "Events"],
    ["gf", "Failed attempts"],
    ["gp", "Endpoints"],
    ["gt", "Event types"],
    ["gr", "Replays"],
    ["gd", "Daemons"],
    ["ga", "Audit"],
    ["gk", "Keys"],
    ["go", "Overview"],
  ] as const) {
    await page.keyboard.type(keys);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
  }
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  await assertAccessible(page);
  await page.keyboard.press("Escape");
  await page.keyboard.type("ge");
  // The overview has rows as well.
  await page.getByRole("heading", { level: 1, name: "Events" }).waitFor();
  await page.locator("tbody tr").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 2, name: "Journey" }).waitFor();
});

test(
  "a search by what became of events is completed while it is typed, can be saved, and says what excludes most",
  options,
  async (t) => {
    const watched = await browser.open(t);
    const { page } = watched;
    await logIn(watched, "events");
    const rows = page.locator("tbody tr");
    await rows.nth(1).waitFor();
    const field = page.getByLabel("Search, or go to an id");
    const offers = (text: string) => page.locator(`datalist option[value="${text}"]`).waitFor({ state: "attached" });
    await field.fill("sta");
    await offers("state:");
    await field.fill("state:ex");
    await offers("state:exhausted");
    await field.fill("state:exhausted endpoint:bill");
    await offers("state:exhausted endpoint:billing-eu");
    await field.fill("state:exhausted endpoint:billing-eu attempts:>1");
    await rows.nth(1).waitFor({ state: "detached" });
    assert.match(await rows.first().innerText(), /503/);
    await page.getByText("Saved searches").click();
    await page.getByLabel("Save this search as").fill(`by hand ${HOSTILE}`);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await field.fill("state:exhausted endpoint:crm-eu");
    await page.getByText("Nothing matches.").waitFor();
    await page.getByRole("link", { name: "Without state:exhausted" }).click();
    await rows.first().waitFor();
    await page.reload();
    await page.getByText("Saved searches (1)").click();
    await page.getByRole("link", { name: "by hand" }).click();
    await rows.filter({ hasText: "503" }).waitFor();
    await assertAccessible(page);
  },
);

test(
  "chosen events, and all that match, are counted first and then redelivered, which the audit shows",
  options,
  async (t) => {
    const { pool } = database;
    const watched = await browser.open(t);
    const { page } = watched;
    const endpoint = await createEndpoint(pool, ["many.*"], { url: receiver.url("/many"), options: { name: "many" } });
    receiver.script("/many", { kind: "status", status: 200 });
    const ids = await Promise.all(["many.a", "many.b", "many.c"].map((type) => insertEvent(pool, type)));
    const attemptsOf = () =>
      askFor(pool, "select sum(attempts)::integer from postrider.delivery where endpoint_id = $1", [endpoint]);
    await eventually("the deliveries", async () => (await attemptsOf()) === 3);
    await logIn(watched, "events?q=type%3Amany.*");
    const rows = page.locator("tbody tr");
    await rows.nth(2).waitFor();
    await page.keyboard.type("jxjX");
    await page.getByText("2 chosen").waitFor();
    await page.keyboard.press("r");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("of every delivery of 2 events").waitFor();
    await dialog.getByText("SQL", { exact: true }).click();
    assert.match(await dialog.locator("pre").innerText(), /postrider\.redeliver\('[0-9a-f-]{36}'/);
    await dialog.getByRole("button", { name: "Redeliver" }).click();
    await dialog.getByText("Done: 2 of 2").waitFor();
    await assertAccessible(page);
    await dialog.getByRole("button", { name: "Close" }).click();
    await eventually("two more attempts", async () => (await attemptsOf()) === 5);
    await page.keyboard.press("Escape");
    await page.getByText("2 chosen").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Redeliver all that match" }).click();
    await dialog.getByText("of every delivery of 3 events").waitFor();
    await dialog.getByRole("button", { name: "Redeliver", exact: true }).click();
    await dialog.getByText("Done: 3 of 3").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await eventually("three more attempts", async () => (await attemptsOf()) === 8);
    const field = page.getByLabel("Search, or go to an id");
    await field.fill("type:many.a state:succeeded endpoint:many");
    await rows.nth(1).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Replay all that match" }).click();
    await dialog.getByText("A replay sends 1 event to many again").waitFor();
    await dialog.getByRole("button", { name: "Replay", exact: true }).click();
    await dialog.getByText("Done: 1 of 1").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await eventually("the replay", async () => (await attemptsOf()) === 9);
    await field.fill("type:many.*");
    await rows.nth(2).waitFor();
    // Nothing waits there any more, so there is nothing to cancel; the reason is asked for all the same.
    await page.getByRole("button", { name: "Cancel all that match" }).click();
    await dialog.getByLabel("Reason").fill(HOSTILE);
    await dialog.getByRole("button", { name: "Cancel", exact: true }).click();
    await dialog.getByText("Done: 3 of 3").waitFor();
    const { rows: audited } = await pool.query(
      "select distinct detail ->> 'reason' as reason from postrider.audit where action = 'cancel' and event_id = any ($1)",
      [ids],
    );
    assert.deepEqual(audited, [{ reason: HOSTILE }]);
  },
);

test("the palette goes to ids, names, types and screens, and does what the screen can do", options, async (t) => {
  const watched = await browser.open(t);
  const { page, faults } = watched;
  await logIn(watched);
  const open = async (text: string) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill(text);
  };
  const choose = async (name: string) => {
    await page.getByRole("option", { name }).first().waitFor();
    await page.keyboard.press("Enter");
  };
  await open("audi");
  await assertAccessible(page);
  await choose("endpoint");
  await page.getByRole("heading", { level: 1, name: "audit" }).waitFor();
  await open("pause");
  await page.getByRole("option", { name: "Pause" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Leave it" }).click();
  await open(delivered);
  await choose(delivered);
  await page.getByRole("heading", { level: 1, name: "order.paid" }).waitFor();
  assert.match(page.url(), new RegExp(delivered));
  await open("daemo");
  await page.getByRole("option", { name: "Daemons" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Daemons" }).waitFor();
  // An id that is no endpoint's and no replay's is answered with 404, which the browser notes.
  faults.splice(0, faults.length, ...faults.filter((fault) => !/404/.test(fault)));
});

test("one key says why an event did not arrive, also one that never was", options, async (t) => {
  const watched = await browser.open(t);
  const { page, faults } = watched;
  await logIn(watched, "events");
  await page.locator("tbody tr").first().waitFor();
  await page.keyboard.type("jw");
  await page.locator("#why:focus").waitFor();
  await page.keyboard.type("go");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  await page.keyboard.press("w");
  await page.getByRole("combobox", { name: "Why did it not arrive?" }).fill("00000000-0000-7000-8000-000000000000");
  await page.getByRole("option").waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("so it may have been deleted with its day").waitFor();
  const { rows } = await database.pool.query<{ id: string }>("select postrider.uuid_v7() as id");
  await page.goto(`${address}#/events/${rows[0]?.id}`);
  await page.getByText("Its transaction was rolled back").waitFor();
  await assertAccessible(page);
  // From here on, nothing looks for what is not there.
  await page.goto(`${address}#/overview`);
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  faults.splice(0, faults.length, ...faults.filter((fault) => !/404/.test(fault)));
});

test("a journey shows what people did, and can be taken along as a picture", options, async (t) => {
  const watched = await browser.open(t);
  const { page } = watched;
  const billing = await askFor(database.pool, "select postrider.endpoint_id('billing-eu')");
  await database.pool.query("select postrider.redeliver($1, $2)", [exhausted, billing]);
  await logIn(watched, `events/${exhausted}`);
  await page.locator("svg .mark", { hasText: "redeliver" }).first().waitFor({ state: "attached" });
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "download as SVG" }).click();
  const file = await (await download).path();
  const picture = readFileSync(file, "utf8");
  assert.match(picture, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const text of ["billing-eu", "503", "redeliver"]) assert.ok(picture.includes(text), text);
});

test("hostile payloads, keys, tenants, URLs, answers and reasons stay text on every screen", options, async (t) => {
  const { pool } = database;
  const watched = await browser.open(t);
  const { page, faults } = watched;
  const place = { tenant: HOSTILE, orderingKey: HOSTILE };
  const endpoint = await createEndpoint(pool, ["hostile.*"], {
    ...{ url: receiver.url("/hostile?q=<img/src=x>"), tenant: HOSTILE },
    options: { name: "hostile", description: HOSTILE, retry_schedule: ["10 ms"] },
  });
  receiver.script("/hostile?q=%3Cimg/src=x%3E", { kind: "status", status: 503, body: HOSTILE.repeat(300) });
  const deep = await insertEvent(pool, "hostile.deep", {
    ...place,
    payload: `${"[".repeat(3_000)}${"]".repeat(3_000)}`,
  });
  const large = await insertEvent(pool, "hostile.large", {
    ...place,
    payload: JSON.stringify({ text: HOSTILE.repeat(60_000) }),
  });
  await eventually("the end of the deliveries", async () =>
    Boolean(
      await askFor(pool, "select count(*) = 2 from postrider.delivery where endpoint_id = $1 and state = 'exhausted'", [
        endpoint,
      ]),
    ),
  );
  await pool.query("select postrider.pause_endpoint($1, $2)", [endpoint, HOSTILE]);
  await logIn(watched);
  const q = encodeURIComponent("type:hostile.*");
  for (const [path, shown] of [
    [`events?q=${q}`, HOSTILE],
    [`events/${deep}`, HOSTILE],
    [`events/${large}`, "of which the beginning is shown"],
    ["attempts?q=endpoint%3Ahostile", "hostile.deep"],
    ["endpoints", HOSTILE],
    [`endpoints/${endpoint}`, HOSTILE],
    [`audit?endpoint=${endpoint}`, HOSTILE],
    [`events?q=${encodeURIComponent(HOSTILE)}`, "Nothing matches"],
    [`${encodeURIComponent(HOSTILE)}`, "No such screen"],
    [`events/${encodeURIComponent(HOSTILE)}`, "No such event"],
  ] as const) {
    await page.goto(`${address}#/${path}`);
    await page.getByText(shown).first().waitFor();
    assert.deepEqual(
      await page.evaluate(() => [
        document.querySelectorAll("img, iframe, object, embed").length,
        document.scripts.length,
        document.querySelectorAll("[onerror], [onload]").length,
      ]),
      [0, 1, 0],
      path,
    );
  }
  // An id that is none is refused with 422, which the browser notes.
  faults.splice(0, faults.length, ...faults.filter((fault) => !/422/.test(fault)));
});

test("what happens appears by itself, until somebody stops it", options, async (t) => {
  const watched = await browser.open(t);
  const { page } = watched;
  await logIn(watched, "events");
  await page.locator("tbody tr").first().waitFor();
  await insertEvent(database.pool, "invoice.sent");
  await page.getByText("invoice.sent").waitFor();
  await page.keyboard.press("l");
  assert.equal(await page.getByRole("button", { name: "live", exact: true }).getAttribute("aria-pressed"), "false");
});

test(
  "the page that is served lets nothing in: no frame, no script of elsewhere, no markup from text",
  options,
  async () => {
    const { headers } = await fetch(address);
    const policy = headers.get("content-security-policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.includes(part), part);
    }
    assert.equal(headers.get("cache-control"), "no-cache");
  },
);
