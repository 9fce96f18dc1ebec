/** Each button of the dashboard, and the SQL beside it, on two databases that are alike: both leave the same rows. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import type { Page } from "playwright-core";
import { ROLES } from "../../src/console/caller.ts";
import { ROUTES } from "../../src/console/routes.ts";
import { createKey, startConsole } from "../support/console.ts";
import { createDatabase, createDatabaseOf, SERVER_URL_VARIABLE, type TestDatabase } from "../support/database.ts";
import { askFor, createEndpoint, IN_A_WEEK, insertEvent, type Session } from "../support/engine.ts";
import type { Login } from "../support/roles.ts";
import { assertAccessible, assertFits, browserPath, forget, logIn, useBrowser } from "./browser.ts";
import { differences, idsOf, rowsOfAll } from "./rows.ts";
import { SETTINGS, STEPS, type Step } from "./steps.ts";

const options = browserPath() === null ? { skip: "there is no Chromium: apt-get install chromium" } : {};

/** Of some fifty buttons, on a machine that has much else to do. */
const WALK_MS_MAX = 600_000;

/** What has no button, and why. */
const WITHOUT_BUTTON: Readonly<Record<string, string>> = {};

// A test opens its page before it starts the API: hooks run in the order they are made in, and a page that lives longer than
// the API notes that it is gone.
const browser = useBrowser();
/** The one whose rows are changed by buttons. */
let pressed: TestDatabase;
/** The one whose rows are changed by the SQL beside them. */
let pasted: TestDatabase;
let key: string;
let ids: Readonly<Record<string, string>>;

before(async () => {
  pressed = await createDatabase();
  // PostgreSQL clones no database that a session uses.
  const session = new pg.Client({ connectionString: pressed.url });
  await session.connect();
  ids = await fill(session);
  key = await createKey(session, ["admin"], "ops");
  await session.end();
  pasted = await createDatabaseOf(process.env[SERVER_URL_VARIABLE] ?? "", pressed.name);
});

after(async () => {
  await pressed?.drop();
  await pasted?.drop();
});

/** A little of everything that buttons are for; nothing moves, because no daemon runs. */
async function fill(session: Session): Promise<Readonly<Record<string, string>>> {
  const BILLING = await createEndpoint(session, ["order.*"], {
    url: "https://receiver.test/billing",
    options: { name: "billing" },
  });
  const LEDGER = await createEndpoint(session, ["order.*"], {
    url: "https://receiver.test/ledger",
    options: { name: "ledger", ordered: true, when_exhausted: "halt" },
  });
  const GONE = await createEndpoint(session, ["never.*"], { options: { name: "gone" } });
  const PAID = await insertEvent(session, "order.paid", { payload: '{"amount": 120}', orderingKey: "ord-42" });
  const SENT = await insertEvent(session, "order.sent", { payload: '{"amount": 80}' });
  const LATER = await insertEvent(session, "order.later", { deliverAt: IN_A_WEEK });
  await session.query(
    `insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, ordering_key, ordering_seq, halts)
     values ($1, $3, 'pending', now(), null, null, null, null), ($1, $4, 'exhausted', null, now(), 'ord-42', 1, true),
            ($2, $3, 'exhausted', null, now(), null, null, null), ($2, $4, 'pending', now(), null, null, null, null)`,
    [PAID, SENT, BILLING, LEDGER],
  );
  await session.query(`select postrider.define_event_type('order.paid', 'Paid.', '{"type": "object"}')`);
  await session.query("select postrider.define_event_type('order.old')");
  await session.query("select postrider.replay($1, '-infinity', states => '{exhausted}')", [LEDGER]);
  await session.query("select postrider.create_api_key('old')");
  return { BILLING, LEDGER, GONE, PAID, SENT, LATER };
}

test("every operation that changes something has a button that is pressed here", () => {
  const writes = ROUTES.filter(({ method }) => method !== "GET").map(({ name }) => name);
  const steps = new Set(STEPS.map(({ operation }) => operation));
  assert.deepEqual([...steps, ...Object.keys(WITHOUT_BUTTON)].toSorted(), writes.toSorted());
  const settings = ROUTES.find(({ name }) => name === "change_endpoint")?.takes.settings?.members ?? {};
  const types = (names: readonly string[]) => [...new Set(names.map((name) => settings[name]))].toSorted();
  assert.deepEqual(types(Object.keys(SETTINGS)), types(Object.keys(settings)));
});

