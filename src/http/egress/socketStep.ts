import type { Socket } from "node:net";

/** Ends the step: it was taken, or it failed with the error. */
export type StepDone = (failure?: Error) => void;

export interface SocketStep {
  readonly socket: Socket;
  /** Aborted with the reason to reject with. */
  readonly signal: AbortSignal;
  /** What to reject with if the socket fails or, without an error, closes. */
  readonly failureOf: (error: Error | undefined) => Error;
  readonly begin: (done: StepDone) => void;
}

/** Waits for one step of dialling. Whatever comes in its place destroys the socket, and is what the promise rejects with. */
export function takeStep({ socket, signal, failureOf, begin }: SocketStep): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onFailed).off("close", onFailed);
    };
    const fail = (reason: unknown): void => {
      stop();
      socket.destroy();
      reject(reason);
    };
    const onAbort = (): void => fail(signal.reason);
    // "close" comes with a boolean.
    const onFailed = (error: unknown): void => fail(failureOf(error instanceof Error ? error : undefined));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onFailed).on("close", onFailed);
    begin((failure) => {
      if (failure === undefined) {
        stop();
        resolve();
      } else {
        fail(failure);
      }
    });
    if (signal.aborted) {
      onAbort();
    } else if (socket.destroyed) {
      // Its events may be over: they come before the promise of the step before continues.
      onFailed(socket.errored);
    }
  });
}
