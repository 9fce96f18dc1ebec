/** What a receiver costs that verifies, remembers and handles, beside a bare one, on the same framework. */
import { Pool } from "undici";
import { parseSecret, type SigningKey, signV1 } from "../../src/format/sign.ts";
import { Child } from "./child.ts";
import { difference, per, processCpuMicros, serverCpuMicros } from "./cpu.ts";
import type { BenchOptions, Measures, Part } from "./part.ts";
import { RECEIVER_KINDS, type ReceiverKind } from "./peers/receiverKinds.ts";
import { installPeers } from "./queues.ts";
import { BODY } from "./workload.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const CONNECTIONS = 16;
/** So many requests first, that a process is warm. */
const WARMING_PART = 0.2;
const START_MS_MAX = 60_000;

export async function prepareReceive(options: BenchOptions): Promise<Part> {
  await installPeers();
  const [bare, byHand] = RECEIVER_KINDS;
  return {
    name: "receive",
    notes: [
      `${options.events} requests of ${BODY.length} bytes over ${CONNECTIONS} connections, each of another event, to one process with Fastify.`,
      "bare: reads the body and answers. insert by hand: remembers the id in a transaction, and verifies nothing.",
      "kit: postrider/receive with a handler that does nothing. us_per_request: CPU of the receiver's process.",
    ],
    trials: RECEIVER_KINDS.map((kind) => ({ subject: kind, run: () => measureKind(options, kind) })),
    ratios: [
      { of: "kit, in memory", to: bare, measure: "us_per_request" },
      { of: "kit, in Postgres", to: bare, measure: "us_per_request" },
      { of: "kit, in Postgres", to: byHand, measure: "us_per_request" },
      { of: "kit, in Postgres", to: byHand, measure: "requests_per_s" },
    ],
    stop: async () => {},
  };
}

async function measureKind({ server, events }: BenchOptions, kind: ReceiverKind): Promise<Measures> {
  const database = await server.createDatabase("empty");
  const receiver = Child.start("peers/receiverProcess.ts", [kind, database.url, SECRET]);
  try {
    const { value: port } = await receiver.receive("listening", START_MS_MAX);
    const sender = new Sender(port, keyOf(SECRET));
    await sender.send(Math.ceil(events * WARMING_PART));
    const cpu = () => ({ own: processCpuMicros(receiver.pid), postgres: serverCpuMicros(server.postmasterPid) });
    const before = cpu();
    const beganMs = performance.now();
    await sender.send(events);
    const tookMs = performance.now() - beganMs;
    const after = cpu();
    await sender.stop();
    return {
      requests_per_s: (events / tookMs) * 1000,
      us_per_request: per(difference(before.own, after.own), events),
      postgres_us: per(difference(before.postgres, after.postgres), events),
    };
  } finally {
    await receiver.stop();
    await database.drop();
  }
}

function keyOf(secret: string): SigningKey {
  const parsed = parseSecret(secret);
  if (parsed.kind === "problem") throw new Error(`the secret ${parsed.problem}`);
  return parsed.key;
}

/** Signed requests, each of another event, one at a time on each connection. */
class Sender {
  readonly #pool: Pool;
  readonly #key: SigningKey;
  #sent = 0;

  constructor(port: number, key: SigningKey) {
    this.#pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1 });
    this.#key = key;
  }

  async send(count: number): Promise<void> {
    let left = count;
    const work = async () => {
      for (; left > 0; ) {
        left -= 1;
        await this.#post();
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  }

  stop(): Promise<void> {
    return this.#pool.close();
  }

  async #post(): Promise<void> {
    this.#sent += 1;
    const id = `evt_${this.#sent}`;
    const seconds = Math.floor(Date.now() / 1000);
    const headers = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": signV1([this.#key], id, seconds, BODY),
    };
    const { statusCode, body } = await this.#pool.request({ method: "POST", path: "/", headers, body: BODY });
    await body.dump();
    if (statusCode >= 300) throw new Error(`the receiver answered ${statusCode}`);
  }
}
