import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { Refusal } from "../api.ts";
import { lookAgain } from "../live.ts";
import { call, has, send } from "../operation.ts";
import { may } from "../session.ts";
import type { Values } from "../sqlText.ts";
import { Listing } from "./listing.tsx";
import { SqlText } from "./sql.tsx";

/** What a button does, once its reader has agreed. */
export interface Act {
  readonly label: string;
  /** What it does, in a sentence, with what it counts: it stands above the buttons of the dialog. */
  readonly sentence: string;
  /** Of the API. A build whose API does not have it shows no button. */
  readonly operation: string;
  /** Its parameters, with the reason if it asks for one, which goes into the audit. */
  values(reason: string): Values;
  readonly asksReason?: boolean;
  /** What to show of the answer instead of closing, such as a secret that is shown once. */
  result?(answer: unknown): string | null;
}

/** A button that shows what it would do and its SQL first. There is none for those who may not do it. */
export function ActButton({ act, shortcut }: { readonly act: Act; readonly shortcut?: string }) {
  const isOpen = useSignal(false);
  if (!has(act.operation) || !may(call(act.operation).operation.scope)) {
    return null;
  }
  return (
    <>
      <button
        type="button"
        data-key={shortcut}
        title={shortcut === undefined ? undefined : `key ${shortcut}`}
        onClick={() => {
          isOpen.value = true;
        }}
      >
        {act.label}
      </button>
      {isOpen.value ? (
        <ActDialog
          act={act}
          onClose={() => {
            isOpen.value = false;
          }}
        />
      ) : null}
    </>
  );
}

type Progress =
  | { readonly kind: "asking" }
  | { readonly kind: "acting" }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "done"; readonly result: string };

function ActDialog({ act, onClose }: { readonly act: Act; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const reason = useSignal("");
  const progress = useSignal<Progress>({ kind: "asking" });
  const title = useId();
  const field = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const asked = call(act.operation, act.values(reason.value.trim()));
  const run = async (event: Event): Promise<void> => {
    event.preventDefault();
    progress.value = { kind: "acting" };
    try {
      const answer = await send(asked);
      lookAgain();
      const result = act.result?.(answer) ?? null;
      if (result === null) onClose();
      else progress.value = { kind: "done", result };
    } catch (error) {
      progress.value = { kind: "refused", error };
    }
  };
  const isDone = progress.value.kind === "done";
  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={onClose}>
      <form onSubmit={run}>
        <h2 id={title}>{act.label}</h2>
        <p>{act.sentence}</p>
        {act.asksReason === true && !isDone ? (
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
        <SqlText of={asked} />
        <Outcome progress={progress.value} />
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {isDone ? "Close" : "Leave it"}
          </button>
          {isDone ? null : (
            <button type="submit" class="main" disabled={progress.value.kind === "acting"}>
              {act.label}
            </button>
          )}
        </p>
      </form>
    </dialog>
  );
}

function Outcome({ progress }: { readonly progress: Progress }) {
  switch (progress.kind) {
    case "asking":
    case "acting":
      return null;
    case "done":
      return <Listing class="result">{progress.result}</Listing>;
    case "refused":
      return <RefusalText error={progress.error} />;
  }
}

/** Why it was refused, in the words of Postgres. */
export function RefusalText({ error }: { readonly error: unknown }) {
  const problem = error instanceof Refusal ? error.problem : null;
  return (
    <div role="alert" class="refusal">
      <p>{problem?.detail ?? (error instanceof Error ? error.message : String(error))}</p>
      {problem?.hint === undefined ? null : <p>{problem.hint}</p>}
      {problem === null ? null : (
        <p class="faint">
          {problem.title}
          {problem.code === undefined ? "" : `, ${problem.code}`}
        </p>
      )}
    </div>
  );
}
