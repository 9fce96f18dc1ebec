import { once } from "node:events";
import { monotonicMs } from "./clock.ts";

/**
 * A second signal ends the process at once, but one that follows so closely is the first again: npm passes the
 * terminal's Ctrl-C on to a process that has it from the terminal already.
 */
export const ECHO_MS = 500;

/** Begins to watch for something that asks for a stop, and returns what ends the watching. */
export type StopSource = (ask: (reason: string) => void) => () => void;

export interface StopOptions {
  readonly signals: readonly NodeJS.Signals[];
  readonly sources?: readonly StopSource[];
}

/**
 * Runs `work`, which lasts until `stopping` is aborted and then lets go of everything. Resolves with the exit status: 0
 * when the work has ended, 1 as soon as somebody insists by a second signal. Rejects with what the work throws.
 */
export async function untilStopped(
  { signals, sources = [] }: StopOptions,
  work: (stopping: AbortSignal) => Promise<void>,
): Promise<0 | 1> {
  const stop = new AbortController();
  const insisted = Promise.withResolvers<1>();
  let askedAtMs: number | null = null;
  const ask = (reason: string): void => {
    askedAtMs ??= monotonicMs();
    stop.abort(reason);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (askedAtMs !== null && monotonicMs() - askedAtMs > ECHO_MS) {
      insisted.resolve(1);
    }
    ask(signal);
  };
  for (const signal of signals) {
    process.on(signal, onSignal);
  }
  const endings = sources.map((source) => source(ask));
  try {
    return await Promise.race([work(stop.signal).then(() => 0 as const), insisted.promise]);
  } finally {
    for (const end of endings) {
      end();
    }
    // The signals stay caught: one between here and the exit would end the process by itself, with no exit status at all.
  }
}

/** Resolves when the signal is aborted, or at once where it has been. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await once(signal, "abort");
  }
}

/** The reader of our output has gone (`| head`): what prints for as long as it runs has nothing left to do. */
export const stdoutClosed: StopSource = (ask) => {
  const onError = (): void => ask("stdout was closed");
  process.stdout.on("error", onError);
  return () => process.stdout.off("error", onError);
};
