import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import type { Queryable } from "../../src/db/statements.ts";
import { makeToken, tokenKeysOf } from "../../src/format/payloadToken.ts";
import { parseSecret } from "../../src/format/sign.ts";
import { PayloadSlices } from "../../src/listen/payloadSlices.ts";
import { addPayloads } from "../../src/listen/payloads.ts";
import type { ListenerEnv } from "../../src/listen/routes.ts";

const SLICE_BYTES = 1_000;
const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const ENDPOINT = "01a00000-0000-7000-8000-000000000001";
const EVENT = "01a00000-0000-7000-8000-000000000002";
/** One element, which is in twenty slices. */
const PAYLOAD = Buffer.from(`["${"x".repeat(20 * SLICE_BYTES - 4)}"]`);
/** More than one endpoint may have in progress. */
const LEAVING = 11;

/** The routes of a listener, with an event whose payload Postgres gives slice by slice. */
function makeListener(onRead: (nth: number) => void) {
  let reads = 0;
  const database = {
    async run({ name }: { readonly name: string }, params: { readonly from?: number }) {
      if (name === "find_payload") {
        return { rows: [{ is_disabled: false, is_there: true, secrets: [SECRET], secret_kinds: ["hmac"] }] };
      }
      reads += 1;
      onRead(reads);
      const { from = 0 } = params;
      return { rows: [{ payload_bytes: PAYLOAD.length, slice: PAYLOAD.subarray(from, from + SLICE_BYTES) }] };
    },
  } as unknown as Queryable;
  const app = new Hono<ListenerEnv>();
  addPayloads(app, { database, sealingKeys: [], slices: new PayloadSlices(database, SLICE_BYTES) });
  const parsed = parseSecret(SECRET);
  assert.ok(parsed.kind === "key");
  const [key] = tokenKeysOf([parsed.key], []);
  assert.ok(key !== undefined);
  const token = makeToken(key, { endpointId: ENDPOINT, eventId: EVENT, expiresSeconds: 4_000_000_000 });
  return { app, url: `http://listener.test/payloads/${token}`, reads: () => reads };
}

test("nothing more is read for a page whose client has gone, and another one can have it", async () => {
  let leave = (): void => {};
  const { app, url, reads } = makeListener(() => leave());
  for (let nth = 1; nth <= LEAVING; nth += 1) {
    const leaving = new AbortController();
    const before = reads();
    leave = () => {
      if (reads() - before === 3) leaving.abort();
    };
    await app.request(new Request(`${url}?limit=1`, { signal: leaving.signal }));
    assert.equal(reads() - before, 3);
  }
  leave = () => {};
  const page = await app.request(`${url}?limit=1`);
  assert.equal(page.status, 200);
  const { elements, next } = (await page.json()) as { readonly elements: readonly string[]; readonly next: unknown };
  assert.deepEqual([elements[0]?.length, elements.length, next], [20 * SLICE_BYTES - 4, 1, null]);
});
