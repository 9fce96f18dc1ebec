import { setTimeout as pause } from "node:timers/promises";
import { type Connection, type ConnectionConfig, openConnection } from "../db/connect.ts";
import { unixMs } from "../ground/clock.ts";
import { open, type SealingKey } from "../secrets/sealing.ts";
import { displayLine, padType } from "./display.ts";
import { LocalReceiver, type LocalReceiverOptions, type ReceivedRequest } from "./localReceiver.ts";
import { requestText } from "./requestText.ts";

/** The next start finds the demo's endpoints by their paths, because their receiver may have another port. */
const PATH = "/postrider-demo";
/** Fails the first request for each event, so that a newcomer sees a retry. */
const FAILING_PATH = "/postrider-demo-fails-first";
const PORT_PREFERRED = 8430;
const ASIDE_REASON = "the demo is not running";
/** An event takes milliseconds. After this long something is wrong, and the hint says where to look. */
const ARRIVAL_MS_MAX = 15_000;

const SAMPLES: readonly (readonly [eventType: string, payload: string])[] = [
  ["customer.created", '{"customer_id": 7, "name": "Ada"}'],
  ["order.created", '{"order_id": 1001, "customer_id": 7, "total": 49.90}'],
  ["order.paid", '{"order_id": 1001, "amount": 49.90, "currency": "EUR"}'],
  ["order.shipped", '{"order_id": 1001, "carrier": "post", "parcels": 1}'],
  ["order.delivered", '{"order_id": 1001}'],
];

const FIND_ENDPOINT = `
  select id, url, state, state_reason from postrider.endpoint
  where tenant = '' and regexp_replace(url, '^http://127\\.0\\.0\\.1:[0-9]+', '') = $1
  order by created_at limit 1`;

const SECRETS = `
  select secret from postrider.endpoint_secret
  where endpoint_id = $1 and kind = 'hmac' and (expires_at is null or expires_at > now())`;

/** Other endpoints that would get the sample events. A person created them and did not ask for samples. */
const COUNT_OTHERS = `
  select count(*)::integer as count from postrider.endpoint
  where tenant = '' and state <> 'disabled' and id <> all ($1)`;

const INSERT_SAMPLES = `
  insert into postrider.outbox (event_type, payload)
  select * from unnest($1::text[], $2::json[])
  returning id, event_type, payload::text as payload`;

interface EndpointRow {
  readonly id: string;
  readonly url: string;
  readonly state: "active" | "paused" | "disabled";
  readonly state_reason: string | null;
}

interface InsertedEvent {
  readonly id: string;
  readonly event_type: string;
  readonly payload: string;
}

interface DemoEndpoint {
  readonly path: string;
  readonly eventTypes: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

const ENDPOINTS: readonly DemoEndpoint[] = [
  { path: PATH, eventTypes: ["*"], options: {} },
  { path: FAILING_PATH, eventTypes: ["order.shipped"], options: { retry_schedule: ["2 s", "10 s", "1 min"] } },
];

/** A receiver in this process, its endpoints, and sample events that show it work. */
export class Demo {
  readonly #connection: ConnectionConfig;
  readonly #receiver: LocalReceiver;
  readonly #endpointIds: readonly string[];
  readonly #arrivals: Arrivals;

  private constructor(
    connection: ConnectionConfig,
    receiver: LocalReceiver,
    endpointIds: readonly string[],
    arrivals: Arrivals,
  ) {
    this.#connection = connection;
    this.#receiver = receiver;
    this.#endpointIds = endpointIds;
    this.#arrivals = arrivals;
  }

