import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** Which rows of a list are chosen; another search chooses anew. */
export interface Chosen {
  readonly ids: ReadonlySet<string>;
  has(id: string): boolean;
  /** One row; with `isRange`, every row from the last one that was touched. */
  toggle(id: string, isRange: boolean): void;
  /** All of them, or none if they all are already. */
  toggleAll(): void;
  clear(): void;
}

export function useChosen(search: string, rows: readonly string[]): Chosen {
  const ids: Signal<ReadonlySet<string>> = useSignal<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  useEffect(() => {
    ids.value = new Set();
  }, [search]);
  const set = (changed: readonly string[], isChosen: boolean): void => {
    const next = new Set(ids.peek());
    for (const id of changed) {
      if (isChosen) next.add(id);
      else next.delete(id);
    }
    ids.value = next;
  };
  return {
    ids: ids.value,
    has: (id) => ids.value.has(id),
    toggle: (id, isRange) => {
      const from = isRange && last.current !== null ? rows.indexOf(last.current) : -1;
      const to = rows.indexOf(id);
      const range = from === -1 ? [id] : rows.slice(Math.min(from, to), Math.max(from, to) + 1);
      set(range, !ids.peek().has(id));
      last.current = id;
    },
    toggleAll: () => set(rows, !rows.every((id) => ids.peek().has(id))),
    clear: () => {
      ids.value = new Set();
    },
  };
}
