/**
 * The least that sends signed webhooks: `bareLoopProcess.ts ORIGIN COUNT BODY`. The same HTTP client, connections,
 * headers and bytes as the daemon's, and nothing of what makes a delivery: no database, no deadline, no answer kept.
 */
import { createHmac, createSecretKey, randomBytes, randomUUID } from "node:crypto";
import { Pool } from "undici";
import { VERSION } from "../../src/ground/version.ts";
import { onMessage, tell } from "./child.ts";
import { PATH } from "./workload.ts";

const CONNECTIONS = 50;

const [origin = "", count = "0", bodyText = ""] = process.argv.slice(2);
const body = Buffer.from(bodyText);
const key = createSecretKey(randomBytes(32));
const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, allowH2: false });

onMessage(({ kind }) => {
  switch (kind) {
    case "go":
      void sendAll(Number(count)).then(() => tell("done"));
      return;
    case "stop":
      process.exit();
  }
});
tell("ready");

async function sendAll(requests: number): Promise<void> {
  let left = requests;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left > 0) {
        left -= 1;
        await send();
      }
    }),
  );
}

function send(): Promise<void> {
  const id = randomUUID();
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const headers = {
    "content-type": "application/json",
    "user-agent": `postrider/${VERSION}`,
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${signature}`,
    "postrider-event-type": "order.paid",
    "postrider-attempt": "1",
  };
  return new Promise((resolve, reject) => {
    pool.dispatch(
      { path: PATH, method: "POST", headers, body },
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