  /** Listens, and points the demo's endpoints there: those of an earlier start, with their secrets, or new ones. */
  static async start(connection: ConnectionConfig, sealingKeys: readonly SealingKey[]): Promise<Demo> {
    const client = await openConnection({ config: connection, purpose: "control" });
    try {
      const endpoints: EndpointRow[] = [];
      for (const wanted of ENDPOINTS) {
        endpoints.push((await findEndpoint(client, wanted.path)) ?? (await createEndpoint(client, wanted)));
      }
      const ids = endpoints.map(({ id }) => id);
      const secrets: string[] = [];
      for (const id of ids) {
        secrets.push(...(await readSecrets(client, id, sealingKeys)));
      }
      const arrivals = new Arrivals();
      const receiver = await listen({
        port: Number(new URL(endpoints[0]?.url ?? "").port),
        secrets,
        now: unixMs,
        refuse: makeRefusal(),
        onRequest: (request) => arrivals.add(request),
      });
      for (const endpoint of endpoints) {
        await pointTo(client, endpoint, receiver.url);
      }
      return new Demo(connection, receiver, ids, arrivals);
    } finally {
      await client.end();
    }
  }

  /** `http://127.0.0.1:PORT` */
  get url(): string {
    return this.#receiver.url;
  }

  /**
   * Inserts the sample events and prints what becomes of them; resolves when they have arrived. `program`: how a person
   * starts this one.
   */
  async show(databaseUrl: string, program: string, stopping: AbortSignal): Promise<void> {
    const inserted = await this.#insertSamples();
    process.stdout.write(insertedText(inserted));
    const ids = inserted.map(({ id }) => id);
    const haveArrived = await this.#arrivals.release(ids, stopping);
    if (!stopping.aborted) {
      process.stdout.write(hint(databaseUrl, program, haveArrived));
    }
  }

  stop(): Promise<void> {
    return this.#receiver.stop();
  }

