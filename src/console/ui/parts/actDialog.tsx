import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Refusal } from "../api.ts";
import { ASKED } from "../asked.ts";
import { type Field, fieldNamed, fieldOf, type Texts, valuesOf } from "../fields.ts";
import { lookAgain } from "../live.ts";
import { type Call, call } from "../operation.ts";
import { makeSender } from "../sendAgain.ts";
import { zone } from "../shown.ts";
import { OPERATIONS } from "../table.ts";
import type { Act, Answer } from "./act.tsx";
import { Fields } from "./fields.tsx";
import { RefusalText } from "./refusal.tsx";
import { SqlText } from "./sql.tsx";

type Progress =
  | { readonly kind: "asking" }
  | { readonly kind: "acting" }
  | { readonly kind: "tried"; readonly says: string }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "done"; readonly result: ComponentChildren };

interface ActDialogProps {
  /** As the list behind the dialog has it now. */
  readonly present: Act;
  onClose(): void;
}

/** What a button would do, its form and its SQL; then what became of it. */
export function ActDialog({ present, onClose }: ActDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  // What the reader saw when it was opened: what has changed since is not overwritten unseen.
  const seen = useSignal(present);
  const send = useRef(makeSender());
  const progress = useSignal<Progress>({ kind: "asking" });
  const act = seen.value;
  const fields = fieldsOf(act);
  const texts = useSignal<Texts>(Object.fromEntries(fields.map(({ name, initial }) => [name, initial])));
  const agreement = useSignal("");
  const given = valuesOf(fields, texts.value, zone.value);
  const asked = call(act.operation, act.values(given, texts.value));
  const tried = call(act.operation, { ...asked.values, dry_run: true });
  const isTrial = act.trial !== undefined && progress.value.kind !== "tried";
  useEffect(() => {
    dialog.current?.showModal();
    if (act.trial?.isAtOnce === true) void attempt(tried, (answer) => said(answer));
  }, []);

  const said = (answer: Answer): Progress => ({ kind: "tried", says: act.trial?.says(answer) ?? "" });
  const attempt = async (step: Call, next: (answer: Answer) => Progress | null): Promise<void> => {
    progress.value = { kind: "acting" };
    try {
      const reached = next((await send.current(step)) as Answer);
      if (reached === null) dialog.current?.close();
      else progress.value = reached;
    } catch (error) {
      progress.value = { kind: "refused", error };
    }
  };
  const finish = (answer: Answer): Progress | null => {
    lookAgain();
    // It says why something is not shown: the first answer, which was lost, had it.
    const note = typeof answer?.note === "string" ? <p>{answer.note}</p> : null;
    const result = note ?? act.result?.(answer) ?? null;
    if (result === null) act.done?.();
    return result === null ? null : { kind: "done", result };
  };
  const run = (event: Event): void => {
    event.preventDefault();
    void (isTrial ? attempt(tried, said) : attempt(asked, finish));
  };
  const isDone = progress.value.kind === "done";
  const refusal = progress.value.kind === "refused" ? progress.value.error : null;
  const named = refusal === null ? null : fieldNamed(fields, messageOf(refusal));
  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={onClose}>
      <form onSubmit={run}>
        <h2 id={title}>{act.label}</h2>
        <p>{act.sentence}</p>
        {isDone ? null : (
          <>
            <Fields
              fields={fields}
              texts={texts.value}
              refused={named === null ? null : { name: named, error: refusal }}
              onInput={(name, text) => {
                texts.value = { ...texts.value, [name]: text };
                // What was counted was for other values.
                if (progress.value.kind === "tried" && name !== "reason") progress.value = { kind: "asking" };
              }}
            />
            {act.beside?.(given)}
            {act.agreement === undefined ? null : <Agreement to={act.agreement} typed={agreement} />}
          </>
        )}
        <SqlText of={asked} />
        {named === null ? <Outcome progress={progress.value} /> : null}
        {isConflict(refusal) ? (
          <Changed
            by={act.changedBy}
            onSeen={() => {
              seen.value = present;
              progress.value = { kind: "asking" };
            }}
          />
        ) : null}
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {isDone ? "Close" : "Leave it"}
          </button>
          {isDone || isConflict(refusal) ? null : (
            <button
              type="submit"
              class="main"
              disabled={
                progress.value.kind === "acting" || (act.agreement !== undefined && agreement.value !== act.agreement)
              }
            >
              {isTrial ? "Count" : act.label}
            </button>
          )}
        </p>
      </form>
    </dialog>
  );
}

function fieldsOf({ operation, asks = [] }: Act): readonly Field[] {
  return asks.map((ask) => fieldOf(ask, OPERATIONS[operation]?.asks?.[ask.name], ASKED[operation]?.[ask.name]));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isConflict(error: unknown): boolean {
  return error instanceof Refusal && error.problem.status === 412;
}

function Agreement({ to, typed }: { readonly to: string; readonly typed: { value: string } }) {
  const field = useId();
  return (
    <div class="field">
      <label for={field}>
        Type <code>{to}</code> to agree
      </label>
      <input
        id={field}
        autoComplete="off"
        spellcheck={false}
        value={typed.value}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
        }}
      />
    </div>
  );
}

function Outcome({ progress }: { readonly progress: Progress }) {
  switch (progress.kind) {
    case "asking":
    case "acting":
      return null;
    case "tried":
      return (
        <p role="status" class="counted">
          {progress.says}
        </p>
      );
    case "done":
      return <div role="status">{progress.result}</div>;
    case "refused":
      return <RefusalText error={progress.error} />;
  }
}

/** Somebody was quicker: what they did, and the way to go on from there. */
function Changed({ by, onSeen }: { readonly by: Act["changedBy"]; onSeen(): void }) {
  useEffect(lookAgain, []);
  return (
    <>
      {by?.()}
      <p>
        <button type="button" onClick={onSeen}>
          Go on with what is there now
        </button>
      </p>
    </>
  );
}
