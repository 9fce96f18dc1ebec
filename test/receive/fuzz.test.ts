import assert from "node:assert/strict";
import { test } from "node:test";
import { Dice } from "../http/answerCases.ts";
import { FUZZ_SECRET, type FuzzCase, makeCase } from "./fuzzCases.ts";
import { HOSTILE_BODIES, type HostileBody, XML_BOMBS } from "./hostileBodies.ts";
import { Judge } from "./judge.ts";
import { sign } from "./signing.ts";

/** The same requests in each run. `npm run fuzz:receive` makes a million. */
const CASES = 4_000;

test("no request makes the receiver throw, and none is accepted that was changed after it was signed", async () => {
  const judge = new Judge();
  const statuses = new Map<string, Set<number>>();
  for (let seed = 0; seed < CASES; seed += 1) {
    const request = await makeCase(new Dice(seed));
    const { status, fault } = await judge.judge(request);
    const message = () => `seed ${seed}, ${request.kind} ${request.format}, ${status}: ${fault}`;
    assert.ok(fault === undefined, fault === undefined ? "" : message());
    statuses.set(request.kind, (statuses.get(request.kind) ?? new Set()).add(status));
  }
  assert.deepEqual([...(statuses.get("whole") ?? [])], [200]);
  assert.ok((statuses.get("signed")?.size ?? 0) > 2);
});

/** Half a second is enough for each in proportion to its size; whatever grows with the square of it takes many. */
const BYTES = 400_000;
const CPU_MS_MAX = 500;
const ATTEMPTS = 3;

test("no body takes more time than its size explains, however it is made", async () => {
  const judge = new Judge();
  const slow: string[] = [];
  for (const hostile of HOSTILE_BODIES) {
    const tookMs = await fewestCpuMs(judge, hostile);
    if (tookMs > CPU_MS_MAX) slow.push(`${hostile.name}: ${tookMs} ms`);
  }
  assert.deepEqual(slow, []);
});

test("a document type is refused before any parser sees it", async () => {
  const judge = new Judge();
  for (const [name, body] of XML_BOMBS) {
    for (const contentType of ["application/xml", "application/cloudevents+xml"]) {
      const { status, fault } = await judge.judge(signedRequest(contentType, body));
      assert.deepEqual([name, status, fault], [name, 422, undefined]);
    }
  }
});

/** Of a few attempts, if the first is slow: it may have met the collector. */
async function fewestCpuMs(judge: Judge, hostile: HostileBody): Promise<number> {
  const request = signedRequest(hostile.contentType, hostile.body(BYTES));
  let fewest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && fewest > CPU_MS_MAX; attempt += 1) {
    const before = process.cpuUsage();
    const { fault } = await judge.judge(request);
    const { user, system } = process.cpuUsage(before);
    assert.equal(fault, undefined, hostile.name);
    fewest = Math.min(fewest, (user + system) / 1_000);
  }
  return fewest;
}

function signedRequest(contentType: string, text: string): FuzzCase {
  const body = Buffer.from(text);
  const headers = { "content-type": contentType, ...sign({ id: "evt_1", body, secret: FUZZ_SECRET }) };
  return { format: "standard", headers, body, payloads: [], kind: "signed" };
}
