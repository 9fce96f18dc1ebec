/** The portal in a frame of a page of another site, which is the one of the guide, beside a daemon that delivers. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { Frame } from "playwright-core";
import { CAPABILITIES, type Capability } from "../../src/console/portal/route.ts";
import type { Daemon } from "../../src/daemon/daemon.ts";
import { RECIPES } from "../receive/languages/recipes.ts";
import { startDaemon } from "../support/daemon.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { askFor, createEndpoint, eventually, insertEvent } from "../support/engine.ts";
import { guideBlocks } from "../support/guides.ts";
import { createToken, type StartedPortal, startPortal } from "../support/portal.ts";
import { type Received, ScriptedReceiver } from "../support/scriptedReceiver.ts";
import {
  assertAccessible,
  assertFits,
  browserPath,
  forget,
  type OpenOptions,
  useBrowser,
  type Watched,
} from "./browser.ts";

const options = browserPath() === null ? { skip: "there is no Chromium: apt-get install chromium" } : {};

const HOSTILE = `<img src=x onerror=alert(1)></script>"'\u202e`;
const FIRST_LOAD_BYTES_MAX = 30 * 1_024;

const browser = useBrowser();
const ends: (() => unknown)[] = [];
let database: TestDatabase;
let receiver: ScriptedReceiver;
let daemon: Daemon;
let portal: StartedPortal;
let host: Host;
let failing: string;
let event: string;

before(async () => {
  database = await createDatabase();
  const { pool } = database;
  receiver = await ScriptedReceiver.start();
  ({ daemon } = await startDaemon(database.url));
  host = await startHost();
  portal = await startPortal({ after: (end) => ends.push(end as () => unknown) }, database, { origins: [host.origin] });
  await pool.query(
    `select postrider.define_event_type('order.paid', description => $1, json_schema => '{"type": "object"}')`,
    [HOSTILE],
  );
  receiver.script("/billing", { kind: "status", status: 503, headers: { "x-note": "busy" }, body: HOSTILE });
  failing = await createEndpoint(pool, ["order.*"], {
    tenant: "acme",
    url: receiver.url("/billing"),
    options: { name: "billing-eu", description: HOSTILE, retry_schedule: ["10 ms"] },
  });
  event = await insertEvent(pool, "order.failed", { tenant: "acme", payload: JSON.stringify({ text: HOSTILE }) });
  await eventually("the delivery", async () =>
    Boolean(await askFor(pool, "select count(*) = 1 from postrider.delivery where state = 'exhausted'")),
  );
});

after(async () => {
  for (const end of ends.reverse()) await end();
  await host?.stop();
  await daemon?.stop();
  await receiver?.stop();
  await database?.drop();
});

interface Host {
  readonly origin: string;
  /** How often its page asked for a token. */
  readonly tokens: string[];
  /** What the next token is for. */
  grant: { readonly tenant: string; readonly capabilities: readonly Capability[] };
  stop(): Promise<void>;
}

