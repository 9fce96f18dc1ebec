import type { FileFacts } from "./directory.ts";
import { type Mark, markOf } from "./names.ts";

/**
 * Which of two files was written first. Times tell if they agree: the one that was begun first and was written to last
 * before the other. They do not if one was written to after its time, or if both fall into one tick of the clock. Then the
 * numbers in the names tell, and whether these grow or shrink is learned from the files whose times agree.
 */

/** From the first byte to the last. */
export interface Span {
  readonly beginNs: bigint;
  readonly endNs: bigint;
}

export function spanOf({ bornNs, modifiedNs }: Pick<FileFacts, "bornNs" | "modifiedNs">): Span {
  // Made after it was last written to: a copy that kept its time, of which the birth says nothing.
  return { beginNs: bornNs === null || bornNs > modifiedNs ? modifiedNs : bornNs, endNs: modifiedNs };
}

export function isBefore(one: Span, other: Span): boolean {
  return one.beginNs < other.beginNs && one.endNs < other.endNs;
}

interface Marked {
  readonly file: FileFacts;
  readonly span: Span;
  readonly mark: Mark;
}

/** Picks the file to read first; null of none. */
export type PickOldest = (files: readonly FileFacts[]) => FileFacts | null;

/** `all`: the files to pick from and the others, from which the order is learned. That is work: there may be thousands. */
export function orderOf(all: readonly FileFacts[]): PickOldest {
  const growing = growingShapes(all.map(withMark));
  return (files) => {
    const marked = files.map(withMark);
    const earliest = marked.filter(({ span }) => !marked.some((other) => isBefore(other.span, span)));
    return earliest.sort((one, other) => byName(one, other, growing))[0]?.file ?? null;
  };
}

function withMark(file: FileFacts): Marked {
  return { file, span: spanOf(file), mark: markOf(file.name) };
}

function byName(one: Marked, other: Marked, growing: ReadonlySet<string>): number {
  if (one.mark.shape !== other.mark.shape) {
    return compare(one.file.modifiedNs, other.file.modifiedNs) || compare(one.file.name, other.file.name);
  }
  const byNumbers = compareAll(one.mark.numbers, other.mark.numbers);
  return compareAll(one.mark.date, other.mark.date) || (growing.has(one.mark.shape) ? byNumbers : -byNumbers);
}

/** The shapes in which a higher number is a newer file: by the times of neighbours, or by what is usual. */
function growingShapes(all: readonly Marked[]): ReadonlySet<string> {
  const votes = new Map<string, number>();
  const sorted = all.toSorted((one, other) => compareAll(one.mark.numbers, other.mark.numbers));
  const last = new Map<string, Marked>();
  for (const each of sorted) {
    const { shape, date } = each.mark;
    const lower = last.get(`${shape} ${date}`);
    if (lower === undefined) {
      // A number behind a date counts the files of the day; a lone number is the age of the file.
      votes.set(shape, votes.get(shape) ?? (date.length > 0 ? 0.5 : 0));
    } else {
      const vote = isBefore(lower.span, each.span) ? 1 : isBefore(each.span, lower.span) ? -1 : 0;
      votes.set(shape, (votes.get(shape) ?? 0) + vote);
    }
    last.set(`${shape} ${date}`, each);
  }
  return new Set([...votes].flatMap(([shape, vote]) => (vote > 0 ? [shape] : [])));
}

function compareAll(one: readonly bigint[], other: readonly bigint[]): number {
  for (let n = 0; n < one.length && n < other.length; n++) {
    const order = compare(one[n], other[n]);
    if (order !== 0) return order;
  }
  return one.length - other.length;
}

function compare<Value extends bigint | string | undefined>(one: Value, other: Value): number {
  if (one === other || one === undefined || other === undefined) return 0;
  return one < other ? -1 : 1;
}
