/**
 * The receivers of the guide for other languages, each as a process on a real database: what they accept and refuse, and
 * that an event has its effect once. Those whose language is not installed are skipped, and say what to install.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CommandProcess, runCommand } from "../support/command.ts";
import { useDatabase } from "../support/database.ts";
import { guideBlocks } from "../support/guides.ts";
import { until } from "../support/until.ts";
import { forgeriesOf } from "./forgeries.ts";
import { missing, RECIPES, type Recipe, writeProgram } from "./languages/recipes.ts";
import { mac, randomSecret, type Signed, sign } from "./signing.ts";

interface Vector {
  readonly name: string;
  readonly secret: string;
  readonly id: string;
  readonly timestamp: number;
  readonly body: string;
  readonly v1: string;
}

const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../format/standardWebhooks.json", import.meta.url), "utf8"),
).vectors;
/** Of the endpoint, first the old one, while it is rotated. */
const [OLD_SECRET, SECRET] = [randomSecret(), randomSecret()];
const SECRETS = [OLD_SECRET, SECRET, ...new Set(VECTORS.map(({ secret }) => secret))].join(" ");
const BODY_BYTES_MAX = 10 * 1024 * 1024;
/** Below those from which the system takes the ports of connections, so that no other test gets it meanwhile. */
const [PORT_MIN, PORT_COUNT] = [20_000, 10_000];

test("what signs the requests of this test signs the vectors", () => {
  for (const { id, timestamp, body, secret, v1 } of VECTORS) assert.equal(mac(secret, `${id}.${timestamp}.`, body), v1);
});

for (const recipe of RECIPES) {
  describe(recipe.name, { skip: missing(recipe) }, () => {
    const database = useDatabase({ template: "empty" });
    const receiver = useReceiver(recipe, () => database.url);
    before(async () => {
      const [ddl = ""] = guideBlocks("src/receive/languages.md", "Receivers in other languages", "sql");
      await database.pool.query(ddl);
      await database.pool.query(
        `create table orders (id bigint primary key);
         create table shipment (id bigserial primary key, order_id bigint not null references orders)`,
      );
    });

    const post = (headers: Readonly<Record<string, string>>, body: string | Buffer) =>
      send(receiver.port, headers, body);
    const deliver = (event: Omit<Signed, "secret">, secret = SECRET) => post(sign({ ...event, secret }), event.body);
    const shipments = async (...orders: readonly number[]) => {
      const sql = "select order_id::int from shipment where order_id = any($1) order by id";
      return (await database.pool.query<{ order_id: number }>(sql, [orders])).rows.map(({ order_id }) => order_id);
    };
    const remembered = async (id: string) =>
      (await database.pool.query("select from webhook_inbox where id = $1", [id])).rowCount;
    const addOrder = (id: number) => database.pool.query("insert into orders values ($1)", [id]);

    test("an event that comes again, also many times at once, has its effect once", async () => {
      await addOrder(1);
      const event = { id: randomUUID(), body: paid(1) };
      assert.equal(await deliver(event), 204, receiver.said());
      assert.equal(await deliver(event, OLD_SECRET), 204);
      await addOrder(2);
      const many = { id: randomUUID(), body: paid(2) };
      const answers = await Promise.all(Array.from({ length: 10 }, () => deliver(many)));
      assert.deepEqual(new Set(answers), new Set([204]), receiver.said());
      assert.deepEqual(await shipments(1, 2), [1, 2]);
    });

    test("if handling it fails, nothing is stored, and the event can come again", async () => {
      const event = { id: randomUUID(), body: paid(3) };
      assert.equal(await deliver(event), 500);
      assert.equal(await remembered(event.id), 0);
      await addOrder(3);
      assert.equal(await deliver(event), 204, receiver.said());
      assert.deepEqual(await shipments(3), [3]);
    });

    test("the events of a batch are remembered one by one", async () => {
      await Promise.all([4, 5, 6].map(addOrder));
      const ids = [4, 5, 6].map(() => randomUUID());
      assert.equal(await deliver({ id: ids[0] ?? "", body: paid(4) }), 204);
      const items = ids.map((id, index) => ({ id, ...JSON.parse(paid(4 + index)) }));
      for (const id of ["batch-1", "batch-2"]) {
        assert.equal(await deliver({ id, body: JSON.stringify(items) }), 204, receiver.said());
      }
      assert.deepEqual(await shipments(4, 5, 6), [4, 5, 6]);
    });

    test("what the vectors sign is verified, whatever bytes it has, and not if one is changed", async () => {
      for (const { id, secret, body } of VECTORS) {
        assert.notEqual(await deliver({ id, body }, secret), 401, receiver.said());
        assert.equal(await post(sign({ id, secret, body }), `${body} `), 401);
      }
    });

    test("one right signature among others is enough", async () => {
      await addOrder(7);
      const event = { id: randomUUID(), body: paid(7), secret: SECRET };
      const headers = sign(event);
      const others = "v2,x v1a,AAAA v1, nonsense  v1,AAAA";
      headers["webhook-signature"] = `${others} ${headers["webhook-signature"]} ${others}`;
      assert.equal(await post(headers, event.body), 204, receiver.said());
      assert.deepEqual(await shipments(7), [7]);
    });

    test("no request is accepted whose signature, id or timestamp is not exactly right", async () => {
      await addOrder(8);
      const event = { id: randomUUID(), body: paid(8), secret: SECRET };
      const answers = [];
      for (const { name, headers, body } of forgeriesOf(event)) answers.push(`${name}: ${await post(headers, body)}`);
      assert.deepEqual(
        answers.filter((answer) => !/: 40[01]$/.test(answer)),
        [],
      );
      assert.deepEqual(await shipments(8), []);
      assert.equal(await deliver(event), 204);
    });

    test("a secret with which anyone could sign is refused", async () => {
      await addOrder(9);
      const event = { id: randomUUID(), body: paid(9), secret: "whsec_" };
      const { server, port } = await receiver.startWith(event.secret);
      try {
        let status = 0;
        await until("it ends, or answers", async () => {
          status = await send(port, sign(event), event.body).catch(() => 0);
          return status !== 0 || server.child.exitCode !== null;
        });
        assert.ok(status === 0 || status >= 400, `${status} ${server.said()}`);
        assert.match(server.said(), /WEBHOOK_SECRET is not whsec_ and base64/);
      } finally {
        await server.end();
      }
      assert.deepEqual(await shipments(9), []);
    });

    const ofTheLimit = recipe.limitsBody ? false : "the server in front limits it";
    test("a body above the limit is refused", { skip: ofTheLimit }, async () => {
      const id = randomUUID();
      const body = paid(1).padEnd(BODY_BYTES_MAX + 1);
      // A server that answers before it has read all of it may close the connection under the sender.
      const isRefused = await deliver({ id, body }).then(
        (status) => status === 413,
        (error: NodeJS.ErrnoException) => error.code === "EPIPE" || error.code === "ECONNRESET",
      );
      assert.ok(isRefused, receiver.said());
      assert.equal(await remembered(id), 0);
    });
  });
}

