/** Answers of a broken peer, for properties: changed in places, cut in two, and with an end of the connection or none. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import fc from "fast-check";
import type { OutgoingRequest } from "../../src/http/request.ts";
import type { Sender } from "../../src/http/send.ts";
import { attempt } from "./sending.ts";

export interface Spoiled {
  readonly bytes: Buffer;
  readonly split: number;
  readonly ending: "stay" | "end" | "reset";
}

/** @param reach up to which byte the answers are changed and cut */
export function spoiled(
  answers: readonly string[],
  reach: { readonly change: number; readonly split: number },
): fc.Arbitrary<Spoiled> {
  const change = fc.record({ at: fc.nat(reach.change), remove: fc.nat(8), insert: fc.uint8Array({ maxLength: 4 }) });
  return fc
    .record({
      answer: fc.constantFrom(...answers),
      changes: fc.array(change, { maxLength: 3 }),
      split: fc.nat(reach.split),
      ending: fc.constantFrom("stay", "end", "reset"),
    })
    .map(({ answer, changes, split, ending }) => ({
      bytes: changes.reduce(
        (all, { at, remove, insert }) => Buffer.concat([all.subarray(0, at), insert, all.subarray(at + remove)]),
        Buffer.from(answer, "latin1"),
      ),
      split,
      ending,
    }));
}

export function writeSpoiled(socket: Socket, { bytes, split, ending }: Spoiled): void {
  socket.write(bytes.subarray(0, split));
  setImmediate(() => {
    socket.write(bytes.subarray(split));
    if (ending === "end") socket.end();
    if (ending === "reset") socket.resetAndDestroy();
  });
}

/** Sends three at once. Each must have one result, whole or none of it. */
export async function assertResults(sender: Sender, request: OutgoingRequest): Promise<void> {
  for (const result of await Promise.all([1, 2, 3].map(() => attempt(sender, request)))) {
    assert.equal(result.failureKind === null, result.error === null);
    assert.equal(result.httpStatus === null, result.responseHeaders === null);
    assert.equal(result.httpStatus === null, result.responseBody === null);
  }
}
