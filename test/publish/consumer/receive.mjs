// Reads the requests that the test has written, in each format, and tells what it made of them.
import { readFileSync } from "node:fs";
import { createReceiver, fetchHandler, nodeHandler, ReceiveError } from "postrider/receive";

const { requests, secrets, decryptionKeys, nowMs } = JSON.parse(readFileSync("requests.json", "utf8"));
const store = { once: (_, handle) => Promise.resolve(handle(undefined)).then(() => "handled") };
const receiver = createReceiver({ secrets, decryptionKeys, store, handlers: {}, now: () => nowMs });

const read = [];
for (const { headers, body } of requests) {
  const verdict = await receiver.verify({ headers, body: Buffer.from(body, "base64") });
  read.push(verdict.kind === "verified" ? verdict.events.map(({ type, data }) => [type, data]) : verdict.code);
}

let refused;
try {
  createReceiver({});
} catch (error) {
  refused = [error instanceof ReceiveError, error.code];
}

const response = await fetchHandler(receiver)(new Request("http://127.0.0.1/", { method: "POST", body: "{}" }));
console.log(JSON.stringify({ read, refused, status: response.status, node: typeof nodeHandler(receiver) }));
