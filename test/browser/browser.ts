/** A real browser, in which nothing may go wrong that a test does not look for. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, type TestContext } from "node:test";
import { type Browser, chromium, type Frame, type Page } from "playwright-core";

/** Debian's, and where others put theirs. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Null: there is none on this machine. POSTRIDER_TEST_BROWSER names one that is elsewhere. */
export function browserPath(): string | null {
  const given = process.env.POSTRIDER_TEST_BROWSER;
  return given ?? PLACES.find((path) => existsSync(path)) ?? null;
}

/** One for all tests of a file. */
export function useBrowser(): { open(t: TestContext, options?: OpenOptions): Promise<Watched> } {
  let browser: Browser | undefined;
  before(async () => {
    const executablePath = browserPath();
    if (executablePath !== null) {
      // As root, as in a container, it has no sandbox.
      browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
    }
  });
  after(() => browser?.close());
  return {
    open: (t, options) => {
      assert.ok(browser !== undefined);
      return watch(t, browser, options);
    },
  };
}

export interface OpenOptions {
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Where the page may ask, besides 127.0.0.1. */
  readonly hosts?: readonly string[];
}

export interface Watched {
  readonly page: Page;
  /** What a person would not see: errors on the console, violations of the policy, requests to elsewhere. Empty in the end. */
  readonly faults: string[];
}

async function watch(
  t: TestContext,
  browser: Browser,
  { theme = "light", width = 1_280, height = 900, hosts = [] }: OpenOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({
    colorScheme: theme,
    viewport: { width, height },
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["127.0.0.1", "", ...hosts].includes(url.hostname)) faults.push(`a request to ${url.href}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  return { page, faults };
}

/** Logs in with a key, and goes to that place of the dashboard. */
export async function logIn(watched: Watched, address: string, key: string, place = ""): Promise<void> {
  const { page } = watched;
  await page.goto(`${address}#/${place}`);
  await page.getByLabel("A key of the API").fill(key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation").waitFor();
  // The question who is logged in was answered with 401, which the browser notes.
  forget(watched, /401/);
}

/** Takes back faults that a test brought about: the browser notes each answer that refuses something. */
export function forget({ faults }: Watched, expected: RegExp): void {
  faults.splice(0, faults.length, ...faults.filter((fault) => !expected.test(fault)));
}

/**
 * Rejects if axe finds anything on the page, or within a part of it. It is run by the debugger, which the policy of the
 * page does not stop.
 */
export async function assertAccessible(page: Page | Frame, within?: string): Promise<void> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (context) => {
    const { violations } = await (
      globalThis as unknown as { axe: { run(context?: string): Promise<{ violations: Violation[] }> } }
    ).axe.run(context);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  }, within);
  assert.deepEqual(found, [], page.url());
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Rejects if the page is wider than the window: only tables and texts scroll, each by itself. */
export async function assertFits(page: Page | Frame): Promise<void> {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(content <= window, `${page.url()} is ${content} wide, the window ${window}`);
}
