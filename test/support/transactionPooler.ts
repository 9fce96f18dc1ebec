/**
 * A pooler in transaction mode: a client gets one of a few server sessions for each of its transactions, and nothing of a
 * session is kept for it. Like PgBouncer before 1.21 it passes prepared statements on under their names.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import pg from "pg";

export type Order = "last_back_first" | "first_back_first";

export interface PoolerOptions {
  readonly serverUrl: string;
  /** Server sessions. */
  readonly size: number;
  readonly order?: Order;
  /** The process that clients are told of: one that the pooler made up, or that of a server session. */
  readonly announces?: "made_up" | "a_session";
}

interface ServerSession {
  readonly stream: Duplex;
  readonly pid: number;
  /** Of messages that are not whole. */
  rest: Buffer;
  client: PooledClient | null;
}

interface PooledClient {
  readonly socket: Socket;
  rest: Buffer;
  isStarted: boolean;
  session: ServerSession | null;
  /** What was sent while no session was free. */
  waiting: Buffer[];
  /** Messages that a ReadyForQuery answers, minus those answered. */
  unanswered: number;
}

export class TransactionPooler {
  readonly #server: Server;
  readonly #sessions: readonly ServerSession[];
  readonly #free: ServerSession[];
  readonly #queue: PooledClient[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #options: PoolerOptions;

  static async start(options: PoolerOptions): Promise<TransactionPooler> {
    const sessions = await Promise.all(Array.from({ length: options.size }, () => openSession(options.serverUrl)));
    const pooler = new TransactionPooler(options, sessions);
    pooler.#server.listen(0, "127.0.0.1");
    await once(pooler.#server, "listening");
    return pooler;
  }

  private constructor(options: PoolerOptions, sessions: readonly ServerSession[]) {
    this.#options = options;
    this.#sessions = sessions;
    this.#free = [...sessions];
    for (const session of sessions) {
      session.stream.on("data", (chunk: Buffer) => this.#answer(session, chunk));
    }
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** The URL of the server, by way of the pooler. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return Object.assign(new URL(this.#options.serverUrl), { hostname: "127.0.0.1", port: String(port) }).href;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    for (const { stream } of this.#sessions) {
      stream.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(socket: Socket): void {
    const client: PooledClient = {
      ...{ socket, rest: Buffer.alloc(0), isStarted: false },
      ...{ session: null, waiting: [], unanswered: 0 },
    };
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      client.rest = Buffer.concat([client.rest, chunk]);
      for (let length = messageLength(client); length !== null; length = messageLength(client)) {
        const message = client.rest.subarray(0, length);
        client.rest = client.rest.subarray(length);
        this.#take(client, message);
      }
    });
  }

  #take(client: PooledClient, message: Buffer): void {
    const letter = String.fromCharCode(message[0] ?? 0);
    if (!client.isStarted) {
      client.isStarted = true;
      const pid = this.#options.announces === "a_session" ? (this.#sessions.at(-1)?.pid ?? 0) : 1;
      client.socket.write(Buffer.concat([reply("R", 0), reply("K", pid, 7), READY]));
    } else if (letter === "X") {
      client.socket.end();
    } else {
      client.waiting.push(message);
      client.unanswered += Number(letter === "Q" || letter === "S");
      if (client.session === null && !this.#queue.includes(client)) {
        this.#queue.push(client);
      }
      this.#lend();
      this.#forward(client);
    }
  }

  #lend(): void {
    while (this.#queue.length > 0 && this.#free.length > 0) {
      const client = this.#queue.shift() as PooledClient;
      const session = (this.#options.order === "first_back_first" ? this.#free.shift() : this.#free.pop()) ?? null;
      client.session = session;
      if (session !== null) {
        session.client = client;
      }
      this.#forward(client);
    }
  }

  #forward({ session, waiting }: PooledClient): void {
    if (session !== null) {
      session.stream.write(Buffer.concat(waiting.splice(0)));
    }
  }

  #answer(session: ServerSession, chunk: Buffer): void {
    session.rest = Buffer.concat([session.rest, chunk]);
    for (let length = lengthOf(session.rest, 1); length !== null; length = lengthOf(session.rest, 1)) {
      const message = session.rest.subarray(0, length);
      session.rest = session.rest.subarray(length);
      const { client } = session;
      client?.socket.write(message);
      if (client !== null && message[0] === READY[0]) {
        client.unanswered -= 1;
        if (client.unanswered === 0 && message[5] === READY[5]) {
          client.session = null;
          session.client = null;
          this.#free.push(session);
          this.#lend();
        }
      }
    }
  }
}

/** node-postgres logs in, and leaves its socket to the pooler. */
async function openSession(url: string): Promise<ServerSession> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const { connection } = client as unknown as { readonly connection: { readonly stream: Duplex } };
  connection.stream.removeAllListeners();
  connection.stream.on("error", () => {});
  return { stream: connection.stream, pid: rows[0]?.pid ?? 0, rest: Buffer.alloc(0), client: null };
}

/** The startup message has no letter. */
function messageLength({ rest, isStarted }: PooledClient): number | null {
  return lengthOf(rest, isStarted ? 1 : 0);
}

function lengthOf(bytes: Buffer, letters: number): number | null {
  const length = bytes.length < letters + 4 ? Number.POSITIVE_INFINITY : letters + bytes.readInt32BE(letters);
  return bytes.length < length ? null : length;
}

function reply(letter: string, ...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(5 + 4 * values.length);
  bytes.write(letter, "latin1");
  bytes.writeInt32BE(4 + 4 * values.length, 1);
  for (const [index, value] of values.entries()) {
    bytes.writeInt32BE(value, 5 + 4 * index);
  }
  return bytes;
}

/** ReadyForQuery, outside a transaction. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