test("each button leaves the rows that the SQL beside it leaves", { ...options, timeout: WALK_MS_MAX }, async (t) => {
  const watched = await browser.open(t, { width: 320 });
  const { url, login } = await startConsole(t, pressed);
  await logIn(watched, `${url}/`, key);
  const known = await idsOf(pressed.pool);
  let rows = await rowsOfAll(pressed.pool, known);
  assert.deepEqual(differences(rows, await rowsOfAll(pasted.pool, known)), []);
  const done = new Set<Step>();
  for (const [number, step] of STEPS.entries()) {
    // Other steps of an operation have the same form.
    const isFirst = STEPS.findIndex(({ operation }) => operation === step.operation) === number;
    await t.test(`${step.operation}: ${step.button}`, async () => {
      await paste(login, await press(watched.page, url, step, isFirst), step);
      const left = await rowsOfAll(pressed.pool, known);
      assert.notDeepEqual(differences(rows, left), [], "it changed nothing");
      assert.deepEqual(differences(left, await rowsOfAll(pasted.pool, known)), []);
      rows = left;
      done.add(step);
    });
    // What comes after one that failed would begin with rows that are not alike.
    if (!done.has(step)) break;
  }
  forget(watched, /4\d\d/);
});

/** Presses a button and what its dialog has. Returns the SQL beside it. */
async function press(page: Page, url: string, step: Step, isJudged: boolean): Promise<string> {
  const { place, button, within, opens, counts, shows } = step;
  await page.goto(`${url}/#/${placeOf(place)}`);
  // Where it stands already it may still show what was there before the last step.
  await page.reload();
  if (opens !== undefined) await page.getByRole("row", { name: opens }).getByText("show").click();
  const scope = within === undefined ? page : page.locator("li, tr").filter({ hasText: within });
  await scope.getByRole("button", { name: button, exact: true }).click();
  const dialog = page.getByRole("dialog");
  await step.fill?.(dialog);
  // A filter that is tried has its SQL as well, above.
  const beside = dialog.locator("details.sql").last();
  await beside.getByText("SQL", { exact: true }).click();
  if (isJudged) {
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme });
      await assertAccessible(page, "dialog[open]");
    }
    await assertFits(page);
  }
  const submit = dialog.locator("button[type=submit]");
  if (counts !== undefined) {
    await submit.click();
    await dialog.getByText(counts).waitFor();
  }
  const sql = await beside.locator("pre").innerText();
  await submit.click();
  const refusal = dialog.locator(".refusal");
  if (shows === undefined) {
    // One that was refused stays open.
    await page.locator("body:not(:has(dialog[open])), dialog[open] .refusal").first().waitFor();
  } else {
    await dialog.getByText(shows).or(refusal).first().waitFor();
  }
  assert.deepEqual(await refusal.allInnerTexts(), [], sql);
  if (shows !== undefined && isJudged) await assertAccessible(page, "dialog[open]");
  return sql;
}

/** With ids in the place of their names. */
function placeOf(place: string): string {
  return place.replaceAll(/[A-Z]+/g, (name) => ids[name] ?? name);
}

/** Runs what a person would paste, as the API runs what a button asks for: by its role, and for the same key. */
async function paste({ url }: Login, sql: string, { operation }: Step): Promise<void> {
  const to = new URL(url);
  to.pathname = `/${pasted.name}`;
  const scope = ROUTES.find(({ name }) => name === operation)?.scope ?? "read";
  const client = new pg.Client({ connectionString: to.href });
  await client.connect();
  try {
    await client.query(`set role ${pg.escapeIdentifier(ROLES[scope])}; set postrider.on_behalf_of = 'ops'`);
    await client.query(sql);
  } finally {
    await client.end();
  }
}

