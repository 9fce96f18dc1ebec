import { once } from "node:events";
import { monotonicMs } from "./clock.ts";

/**
 * A second signal ends the process at once, but one that follows within this time is an echo of the first: npm passes
 * the terminal's Ctrl-C on to a process that got it from the terminal already.
 */
export const ECHO_MS = 500;

/** Watches for a reason to stop. Returns the function that ends the watch. */
export type StopSource = (ask: (reason: string) => void) => () => void;

export interface StopOptions {
  readonly signals: readonly NodeJS.Signals[];
  readonly sources?: readonly StopSource[];
}

/**
 * Runs `work`, which lasts until `stopping` is aborted and then releases everything. Resolves with the exit status: 0 when
 * the work has ended, 1 as soon as a second signal insists. Rejects with what the work throws.
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
    // The signals stay caught: one between here and the exit would end the process without an exit status.
  }
}

/** Resolves when the signal is aborted, or at once if it has been. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await once(signal, "abort");
  }
}

/** The reader of our output has gone (`| head`): a command that only prints has nothing left to do. */
export const stdoutClosed: StopSource = (ask) => {
  const onError = (): void => ask("stdout was closed");
  process.stdout.on("error", onError);
  return () => process.stdout.off("error", onError);
};