/** Starts the program of a recipe before the tests, and ends it after them. */
function useReceiver(recipe: Recipe, url: () => string) {
  let port = 0;
  let directory = "";
  let server: CommandProcess | undefined;
  /** One more, which need not come to listen. */
  const startWith = async (secrets: string) => {
    const free = await freePort();
    const { hostname, port: pgPort, pathname, username, password } = new URL(url());
    const jdbc = `jdbc:postgresql://${hostname}:${pgPort}${pathname}?user=${username}&password=${password}`;
    const started = new CommandProcess([], {
      program: recipe.program(free),
      cwd: directory,
      env: {
        ...{ DATABASE_URL: url(), JDBC_URL: jdbc, WEBHOOK_SECRET: secrets, PORT: String(free) },
        ...recipe.env,
      },
    });
    return { server: started, port: free };
  };
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "postrider-receiver-"));
    writeProgram(recipe, directory);
    const [build, ...args] = recipe.build ?? [];
    if (build !== undefined) {
      const { code, stdout, stderr } = await runCommand(args, {
        program: [build],
        cwd: directory,
        env: { ...recipe.env },
      });
      assert.equal(code, 0, `${stdout}${stderr}`);
    }
    ({ server, port } = await startWith(SECRETS));
    await until(`${recipe.name} listens`, async () => {
      assert.equal(server?.child.exitCode, null, server?.said() ?? "");
      return (await send(port, {}, "").catch(() => 0)) !== 0;
    });
  });
  after(async () => {
    await server?.end();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    startWith,
    get port() {
      return port;
    },
    said: () => server?.said() ?? "",
  };
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await Promise.race([
      once(server, "listening").then(() => true),
      once(server, "error").then(() => false),
    ]);
    if (isFree) {
      server.close();
      await once(server, "close");
      return port;
    }
  }
}

/** The status of the answer. */
async function send(port: number, headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<number> {
  const outgoing = request({
    ...{ host: "127.0.0.1", port, path: "/webhooks", method: "POST", agent: false },
    headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers },
  });
  // A server that has answered may close the connection before all of the body is written. Until then, `once` rejects.
  outgoing.on("error", () => {});
  outgoing.end(body);
  const [response] = await once(outgoing, "response");
  response.resume();
  return response.statusCode;
}

function paid(order: number): string {
  return `{"type":"order.paid","timestamp":"2026-11-24T09:00:00.123456Z","data":{"order_id":${order},"note":"Zoë 🚂"}}`;
}