test("who may only read has none of the buttons", options, async (t) => {
  const watched = await browser.open(t);
  const { url } = await startConsole(t, pressed);
  const { page } = watched;
  await logIn(watched, `${url}/`, await createKey(pressed.pool, ["read", "payload"]));
  for (const place of new Set(STEPS.map((step) => step.place))) {
    await page.goto(`${url}/#/${placeOf(place)}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.getByText("reading…").first().waitFor({ state: "detached" });
    for (const { button } of STEPS.filter((step) => step.place === place)) {
      assert.equal(await page.getByRole("button", { name: button, exact: true }).count(), 0, `${button} at ${place}`);
    }
  }
  forget(watched, /404/);
});

test("a change that somebody else made meanwhile is shown before it is overwritten", options, async (t) => {
  const { pool } = pressed;
  const id = await createEndpoint(pool, [], { options: { name: "contested" } });
  const watched = await browser.open(t);
  const { url } = await startConsole(t, pressed);
  const { page } = watched;
  await logIn(watched, `${url}/`, key, `endpoints/${id}`);
  await page.getByRole("button", { name: "Edit timeout_ms" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("timeout_ms").fill("700");
  await pool.query(`
    begin;
    set local postrider.on_behalf_of = 'carol';
    update postrider.endpoint set timeout_ms = 600 where id = '${id}';
    commit`);
  await dialog.getByRole("button", { name: "Edit timeout_ms" }).click();
  await dialog.getByText(/^carol, .*update endpoint/).waitFor();
  await dialog.getByText('{"timeout_ms": 600}').waitFor();
  assert.equal(await askFor(pool, "select timeout_ms from postrider.endpoint where id = $1", [id]), 600);
  await dialog.getByRole("button", { name: "Go on with what is there now" }).click();
  await dialog.getByRole("button", { name: "Edit timeout_ms" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await askFor(pool, "select timeout_ms from postrider.endpoint where id = $1", [id]), 700);
  forget(watched, /412/);
});

test(
  "what got no answer is not done twice if its button is pressed again, and is done anew in a new dialog",
  options,
  async (t) => {
    const { pool } = pressed;
    const id = await createEndpoint(pool, [], { options: { name: "unlucky" } });
    const watched = await browser.open(t);
    const { url } = await startConsole(t, pressed);
    const { page } = watched;
    await logIn(watched, `${url}/`, key, `endpoints/${id}`);
    const rotations = () =>
      askFor(
        pool,
        "select count(*)::integer from postrider.audit where endpoint_id = $1 and action = 'rotate_secret'",
        [id],
      );
    const button = page.getByRole("button", { name: "Rotate the secret" });
    const dialog = page.getByRole("dialog");
    const submit = dialog.locator("button[type=submit]");
    // It is done, and what was answered is lost.
    await page.route(
      "**/rotate-secret",
      async (route) => {
        await route.fetch();
        await route.abort("connectionreset");
      },
      { times: 1 },
    );
    await button.click();
    await submit.click();
    await dialog.getByText("the API does not answer").waitFor();
    assert.equal(await rotations(), 1);
    await submit.click();
    await dialog.getByText(/What is shown once was in that answer/).waitFor();
    assert.equal(await rotations(), 1);
    await dialog.getByRole("button", { name: "Close" }).click();
    await button.click();
    await submit.click();
    await dialog.getByText(/^whsec_/).waitFor();
    assert.equal(await rotations(), 2);
    forget(watched, /ERR_CONNECTION_RESET/);
  },
);

test("what Postgres refuses stands at the field that it names, and what is no JSON is not sent", options, async (t) => {
  const watched = await browser.open(t, { width: 320 });
  const { url } = await startConsole(t, pressed);
  const { page } = watched;
  await logIn(watched, `${url}/`, key, "endpoints");
  await page.getByRole("button", { name: "Create an endpoint" }).click();
  const dialog = page.getByRole("dialog");
  const field = dialog.getByLabel("URL");
  await field.fill("ftp://receiver.test");
  await dialog.locator("button[type=submit]").click();
  await dialog
    .locator(".field", { has: page.getByLabel("URL") })
    .getByText("url is http or https")
    .waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await assertAccessible(page);
  await page.goto(`${url}/#/endpoints/${ids.BILLING}`);
  await page.getByRole("button", { name: "Send a test" }).click();
  await dialog.getByLabel("payload").fill("{no");
  await dialog.locator("button[type=submit]").click();
  const invalid = await dialog
    .getByLabel("payload")
    .evaluate((element) => (element as HTMLTextAreaElement).validationMessage);
  assert.equal(invalid, "This is not JSON.");
  forget(watched, /422/);
});

test("a filter is tried on the newest events while it is typed", options, async (t) => {
  const watched = await browser.open(t);
  const { url } = await startConsole(t, pressed);
  const { page } = watched;
  await pressed.pool.query("select postrider.allow_unknown_event_types()");
  await insertEvent(pressed.pool, "tried.one", { payload: '{"amount": 1}' });
  await insertEvent(pressed.pool, "tried.two", { payload: '{"amount": 200}' });
  await logIn(watched, `${url}/`, key, `endpoints/${ids.BILLING}`);
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("event type").fill("tried.*");
  await dialog.getByLabel("filter").fill("$.amount > 100");
  await dialog.getByText("1 of the newest 2 events match.").waitFor();
  await dialog.getByLabel("filter").fill("$.amount > ");
  await dialog.getByText(/syntax error/).waitFor();
  await dialog.getByLabel("filter").fill("$.amount > 0");
  await dialog.getByText("2 of the newest 2 events match.").waitFor();
  assert.equal(await page.locator("datalist option[value='order.*']").count(), 1);
  forget(watched, /422/);
});
