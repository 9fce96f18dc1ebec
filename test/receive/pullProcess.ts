/** Fetches from a pull endpoint and handles each event once, until it is killed or stopped. Its one argument is JSON. */
import pg from "pg";
import { postgresInbox } from "../../src/receive/postgresInbox.ts";
import { pull } from "../../src/receive/pull.ts";

export interface PullProcessOptions {
  readonly url: string;
  readonly token: string;
  readonly secret: string;
  readonly databaseUrl: string;
  readonly limit: number;
  /** How many events it handles before it kills itself, and where. Null: it does not. */
  readonly death: { readonly afterEvents: number; readonly place: "handler" | "page" } | null;
}

const options: PullProcessOptions = JSON.parse(process.argv[2] ?? "");
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 2 });

let handled = 0;
function dieAt(place: "handler" | "page"): void {
  if (options.death?.place === place && handled >= options.death.afterEvents) {
    process.kill(process.pid, "SIGKILL");
  }
}

await pull({
  url: options.url,
  token: options.token,
  secrets: [options.secret],
  limit: options.limit,
  signal: stop.signal,
  store: postgresInbox(pool),
  handlers: {
    "order.paid": async ({ id }, { transaction }) => {
      await transaction.query("update effect set count = count + 1 where event_id = $1", [id]);
      await transaction.query("insert into effect (event_id, count) values ($1, 1) on conflict do nothing", [id]);
      handled += 1;
      dieAt("handler");
    },
  },
  onPage: () => dieAt("page"),
});
await pool.end();
