/**
 * CPU per signed request: the sender against a bare loop of undici's dispatch, interleaved, one receiver process.
 *
 *     node test/bench/sendBench.ts
 */
import { fork } from "node:child_process";
import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import { fixHeaders } from "../../src/http/request.ts";
import { Sender } from "../../src/http/send.ts";
import { LOOPBACK_ALLOWED } from "../support/egress.ts";

const CONNECTIONS = 50;
const REQUESTS = 20_000;
const ROUNDS = 15;
const BODY = Buffer.from(JSON.stringify({ type: "order.paid", data: "x".repeat(470) }));

const FIXED = { "content-type": "application/json", "user-agent": "postrider/0.9.0" };
const FIXED_LINES = fixHeaders(FIXED);

if (process.argv[2] === "receiver") {
  receive();
} else {
  await measure();
}

function receive(): void {
  const answer = Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok");
  const server = createServer((socket) => {
    // The sender writes head and body in one writev and loopback keeps it whole: one read is one request.
    socket.setNoDelay(true).on("data", () => socket.write(answer));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.(typeof address === "object" && address !== null ? address.port : 0);
  });
  process.on("disconnect", () => process.exit());
}

async function measure(): Promise<void> {
  const receiver = fork(fileURLToPath(import.meta.url), ["receiver"], { execArgv: process.execArgv });
  const [port] = await once(receiver, "message");
  const origin = `http://127.0.0.1:${port}`;
  const key = createSecretKey(Buffer.alloc(32, 7));
  const sender = new Sender({ policy: LOOPBACK_ALLOWED, connectionsPerOrigin: CONNECTIONS });
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, allowH2: false });
  const subjects = {
    bare: () => bareDispatch(pool, key),
    sender: () =>
      new Promise<void>((resolve, reject) => {
        const lines = signedLines(key);
        sender.send(
          { url: `${origin}/hooks/a?b=c`, fixed: FIXED_LINES, lines, body: BODY, timeoutMs: 15_000 },
          (attempt) => (attempt.httpStatus === 200 ? resolve() : reject(new Error(attempt.error ?? "not 200"))),
        );
      }),
  };
  const micros: Record<string, number[]> = { bare: [], sender: [] };
  for (let round = -1; round < ROUNDS; round += 1) {
    const order = round % 2 === 0 ? (["bare", "sender"] as const) : (["sender", "bare"] as const);
    for (const name of order) {
      const used = await cpuMicrosPerRequest(subjects[name]);
      if (round >= 0) {
        micros[name]?.push(used);
      }
    }
  }
  for (const [name, all] of Object.entries(micros)) {
    all.sort((a, b) => a - b);
    console.log(
      `${name} µs/request: median ${all[ROUNDS >> 1]?.toFixed(1)} [${all[0]?.toFixed(1)}..${all.at(-1)?.toFixed(1)}]`,
    );
  }
  await sender.close();
  await pool.close();
  receiver.disconnect();
}

async function cpuMicrosPerRequest(send: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  let left = REQUESTS;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left > 0) {
        left -= 1;
        await send();
      }
    }),
  );
  const used = process.cpuUsage(before);
  return (used.user + used.system) / REQUESTS;
}

function signedLines(key: KeyObject): string {
  const headers = signedHeaders(key);
  let lines = "";
  for (const name in headers) {
    lines += `${name}: ${headers[name]}\r\n`;
  }
  return lines;
}

function signedHeaders(key: KeyObject): Record<string, string> {
  const seconds = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", key).update(`msg_1.${seconds}.`).update(BODY).digest("base64");
  return {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(seconds),
    "webhook-signature": `v1,${signature}`,
    "postrider-event-type": "order.paid",
    "postrider-attempt": "1",
  };
}

function bareDispatch(pool: Pool, key: KeyObject): Promise<void> {
  return new Promise((resolve, reject) => {
    pool.dispatch(
      { path: "/hooks/a?b=c", method: "POST", headers: { ...FIXED, ...signedHeaders(key) }, body: BODY },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd: () => resolve(),
        onResponseError: (_, error) => reject(error),
      },
    );
  });
}
