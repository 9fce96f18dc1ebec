import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { type StepDone, takeStep } from "../../../src/http/egress/socketStep.ts";

interface Taken {
  readonly socket: Socket;
  readonly abort: AbortController;
  readonly result: Promise<string>;
  readonly done: StepDone;
}

/** Takes a step with a socket that is in no network. Its result is "taken", or the message of what ended it. */
function take(socket = new Socket(), abort = new AbortController()): Taken {
  socket.on("error", () => {});
  let done: StepDone = () => {};
  const result = takeStep({
    socket,
    signal: abort.signal,
    failureOf: (error) => new Error(`failed: ${error?.message ?? "closed"}`),
    begin: (ending) => {
      done = ending;
    },
  }).then(
    () => "taken",
    (error: Error) => error.message,
  );
  return { socket, abort, result, done };
}

test("a step that is taken leaves the socket, and no listener", async () => {
  const { socket, result, done } = take();
  const before = new Socket().on("error", () => {});
  done();
  assert.equal(await result, "taken");
  assert.equal(socket.destroyed, false);
  for (const event of ["error", "close"]) {
    assert.equal(socket.listenerCount(event), before.listenerCount(event), event);
  }
  socket.destroy();
});

test("an error, a close, a failure and an abort each end a step and the socket", async () => {
  for (const [how, message] of [
    [({ socket }: Taken) => void socket.destroy(new Error("reset")), "failed: reset"],
    [({ socket }: Taken) => void socket.destroy(), "failed: closed"],
    [({ done }: Taken) => done(new Error("refused")), "refused"],
    [({ abort }: Taken) => abort.abort(new Error("too late")), "too late"],
  ] as const) {
    const taken = take();
    how(taken);
    assert.equal(await taken.result, message);
    assert.equal(taken.socket.destroyed, true);
  }
});

test("a step with a socket that has ended before it fails at once", async () => {
  const closed = new Socket().destroy();
  await new Promise((resolve) => closed.once("close", resolve));
  assert.equal(await take(closed).result, "failed: closed");
  const failed = new Socket().on("error", () => {});
  failed.destroy(new Error("reset"));
  await new Promise((resolve) => failed.once("close", resolve));
  assert.equal(await take(failed).result, "failed: reset");
  const abort = new AbortController();
  abort.abort(new Error("too late"));
  assert.equal(await take(new Socket(), abort).result, "too late");
});
