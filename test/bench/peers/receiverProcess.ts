/** One receiver on Fastify: `KIND DATABASE_URL SECRET`. */
import fastify, { type FastifyInstance } from "fastify";
import pg from "pg";
import {
  createReceiver,
  fastifyPlugin,
  inboxSql,
  memoryInbox,
  postgresInbox,
  type Receiver,
  type Store,
} from "../../../src/receive/receive.ts";
import { onMessage, tell } from "../child.ts";
import { RECEIVER_KINDS, type ReceiverKind } from "./receiverKinds.ts";

const POOL_CONNECTIONS = 10;

const [kind, url = "", secret = ""] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: POOL_CONNECTIONS });
const app = fastify();

const SET_UP: Readonly<Record<ReceiverKind, (app: FastifyInstance) => Promise<void>>> = {
  "bare Fastify": async () => {
    readBytes(app);
    app.post("/", (_, reply) => reply.code(204).send());
  },
  "insert by hand": async () => {
    readBytes(app);
    await pool.query("create table inbox (id text primary key, received_at timestamptz not null default now())");
    app.post("/", async ({ headers }, reply) => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        await client.query({
          name: "remember",
          text: "insert into inbox (id) values ($1) on conflict do nothing",
          values: [headers["webhook-id"]],
        });
        await client.query("commit");
      } finally {
        client.release();
      }
      return reply.code(204).send();
    });
  },
  "kit, in memory": async () => {
    app.register(fastifyPlugin(receiverWith(memoryInbox({ warn: () => {} }))), { url: "/" });
  },
  "kit, in Postgres": async () => {
    await pool.query(inboxSql());
    app.register(fastifyPlugin(receiverWith(postgresInbox(pool))), { url: "/" });
  },
};

function receiverWith<Tx>(store: Store<Tx>): Receiver {
  return createReceiver({ secrets: [secret], store, handlers: { "order.paid": () => {} } });
}

function readBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
}

const known = RECEIVER_KINDS.find((each) => each === kind);
if (known === undefined) throw new Error(`there is no receiver of the kind ${kind}`);
await SET_UP[known](app);
await app.listen({ host: "127.0.0.1", port: 0 });

onMessage(({ kind }) => {
  if (kind === "stop") process.exit();
});
const address = app.server.address();
tell("listening", typeof address === "object" && address !== null ? address.port : 0);
