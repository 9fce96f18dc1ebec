import { type ReadonlySignal, signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { caller, Refusal, read, Unreachable } from "./api.ts";
import { type Call, urlOf } from "./operation.ts";
import { parseRows } from "./parseRows.ts";
import { isLive } from "./shown.ts";

export const LOOK_MS = 2_000;
const RETRY_MS_MAX = 30_000;

/** What a screen knows of a resource. */
export interface Seen<Value> {
  /** Null until it has come once. It stays while it cannot be read anew. */
  readonly value: Value | null;
  /** When it was last known to be so, by this browser's clock. */
  readonly atMs: number;
  /** Why it could not be read the last time; null if it could. */
  readonly trouble: Trouble | null;
}

export interface Trouble {
  readonly error: unknown;
  /** When it is read again, by this browser's clock; null if that would not help. */
  readonly retryAtMs: number | null;
}

/** Lists are looked at again at once after a change. */
const changes = signal(0);

export function lookAgain(): void {
  changes.value += 1;
}

/**
 * Follows a resource: reads it, and reads it again every two seconds while the page can be seen and nobody has stopped
 * that. Null: there is nothing to follow yet. What changes more seldom is read every `lookMs`. Members that `asText`
 * names are JSON of somebody else, and stay its text.
 */
export function useLive<Value>(
  call: Call | null,
  lookMs = LOOK_MS,
  asText: readonly string[] = [],
): ReadonlySignal<Seen<Value>> {
  const seen = useSignal<Seen<Value>>(NOTHING);
  const url = call === null ? null : urlOf(call);
  useEffect(() => {
    // What was seen before stays until the new list is there: it would flicker at each letter of a search.
    return url === null
      ? undefined
      : follow<Value>(url, { lookMs, asText }, (next) => {
          seen.value = next(seen.peek());
        });
  }, [url, lookMs]);
  return seen;
}

const NOTHING = { value: null, atMs: 0, trouble: null };

type Step<Value> = (before: Seen<Value>) => Seen<Value>;

interface Following {
  readonly lookMs: number;
  readonly asText: readonly string[];
}

/** Returns what ends it. */
function follow<Value>(url: string, { lookMs, asText }: Following, show: (step: Step<Value>) => void): () => void {
  const end = new AbortController();
  void (async () => {
    let etag: string | null = null;
    let text: string | null = null;
    let failures = 0;
    while (!end.signal.aborted) {
      let waitMs: number | null = lookMs;
      try {
        const answer = await read(url, etag, end.signal);
        failures = 0;
        etag = answer?.etag ?? etag;
        const isSame = answer === null || answer.text === text;
        text = answer?.text ?? text;
        const value = isSame ? undefined : (parseRows(answer.text, asText) as Value);
        show((before) => ({ value: value ?? before.value, atMs: Date.now(), trouble: null }));
      } catch (error) {
        if (end.signal.aborted) {
          return;
        }
        if (error instanceof Refusal && error.problem.status === 401) {
          caller.leave?.();
          return;
        }
        failures += 1;
        waitMs = isPassing(error) ? Math.min(RETRY_MS_MAX, LOOK_MS * 2 ** (failures - 1)) : null;
        const retryAtMs = waitMs === null ? null : Date.now() + waitMs;
        show((before) => ({ ...before, trouble: { error, retryAtMs } }));
      }
      await nextLook(waitMs, end.signal);
    }
  })();
  return () => end.abort();
}

/** Other refusals stay until something else changes. What is not there may be committed yet. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof Unreachable ||
    (error instanceof Refusal && [404, 429, 500, 502, 503, 504].includes(error.problem.status))
  );
}

/** Waits for the time (null: none), and for a page that is seen and follows; a change of the reader's own comes first. */
function nextLook(ms: number | null, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const before = changes.peek();
    let isDue = false;
    let stops: readonly (() => void)[] = [];
    const timer =
      ms === null
        ? undefined
        : setTimeout(() => {
            isDue = true;
            check();
          }, ms);
    const check = (): void => {
      const isWatched = isLive.peek() && document.visibilityState === "visible";
      if (end.aborted || changes.peek() !== before || (isDue && isWatched)) {
        clearTimeout(timer);
        document.removeEventListener("visibilitychange", check);
        end.removeEventListener("abort", check);
        for (const stop of stops) stop();
        resolve();
      }
    };
    document.addEventListener("visibilitychange", check);
    end.addEventListener("abort", check);
    stops = [isLive.subscribe(check), changes.subscribe(check)];
  });
}
