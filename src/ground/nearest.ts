/**
 * The candidate that was most likely meant by `word`, or null if none is near.
 *
 * A candidate is near if one of the two begins the other (`public`, `public-only`), or if there is at most about one slip
 * in three characters. A slip is a character too many, missing or wrong, or two that are swapped. Case does not count.
 * Of equally near candidates the first wins.
 */
export function nearest<Candidate extends string>(word: string, candidates: readonly Candidate[]): Candidate | null {
  const written = word.toLowerCase().slice(0, WORD_CHARS_MAX);
  const slipsMax = Math.max(1, Math.floor(written.length / 3));
  let best: { readonly candidate: Candidate; readonly slips: number } | null = null;
  for (const candidate of candidates) {
    const meant = candidate.toLowerCase();
    const slips = slipsBetween(written, meant);
    if ((slips <= slipsMax || isBeginning(written, meant)) && (best === null || slips < best.slips)) {
      best = { candidate, slips };
    }
  }
  return best?.candidate ?? null;
}

// The comparison is quadratic, and no known name is as long as this.
const WORD_CHARS_MAX = 64;

const BEGINNING_CHARS_MIN = 3;

function isBeginning(written: string, meant: string): boolean {
  const [short, long] = written.length < meant.length ? [written, meant] : [meant, written];
  return short.length >= BEGINNING_CHARS_MIN && long.startsWith(short);
}

/** The optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function slipsBetween(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = at(last, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      current.push(
        Math.min(
          replaced,
          at(last, j) + 1,
          at(current, j - 1) + 1,
          swapped ? at(beforeLast, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
