/** The portal for tests: a server of it, tokens to ask with, and tenants with everything that one can have. */
import type { TestContext } from "node:test";
import { ConsoleDatabase } from "../../src/console/consoleDatabase.ts";
import { PORTAL_LIMITS } from "../../src/console/limits.ts";
import { makePortalApp } from "../../src/console/portal/app.ts";
import { CAPABILITIES, type Capability } from "../../src/console/portal/route.ts";
import { messageOf } from "../../src/ground/errors.ts";
import { Listener } from "../../src/serve/listener.ts";
import type { Rate } from "../../src/serve/rateLimit.ts";
import {
  askFor,
  type ClaimedPair,
  claimAll,
  createEndpoint,
  insertEvent,
  recordResults,
  resultOf,
  rowsOf,
  type Session,
} from "./engine.ts";
import { createLogin, type Login } from "./roles.ts";

export interface StartedPortal {
  readonly port: number;
  /** Without a slash at its end. */
  readonly url: string;
  readonly errors: readonly string[];
  readonly login: Login;
}

interface PortalSettings {
  readonly hosts?: readonly string[];
  readonly origins?: readonly string[];
  readonly tokenRate?: Rate;
  readonly memberOf?: readonly string[];
}

/** Tests ask more often than a page. */
const TEST_RATE: Rate = { perSecond: 1_000, burst: 10_000 };

/** The portal on a free port, by a login of its own. Both go with the test. */
export async function startPortal(
  t: Pick<TestContext, "after">,
  database: { readonly pool: Session; readonly url: string },
  { hosts = [], origins = [], tokenRate = TEST_RATE, memberOf = ["postrider_portal"] }: PortalSettings = {},
): Promise<StartedPortal> {
  const login = await createLogin(database, memberOf);
  const errors: string[] = [];
  const portalDatabase = new ConsoleDatabase({ apiDatabaseUrl: login.url, apiDatabaseUrlFile: null });
  const onError = (message: string) => errors.push(message);
  const listener = await Listener.start({
    address: { host: "127.0.0.1", port: 0 },
    app: makePortalApp({ database: portalDatabase, hosts, origins, tokenRate, onError }),
    limits: PORTAL_LIMITS,
    onBroken: (thrown) => onError(messageOf(thrown)),
  });
  t.after(async () => {
    await listener.stop();
    await portalDatabase.stop();
    await login.drop();
  });
  const { port } = listener.address;
  return { port, url: `http://127.0.0.1:${port}`, errors, login };
}

export async function createToken(
  session: Session,
  tenant: string,
  capabilities: readonly Capability[] = CAPABILITIES,
): Promise<string> {
  return String(
    await askFor(session, "select token from postrider.create_portal_token($1, $2, '1 hour', 'alice')", [
      tenant,
      capabilities,
    ]),
  );
}

export interface Tenant {
  readonly name: string;
  /** What none but this tenant may see: it is in its names, URLs, payloads, answers and errors. */
  readonly mark: string;
  readonly ids: Readonly<
    Record<"endpoint_id" | "event_id" | "subscription_id" | "replay_id" | "secret_id" | "waiting_id", string>
  >;
}

const DAEMON = "00000000-0000-7000-8000-00000000000d";

/** A tenant with an endpoint that fails, an event that it did not get and one that waits, a replay, and charts. */
export async function addTenant(pool: Session, name: string): Promise<Tenant> {
  const mark = `mark-of-${name}`;
  const type = `order.${mark}`;
  const endpoint = await createEndpoint(pool, [type], {
    tenant: name,
    url: `https://${mark}.test/hook?token=query-${mark}`,
    options: { name: mark, description: mark, headers: { [`x-${mark}`]: `header-${mark}` } },
  });
  await pool.query("update postrider.subscription set filter = '$.a starts with \"m\"' where endpoint_id = $1", [
    endpoint,
  ]);
  const payload = JSON.stringify({ a: mark });
  const fields = { tenant: name, payload, orderingKey: mark };
  const event = await insertEvent(pool, type, fields);
  const pairs = (await claimAll(pool, { daemon: DAEMON })).filter((pair) => pair.event === event);
  const failed = (pair: ClaimedPair) => ({
    ...resultOf(pair, { outcome: "exhausted", startedMs: Date.now() - 1_000 }),
    ...{ error: `${mark} answered 500`, headers: JSON.stringify({ echo: mark }), body: mark },
  });
  await recordResults(pool, DAEMON, { first: pairs.map(failed) });
  const waiting = await insertEvent(pool, type, fields);
  await pool.query(
    "insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at) values ($1, $2, 'pending', now() + interval '1 day')",
    [waiting, endpoint],
  );
  await pool.query(
    `insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, failed, failures, request_ms)
     select date_trunc('minute', now()) - n * interval '1 minute', $1, 10, 1, '{"503": 1}', '{0,0,0,11}' from generate_series(1, 3) n`,
    [endpoint],
  );
  const [made] = await rowsOf<{ subscription_id: string; secret_id: string; replay_id: string }>(
    pool,
    `select (select id from postrider.subscription where endpoint_id = $1) as subscription_id,
            (select id from postrider.endpoint_secret where endpoint_id = $1) as secret_id,
            (select replay_id from postrider.replay($1, now() - interval '1 hour')) as replay_id`,
    [endpoint],
  );
  if (made === undefined) {
    throw new Error("no row");
  }
  return { name, mark, ids: { ...made, endpoint_id: endpoint, event_id: event, waiting_id: waiting } };
}