/** The application: it serves the page of the guide, and makes tokens for it. */
async function startHost(): Promise<Host> {
  const guide = readFileSync(new URL("../../src/console/portal/README.md", import.meta.url), "utf8");
  const [, page = ""] = /```html\n(.*?)```/s.exec(guide) ?? [];
  assert.ok(page.includes("https://webhooks.example.com"), "the guide has its page");
  const server: Server = createServer((request, response) => {
    if (request.method === "POST") {
      const { tenant, capabilities } = made.grant;
      void createToken(database.pool, tenant, capabilities).then((token) => {
        made.tokens.push(token);
        response.end(token);
      });
    } else {
      const html = page.replace("https://webhooks.example.com", portal.url).replace("theme=light&", "");
      response.setHeader("content-type", "text/html");
      response.end(
        `<!doctype html><html lang="en"><title>The application</title><link rel="icon" href="data:,">${html}`,
      );
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const made: Host = {
    // Another site than 127.0.0.1, where the portal is.
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    tokens: [],
    grant: { tenant: "acme", capabilities: CAPABILITIES },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return made;
}

interface Opened extends Watched {
  readonly frame: Frame;
}

async function open(
  t: TestContext,
  { tenant = "acme", capabilities = CAPABILITIES, ...opening }: OpenOptions & Partial<Host["grant"]> = {},
): Promise<Opened> {
  host.grant = { tenant, capabilities };
  const watched = await browser.open(t, { ...opening, hosts: ["localhost"] });
  await watched.page.goto(host.origin);
  const handle = await watched.page.waitForSelector("iframe");
  const frame = await handle.contentFrame();
  assert.ok(frame !== null);
  await frame.getByRole("navigation").waitFor();
  return { ...watched, frame };
}

async function go(frame: Frame, place: string): Promise<void> {
  await frame.evaluate((hash) => {
    location.hash = hash;
  }, `#/${place}`);
}

test("the first load is small, and the token leaves the address", options, async (t) => {
  const { page } = await browser.open(t, { hosts: ["localhost"] });
  const sizes: Promise<number>[] = [];
  page.on("response", (response) => {
    if (response.url().startsWith(portal.url) && !response.url().includes("/api/")) {
      sizes.push(
        response
          .request()
          .sizes()
          .then(({ responseBodySize }) => responseBodySize),
      );
    }
  });
  host.grant = { tenant: "acme", capabilities: CAPABILITIES };
  await page.goto(host.origin);
  const frame = page.frames().at(1) ?? (await page.waitForEvent("frameattached"));
  await frame.getByRole("heading", { level: 1, name: "Endpoints" }).waitFor();
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  assert.ok(bytes > 5_000 && bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes`);
  assert.equal(await frame.evaluate(() => location.href), `${portal.url}/#/endpoints`);
  assert.deepEqual(await page.context().storageState(), { cookies: [], origins: [] });
  await page.waitForFunction(() => Number.parseInt(document.querySelector("iframe")?.style.height ?? "0", 10) > 150);
});

for (const theme of ["light", "dark"] as const) {
  test(`every screen is accessible and fits into 320 pixels, ${theme}`, options, async (t) => {
    const watched = await open(t, { theme, width: 320 });
    const { frame } = watched;
    for (const [place, title] of [
      ["endpoints", "Endpoints"],
      ["add", "Add an endpoint"],
      [`endpoints/${failing}`, "billing-eu"],
      ["events", "Events"],
      [`events/${event}`, "order.failed"],
      ["types", "Event types"],
      ["events/019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90", "No such event"],
      ["endpoints/019a5c0e-7c1b-7f3c-9d2e-5b1f6a7c8d90", "No such endpoint"],
      ["nowhere", "No such screen"],
    ] as const) {
      await go(frame, place);
      await frame.getByRole("heading", { level: 1, name: title }).waitFor();
      await frame.getByText("reading…").first().waitFor({ state: "detached" });
      await assertAccessible(frame);
      await assertFits(frame);
    }
    // What is not there is answered with 404, which the browser notes.
    forget(watched, /404/);
  });
}

test("an endpoint is added, its secret shown once, and a test turns green, by keyboard alone", options, async (t) => {
  const { frame, page } = await open(t, { tenant: "new" });
  await frame.getByText("There is no endpoint yet").waitFor();
  await frame.getByRole("link", { name: "Add an endpoint" }).press("Enter");
  await frame.getByLabel("URL of your server").fill(receiver.url("/new"));
  await frame.getByLabel("Name (optional)").fill("new-eu");
  await frame.getByRole("checkbox", { name: /^order\.paid/ }).press("Space");
  await frame.getByRole("button", { name: "Add it" }).press("Enter");
  await frame.getByText("It is shown this once").waitFor();
  assert.match(await frame.locator("pre.result").innerText(), /^whsec_/);
  await assertAccessible(frame);
  await frame.getByRole("button", { name: "Send a test" }).press("Enter");
  await frame.getByText("it arrived, and your server answered 200").waitFor();
  assert.equal(await frame.locator("[role=status] .state.good").count(), 1);
  assert.equal(receiver.requests("/new").length, 1);
  await frame.getByRole("link", { name: "To the endpoint" }).press("Enter");
  await frame.getByRole("heading", { level: 1, name: "new-eu" }).waitFor();
  await frame.getByText("order.paid").waitFor();
  assert.equal(await frame.getByText("whsec_").count(), 0);
  assert.equal(page.frames().length, 2);
});

interface Runtime {
  readonly language: string;
  readonly probe: readonly [string, ...string[]];
  /** Runs the code with what gives it the request of its input, as headers and body in base64. */
  command(code: string): readonly [string, ...string[]];
}

const RUNTIMES: readonly Runtime[] = [
  {
    language: "Node.js",
    probe: [process.execPath, "--version"],
    command: (code) => {
      const run = `const { headers, body } = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));
        console.log(JSON.stringify(verifiedEvents(headers, Buffer.from(body, "base64"))));`;
      return [process.execPath, "--input-type=module", "--eval", `${code}\n${run}`];
    },
  },
  {
    language: "Python",
    probe: ["python3", "--version"],
    command: (code) => {
      const run = `request = json.load(open(0))
print(json.dumps(verified_events(request["headers"], base64.b64decode(request["body"]))))`;
      return ["python3", "-c", `${code}\n${run}`];
    },
  },
];

for (const { language, probe, command } of RUNTIMES) {
  const [file, ...args] = probe;
  const isThere = spawnSync(file, args).status === 0;
  const skip = isThere ? options : { skip: `${file} is not installed` };
  test(
    `the code that it shows for ${language} verifies what is sent, with the secret that it shows`,
    skip,
    async (t) => {
      const { frame } = await open(t, { tenant: "verifier" });
      const path = `/verifies/${language}`;
      receiver.script(path, { kind: "hang" });
      await go(frame, "add");
      await frame.getByLabel("URL of your server").fill(receiver.url(path));
      await frame.getByRole("button", { name: "Add it" }).click();
      const secret = await frame.locator("pre.result").innerText();
      await frame.getByText("Verify requests").click();
      await frame.getByRole("button", { name: language, exact: true }).click();
      const [program, ...words] = command((await frame.locator("details[open] pre").textContent()) ?? "");
      const verify = async ({ headers, body }: Pick<Received, "headers" | "body">) => {
        const env = { ...process.env, WEBHOOK_SECRET: secret };
        const running = promisify(execFile)(program, words, { env });
        running.child.stdin?.end(JSON.stringify({ headers, body: body.toString("base64") }));
        return JSON.parse((await running).stdout);
      };

      await frame.getByRole("button", { name: "Send a test" }).click();
      await receiver.got(path, 1);
      const [request = assert.fail()] = receiver.requests(path);
      const [{ id, type }] = await verify(request);
      receiver.release(path, 204);
      assert.deepEqual([id, type], [request.id, "postrider.test"]);
      await frame.getByText("it arrived, and your server answered 204").waitFor();
      const changed = { ...request, body: Buffer.concat([request.body, Buffer.from(" ")]) };
      await assert.rejects(verify(changed), /no signature in webhook-signature is by one of our secrets/);

      await frame.getByText("Check a signature").click();
      await frame.getByLabel("Secret, or public key").fill(secret);
      for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"]) {
        await frame.getByLabel(name).fill(String(request.headers[name]));
      }
      for (const [body, says] of [
        [request.body, "It is signed with this key"],
        [changed.body, "It is not signed with this key"],
      ] as const) {
        await frame.getByLabel("Body, with each blank of it").fill(body.toString());
        await frame.getByRole("button", { name: "Check" }).click();
        await frame.getByText(says).waitFor();
      }
      await assertAccessible(frame);
    },
  );
}

test("the code that it shows is what the guide for receivers has, which is tested", options, async (t) => {
  const { frame } = await open(t);
  await go(frame, `endpoints/${failing}`);
  await frame.getByText("Verify requests").click();
  const ofGuide = (name: string) => RECIPES.find((recipe) => recipe.name === name);
  for (const [label, name, files] of [
    ["Node.js", "Node.js", 1],
    ["Python", "Flask", 1],
    ["Rails", "Rails", 1],
    ["Laravel", "Laravel", 2],
    ["Go", "Go", 1],
    ["Spring", "Spring", 1],
  ] as const) {
    const [{ heading, language } = assert.fail(name)] = ofGuide(name)?.blocks ?? [];
    const texts = guideBlocks("src/receive/languages.md", heading, language).slice(0, files);
    await frame.getByRole("button", { name: label, exact: true }).click();
    assert.equal(await frame.locator("details[open] pre").textContent(), texts.join("\n"), label);
  }
  await assertAccessible(frame, "details[open]");
});

test("a failing endpoint says why in words, and what people wrote stays text", options, async (t) => {
  const { frame } = await open(t);
  await frame.getByText("your server answered 503").waitFor();
  await frame.getByRole("link", { name: "billing-eu" }).click();
  await frame.getByText("<img src=x onerror=alert(1)>").first().waitFor();
  // By keyboard, because what is still being read moves what is below it from under a mouse.
  await frame.locator("summary", { hasText: "answer" }).first().press("Enter");
  await frame.getByText("x-note: busy").waitFor();
  await frame.getByText("<img src=x onerror=alert(1)></script>").first().waitFor();
  await go(frame, `events/${event}`);
  await frame.getByText("show", { exact: true }).click();
  await frame.getByText("onerror").first().waitFor();
  await go(frame, "types");
  await frame.getByText("<img src=x").waitFor();
  assert.equal(await frame.locator("img").count(), 0);
});

test("an endpoint is paused, resumed, rotated, edited, replayed and deleted", options, async (t) => {
  const { pool } = database;
  const watched = await open(t);
  const { frame } = watched;
  const id = await createEndpoint(pool, ["other.*"], {
    tenant: "acme",
    url: receiver.url("/acts"),
    options: { name: "acts", retry_schedule: ["10 ms"] },
  });
  receiver.script("/acts", { kind: "status", status: 500 });
  await insertEvent(pool, "other.event", { tenant: "acme" });
  await eventually("the delivery", async () =>
    Boolean(
      await askFor(
        pool,
        "select exists (select from postrider.delivery where endpoint_id = $1 and state = 'exhausted')",
        [id],
      ),
    ),
  );
  receiver.script("/acts", { kind: "status", status: 200 });
  await go(frame, `endpoints/${id}`);
  const act = async (label: string): Promise<void> => {
    await frame.getByRole("button", { name: label, exact: true }).click();
    await frame.getByRole("form", { name: label }).getByRole("button", { name: label, exact: true }).click();
  };
  await act("Pause");
  await frame.getByText("Its events wait.").waitFor();
  await act("Resume");
  await frame.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await act("Rotate the secret");
  await frame.getByText("It is shown this once").waitFor();
  await frame.getByRole("button", { name: "Close" }).click();
  await frame.getByRole("button", { name: "Edit", exact: true }).click();
  await frame.getByLabel("Name", { exact: true }).fill("renamed");
  await frame.getByRole("form", { name: "Edit" }).getByRole("button", { name: "Edit", exact: true }).click();
  await frame.getByRole("heading", { level: 1, name: "renamed" }).waitFor();
  await act("Count what it missed");
  await frame.getByText("It missed 1 event since").first().waitFor();
  await act("Send what it missed");
  await frame.getByText("1 of 1 arrived").waitFor();
  await frame.getByRole("button", { name: "Delete", exact: true }).click();
  await frame.getByText("It is removed for good: 0 waiting deliveries, 1 subscription").waitFor();
  await frame.getByRole("form", { name: "Delete" }).getByRole("button", { name: "Delete", exact: true }).click();
  await frame.getByRole("heading", { level: 1, name: "Endpoints" }).waitFor();
  assert.equal(await askFor(pool, "select count(*) from postrider.endpoint where id = $1", [id]), "0");
  // The page may ask for it once more before it leaves it.
  forget(watched, /404/);
});

test("what the token does not allow has no button", options, async (t) => {
  const { frame } = await open(t, { capabilities: ["endpoints:read"] });
  await go(frame, `endpoints/${failing}`);
  await frame.getByRole("heading", { level: 1, name: "billing-eu" }).waitFor();
  await frame.getByText("order.*").waitFor();
  const names = await frame.getByRole("button").allInnerTexts();
  assert.deepEqual(names, []);
  assert.equal(await frame.getByRole("link", { name: "Events", exact: true }).count(), 0);
});

test("a token that ends is renewed by the page around it, and the reader stays where they are", options, async (t) => {
  const watched = await open(t);
  const { frame } = watched;
  await go(frame, `endpoints/${failing}`);
  await frame.getByRole("heading", { level: 1, name: "billing-eu" }).waitFor();
  const tokens = host.tokens.length;
  await database.pool.query("select postrider.revoke_portal_tokens('acme', 'alice')");
  await database.pool.query("update postrider.endpoint set name = 'renewed' where id = $1", [failing]);
  await frame.getByRole("heading", { level: 1, name: "renewed" }).waitFor();
  assert.ok(host.tokens.length > tokens);
  await database.pool.query("update postrider.endpoint set name = 'billing-eu' where id = $1", [failing]);
  forget(watched, /401/);
});

test("by itself, and without a token, it shows nothing and says so", options, async (t) => {
  const watched = await browser.open(t);
  const { page } = watched;
  await page.goto(`${portal.url}/#token=prp_${"x".repeat(43)}`);
  await page.getByRole("heading", { level: 1, name: "Nobody is logged in here" }).waitFor();
  assert.equal(page.url(), `${portal.url}/#/endpoints`);
  await assertAccessible(page);
  forget(watched, /401/);
});

test("no other site can show it", options, async (t) => {
  const watched = await browser.open(t, { hosts: ["localhost"] });
  const { page } = watched;
  // The same page, under a name that is not listed.
  const blocked = page.waitForEvent("console", (message) => /frame-ancestors/.test(message.text()));
  await page.goto(host.origin.replace("localhost", "127.0.0.1"));
  await blocked;
  forget(watched, /frame-ancestors/);
});
