/** Uniform in [0, 1): the only source of randomness for what is spread over time. Secrets and ids use node:crypto. */
export function random(): number {
  return Math.random();
}

export interface BackoffOptions {
  /** The mean of the first delay. Each further mean is twice the one before. */
  readonly firstMs: number;
  /** The mean stops growing here; equal to `firstMs` for delays that do not grow. */
  readonly lastMs: number;
  /** A test passes its own. */
  readonly random?: () => number;
}

export interface Backoff {
  /** The delay before the next try, drawn from half to one and a half times its mean. Each call counts one more failure. */
  nextMs(): number;
  /** It worked: the next delay is a first one again. */
  reset(): void;
}

/**
 * Delays between tries of something that fails. They grow and are randomized, because what failed together must not be
 * tried again together. It does not wait: the caller decides how to wait, and what may cut the wait short.
 *
 *     const backoff = makeBackoff({ firstMs: 100, lastMs: 10_000 });
 *     await signal.wait(backoff.nextMs()); // after a failure
 *     backoff.reset(); // after a success
 */
export function makeBackoff({ firstMs, lastMs, random: draw = random }: BackoffOptions): Backoff {
  let meanMs = firstMs;
  return {
    nextMs() {
      const delayMs = meanMs * (0.5 + draw());
      meanMs = Math.min(lastMs, meanMs * 2);
      return delayMs;
    },
    reset() {
      meanMs = firstMs;
    },
  };
}
