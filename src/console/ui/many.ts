import { ask, type Call } from "./operation.ts";
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
    const page: Page<unknown> = await ask({ operation, values: { ...values, after } }, signal);
    if (page.data.length > 0 || page.next === null) {
      return after;
    }
    onLooked(page.searched_to ?? null);
    after = page.next;
  }
}