  async #insertSamples(): Promise<readonly InsertedEvent[]> {
    const client = await openConnection({ config: this.#connection, purpose: "control" });
    try {
      const others = await client.query<{ count: number }>(COUNT_OTHERS, [this.#endpointIds]);
      if ((others.rows[0]?.count ?? 0) > 0) {
        return [];
      }
      const types = SAMPLES.map(([eventType]) => eventType);
      const payloads = SAMPLES.map(([, payload]) => payload);
      return (await client.query<InsertedEvent>(INSERT_SAMPLES, [types, payloads])).rows;
    } finally {
      await client.end();
    }
  }
}

/** Disables the demo's endpoints, which have no receiver until the demo runs again. */
export async function putDemoAside(client: Connection): Promise<void> {
  for (const { path } of ENDPOINTS) {
    const endpoint = await findEndpoint(client, path);
    if (endpoint?.state === "active") {
      await client.query("select postrider.disable_endpoint($1, $2)", [endpoint.id, ASIDE_REASON]);
    }
  }
}

/** Refuses the first request for each event on the path that fails first. Newcomers send few events: ids are kept. */
function makeRefusal(): NonNullable<LocalReceiverOptions["refuse"]> {
  const refused = new Set<string>();
  return (path, id) => {
    if (path !== FAILING_PATH || id === null || refused.has(id)) {
      return null;
    }
    refused.add(id);
    return "this endpoint of the demo fails the first request for each event";
  };
}

/** Requests that have arrived. Held until `release`, so that no event is shown as arrived before it is shown as inserted. */
class Arrivals {
  #held: ReceivedRequest[] | null = [];
  #awaited = new Set<string>();
  readonly #complete = Promise.withResolvers<true>();

  add(request: ReceivedRequest): void {
    if (this.#held === null) {
      this.#print(request);
    } else {
      this.#held.push(request);
    }
  }

  /** Prints from now on. Resolves with whether all of these events arrived, and were verified, in time. */
  async release(ids: readonly string[], stopping: AbortSignal): Promise<boolean> {
    this.#awaited = new Set(ids);
    const held = this.#held ?? [];
    this.#held = null;
    for (const request of held) {
      this.#print(request);
    }
    if (ids.length === 0) {
      return true;
    }
    const late = pause(ARRIVAL_MS_MAX, false, { signal: stopping, ref: false }).catch(() => false);
    return Promise.race([this.#complete.promise, late]);
  }

  #print(request: ReceivedRequest): void {
    process.stdout.write(displayLine("arrived", requestText(request).trimEnd()));
    if (request.id !== null && request.judgement.kind === "verified" && this.#awaited.delete(request.id)) {
      if (this.#awaited.size === 0) {
        this.#complete.resolve(true);
      }
    }
  }
}

async function findEndpoint(client: Connection, path: string): Promise<EndpointRow | null> {
  const { rows } = await client.query<EndpointRow>(FIND_ENDPOINT, [path]);
  return rows[0] ?? null;
}

/** The port is a placeholder until the receiver listens. */
async function createEndpoint(client: Connection, { path, eventTypes, options }: DemoEndpoint): Promise<EndpointRow> {
  const url = `http://127.0.0.1:${PORT_PREFERRED}${path}`;
  await client.query("select postrider.create_endpoint($1, $2, options => $3)", [url, eventTypes, options]);
  const endpoint = await findEndpoint(client, path);
  if (endpoint === null) {
    throw new Error("the demo's endpoint was created but cannot be found");
  }
  return endpoint;
}

/** The secrets of an endpoint; a new one if they are sealed with a key that is not at hand, because nobody else has them. */
async function readSecrets(client: Connection, id: string, sealingKeys: readonly SealingKey[]): Promise<string[]> {
  const { rows } = await client.query<{ secret: string }>(SECRETS, [id]);
  const secrets: string[] = [];
  for (const { secret } of rows) {
    const opened = open(sealingKeys, { endpointId: id, kind: "hmac" }, secret);
    if (opened.kind === "problem") {
      const rotated = await client.query<{ secret: string }>("select postrider.rotate_secret($1, '0') as secret", [id]);
      return rotated.rows.map((row) => row.secret);
    }
    secrets.push(opened.secret);
  }
  return secrets;
}

/** Uses the port of the last start if it is free, else any free one. */
async function listen(options: LocalReceiverOptions): Promise<LocalReceiver> {
  try {
    return await LocalReceiver.start(options);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "EADDRINUSE") {
      return LocalReceiver.start({ ...options, port: 0 });
    }
    throw thrown;
  }
}

/** Undoes what `putDemoAside` did. An endpoint that a person paused or disabled stays as it is. */
async function pointTo(
  client: Connection,
  { id, url, state, state_reason }: EndpointRow,
  receiverUrl: string,
): Promise<void> {
  const newUrl = `${receiverUrl}${new URL(url).pathname}`;
  if (url !== newUrl) {
    await client.query("update postrider.endpoint set url = $2 where id = $1", [id, newUrl]);
  }
  if (state === "disabled" && state_reason === ASIDE_REASON) {
    await client.query("select postrider.enable_endpoint($1)", [id]);
  }
}

function insertedText(events: readonly InsertedEvent[]): string {
  if (events.length === 0) {
    return "\nNo sample events were inserted: other endpoints in this database would get them too.\n";
  }
  const lines = events.map(({ id, event_type, payload }) =>
    displayLine("inserted", `${padType(event_type)}  ${id}  ${payload}`),
  );
  return `\n${lines.join("")}\n`;
}

function hint(databaseUrl: string, program: string, haveArrived: boolean): string {
  const insert = String.raw`insert into postrider.outbox (event_type, payload) values ('order.paid', '{\"order_id\": 42}')`;
  return [
    ...(haveArrived ? [] : ["", "Not all of them have arrived. To see why: select * from postrider.delivery_status"]),
    "",
    "Insert an event yourself and watch it arrive here. In another terminal:",
    "",
    `  export DATABASE_URL='${databaseUrl.replaceAll("'", "%27")}'`,
    `  ${program} publish order.paid '{"order_id": 42}'`,
    "",
    "or with any PostgreSQL client:",
    "",
    `  psql "$DATABASE_URL" -c "${insert}"`,
    "",
    "Send events to a receiver of your own; this SQL returns the secret with which it verifies them:",
    "",
    "  select * from postrider.create_endpoint('http://127.0.0.1:3000/webhooks', '{order.*}');",
    "",
    "",
  ].join("\n");
}
