import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { lookAgain } from "../live.ts";
import type { Matches } from "../many.ts";
import { sendAll, type Tally } from "../sendAll.ts";
import type { ManyAct, ManyButtonProps } from "./many.tsx";
import { RefusalText } from "./refusal.tsx";
import { SqlText } from "./sql.tsx";

type Progress =
  | { readonly kind: "counting"; readonly found: number }
  | { readonly kind: "asking"; readonly matches: Matches }
  | { readonly kind: "acting" | "done"; readonly total: number; readonly tally: Tally }
  | { readonly kind: "refused"; readonly error: unknown };

interface ManyDialogProps extends Pick<ManyButtonProps, "act" | "find"> {
  onClose(): void;
}

/** Counts what a search finds, and then does it to each. */
export function ManyDialog({ act, find, onClose }: ManyDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const end = useRef(new AbortController());
  const reason = useSignal("");
  const progress = useSignal<Progress>({ kind: "counting", found: 0 });
  const title = useId();
  const field = useId();
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!end.current.signal.aborted) progress.value = { kind: "refused", error };
    }
  };
  useEffect(() => {
    dialog.current?.showModal();
    void attempt(async () => {
      const onFound = (found: number): void => {
        progress.value = { kind: "counting", found };
      };
      progress.value = { kind: "asking", matches: await find(onFound, end.current.signal) };
    });
    return () => end.current.abort();
  }, []);
  const run = (event: Event): void => {
    event.preventDefault();
    if (progress.value.kind !== "asking") return;
    const { ids } = progress.value.matches;
    let tally: Tally = { done: 0, refused: 0, why: null };
    progress.value = { kind: "acting", total: ids.length, tally };
    void attempt(async () => {
      const onStep = (next: Tally): void => {
        tally = next;
        progress.value = { kind: "acting", total: ids.length, tally };
      };
      await sendAll(
        ids.map((id) => act.callFor(id, reason.value.trim())),
        onStep,
        end.current.signal,
      );
      progress.value = { kind: "done", total: ids.length, tally };
    }).finally(lookAgain);
  };
  const present = progress.value;
  const ids = present.kind === "asking" && present.matches.count !== 0 ? present.matches.ids : [];
  const [first] = ids;
  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={onClose}>
      <form onSubmit={run}>
        <h2 id={title}>{act.label}</h2>
        <ManyText act={act} progress={present} />
        {first === undefined ? null : (
          <>
            {act.asksReason ? (
              <p>
                <label for={field}>Reason, for the audit</label>
                <input
                  id={field}
                  required
                  maxLength={500}
                  value={reason.value}
                  onInput={(event) => {
                    reason.value = event.currentTarget.value;
                  }}
                />
              </p>
            ) : null}
            {ids.length > 1 ? <p class="faint">For each event, as for the first one:</p> : null}
            <SqlText of={act.callFor(first, reason.value.trim())} />
          </>
        )}
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {present.kind === "acting" ? "Stop" : present.kind === "done" ? "Close" : "Leave it"}
          </button>
          {first === undefined ? null : (
            <button type="submit" class="main">
              {act.label}
            </button>
          )}
        </p>
      </form>
    </dialog>
  );
}

function ManyText({ act, progress }: { readonly act: ManyAct; readonly progress: Progress }) {
  switch (progress.kind) {
    case "counting":
      return <p role="status">counting… {progress.found}</p>;
    case "asking": {
      const { ids, areAll } = progress.matches;
      return (
        <p role="status">{ids.length === 0 ? "No event matches." : act.sentence(eventsText(ids.length, areAll))}</p>
      );
    }
    case "acting":
    case "done": {
      const { total, tally } = progress;
      return (
        <>
          <progress aria-label={act.label} max={total} value={tally.done + tally.refused} />
          <p role="status">
            {progress.kind === "done" ? "Done: " : ""}
            {tally.done} of {total}
            {tally.refused === 0 ? "" : `, ${tally.refused} refused, the first one because:`}
          </p>
          {tally.why === null ? null : <RefusalText error={tally.why} />}
          {progress.kind === "done" && tally.done > 0 && act.next !== undefined ? (
            <p>
              <a href={act.next.href}>{act.next.label}</a>
            </p>
          ) : null}
        </>
      );
    }
    case "refused":
      return <RefusalText error={progress.error} />;
  }
}

function eventsText(count: number, areAll: boolean): string {
  if (!areAll) return `the newest ${count} events`;
  return count === 1 ? "1 event" : `${count} events`;
}
