/** A pull endpoint with a running daemon, concurrent writers, and receivers that die. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startDaemon } from "../support/daemon.ts";
import { useDatabase } from "../support/database.ts";
import { askFor, insertEvent, openSession } from "../support/engine.ts";
import { startListener } from "../support/listener.ts";
import { createPullEndpoint } from "../support/pulling.ts";
import { until } from "../support/until.ts";

const database = useDatabase();

const WRITERS = 4;
const EVENTS_EACH = 40;
/** How likely a receiver is to die with a page, before it has stored the cursor. The first one kills it. */
const DEATHS = 0.3;

interface Page {
  readonly data: readonly { readonly id: string }[];
  readonly next: string;
}

/** It stores what it gets and then the cursor, or dies in between. */
class Receiver {
  readonly seen = new Set<string>();
  readonly #url: string;
  readonly #token: string;
  #cursor = "";
  deaths = 0;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async ask(query: string): Promise<void> {
    const answer = await fetch(`${this.#url}?${query}&after=${this.#cursor}`, {
      headers: { authorization: `Bearer ${this.#token}` },
    });
    assert.equal(answer.status, 200);
    const page = (await answer.json()) as Page;
    if (page.data.length > 0 && (this.deaths === 0 || Math.random() < DEATHS)) {
      this.deaths++;
      return;
    }
    for (const { id } of page.data) {
      this.seen.add(id);
    }
    this.#cursor = page.next;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.ask(`limit=${1 + Math.floor(Math.random() * 9)}&wait=1`);
    }
  }
}

test("two receivers that die at random get every event of concurrent transactions, and all is acknowledged", async (t) => {
  const { url } = await startListener(t, { databaseUrl: database.url });
  const { daemon } = await startDaemon(database.url);
  t.after(() => daemon.stop());
  const endpoint = await createPullEndpoint(database.pool);
  const token = String(await askFor(database.pool, "select postrider.create_pull_token($1)", [endpoint]));
  const receivers = [0, 1].map(() => new Receiver(`${url}/v1/endpoints/${endpoint}/events`, token));
  // Each begins with a cursor, because without one it would get what the other has not acknowledged.
  for (const receiver of receivers) await receiver.ask("limit=1");
  const stopping = new AbortController();
  const running = receivers.map((receiver) => receiver.run(stopping.signal));
  const committed: string[] = [];
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      const session = await openSession(t, database.url);
      for (let n = 0; n < EVENTS_EACH; n++) {
        await session.query("begin");
        const event = await insertEvent(session, "order.paid");
        await delay(Math.random() * 20);
        await session.query("commit");
        committed.push(event);
      }
    }),
  );
  await until("both to have everything", () => receivers.every(({ seen }) => committed.every((id) => seen.has(id))));
  await until(
    "everything to be acknowledged",
    async () =>
      (await askFor(database.pool, "select count(*)::integer from postrider.delivery where state = 'succeeded'")) ===
      committed.length,
  );
  stopping.abort();
  await Promise.all(running);
  assert.ok(receivers.every(({ deaths }) => deaths > 0));
});
