import { Refusal, Unreachable } from "./api.ts";
import { ask, type Call, send } from "./operation.ts";
import type { ListedEvent, Page } from "./rows.ts";

/** More are not looked for: such a number is a matter for a replay, or for SQL. */
export const MATCHES_MAX = 10_000;
const PAGE = 200;

export interface Matches {
  readonly ids: readonly string[];
  /** How many events that is, if one thing is done about all of them at once. */
  readonly count?: number;
  /** Whether these are all; else they are the newest ones. */
  readonly areAll: boolean;
}

/** Every event that a search finds, page by page. */
export async function findMatches(
  search: Call,
  onFound: (count: number) => void,
  signal: AbortSignal,
): Promise<Matches> {
  const { operation, values } = search;
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const page: Page<ListedEvent> = await ask({ operation, values: { ...values, limit: PAGE, after } }, signal);
    ids.push(...page.data.map(({ id }) => id));
    onFound(ids.length);
    after = page.next;
  } while (after !== null && ids.length < MATCHES_MAX);
  return { ids: ids.slice(0, MATCHES_MAX), areAll: after === null && ids.length <= MATCHES_MAX };
}

/** Follows a search until a page of it has something, or it is over. Returns the cursor of that page. */
export async function searchOn(
  { operation, values }: Call,
  from: string,
  onLooked: (back: string | null) => void,
  signal: AbortSignal,
): Promise<string> {
  let after = from;
  for (;;) {
    const page: Page<ListedEvent> = await ask({ operation, values: { ...values, after } }, signal);
    if (page.data.length > 0 || page.next === null) {
      return after;
    }
    onLooked(page.searched_to ?? null);
    after = page.next;
  }
}

export interface Tally {
  readonly done: number;
  readonly refused: number;
  /** The words of the first refusal. */
  readonly why: unknown;
}

const AT_ONCE = 4;
const TOO_OFTEN_MS = 1_000;

/** Sends each call, a few at once. A refusal is counted, and ends nothing; an API that is away ends it, by rejecting. */
export async function sendAll(
  calls: readonly Call[],
  onStep: (tally: Tally) => void,
  signal: AbortSignal,
): Promise<void> {
  const left = calls.values();
  let tally: Tally = { done: 0, refused: 0, why: null };
  const work = async (): Promise<void> => {
    for (const each of left) {
      if (signal.aborted) return;
      const error = await refusalOf(each);
      tally =
        error === null
          ? { ...tally, done: tally.done + 1 }
          : { ...tally, refused: tally.refused + 1, why: tally.why ?? error };
      onStep(tally);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Null if it was done. */
async function refusalOf(each: Call): Promise<unknown> {
  for (;;) {
    try {
      await send(each);
      return null;
    } catch (error) {
      if (error instanceof Unreachable || (error instanceof Refusal && error.problem.status === 401)) {
        throw error;
      }
      if (!(error instanceof Refusal && error.problem.status === 429)) {
        return error;
      }
      await new Promise((resolve) => setTimeout(resolve, TOO_OFTEN_MS));
    }
  }
}
