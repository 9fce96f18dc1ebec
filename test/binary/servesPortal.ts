import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { CAPABILITIES } from "../../src/console/portal/route.ts";
import { type CommandOptions, CommandProcess, runCommand } from "../support/command.ts";
import type { TestDatabase } from "../support/database.ts";
import { createToken } from "../support/portal.ts";

interface Operation {
  /** How an operator starts `postrider console` for the portal. */
  readonly console: CommandOptions;
  /** The environment of a daemon, for `postrider check`. */
  readonly daemon: NonNullable<CommandOptions["env"]>;
}

/**
 * In a migrated database: the portal answers a tenant, lets the site of its settings frame it, and serves no API beside it;
 * `postrider check` finds that its login can do nothing else; SIGTERM ends it.
 */
export async function assertServesPortal(
  t: TestContext,
  database: Pick<TestDatabase, "pool">,
  { console: { env, ...program }, daemon }: Operation,
): Promise<void> {
  const { code, stdout, stderr } = await runCommand(["check", "--json"], { env: { ...daemon, ...env } });
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Record<string, string>[] };
  assert.equal(code, 0, stdout + stderr);
  const found = checks.find(({ name }) => name === "portal");
  assert.deepEqual([found?.state, /and reads no table/.test(found?.found ?? "")], ["ok", true], stdout);

  const portal = new CommandProcess(["console"], {
    ...program,
    env: { ...env, POSTRIDER_PORTAL_LISTEN: "127.0.0.1:0" },
  });
  t.after(() => portal.end("SIGKILL"));
  const [, address = ""] = await portal.match(/"event":"portal\.started","address":"([^"]+)"/);
  assert.doesNotMatch(portal.stdout, /console\.started/);
  const page = await assertServesPage(`http://${address}/`);
  assert.match(page.headers.get("content-security-policy") ?? "", /frame-ancestors https:\/\/app\.example\.com$/);
  const token = await createToken(database.pool, "acme", CAPABILITIES);
  const headers = { authorization: `Bearer ${token}` };
  const session = await fetch(`http://${address}/api/v1/portal/session`, { headers });
  assert.equal(session.status, 200, portal.said());
  assert.equal(((await session.json()) as { readonly tenant: string }).tenant, "acme");
  assert.deepEqual(await portal.end("SIGTERM"), { code: 0, signal: null }, portal.said());
}

/** The page is there, with its script. */
export async function assertServesPage(url: string): Promise<Response> {
  const page = await fetch(url);
  assert.equal(page.status, 200);
  const [, source = assert.fail("the page has no script")] =
    /<script type="module" src="([^"]+)">/.exec(await page.text()) ?? [];
  const script = await fetch(new URL(source, url));
  assert.equal(script.status, 200);
  assert.ok((await script.text()).length > 10_000);
  return page;
}
