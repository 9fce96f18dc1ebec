import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Refusal } from "../api.ts";
import { type Ask, type Field, fieldNamed, fieldOf, type Texts, valuesOf } from "../fields.ts";
import { lookAgain } from "../live.ts";
import { type Call, call, canDo, send } from "../operation.ts";
import { zone } from "../preferences.ts";
import type { Values } from "../sqlText.ts";
import { OPERATIONS } from "../table.ts";
import { Copy } from "./copy.tsx";
import { Fields } from "./fields.tsx";
import { Listing } from "./listing.tsx";
import { RefusalText } from "./refusal.tsx";
import { SqlText } from "./sql.tsx";

/** What a button does, once its reader has agreed. The form of its dialog is made from the table of operations. */
export interface Act {
  readonly label: string;
  /** What it does, in a sentence, with what it counts: it stands above the buttons of the dialog. */
  readonly sentence: string;
  /** Of the API. A build whose API does not have it shows no button. */
  readonly operation: string;
  /** What it asks for, in this order. */
  readonly asks?: readonly Ask[];
  /** Its parameters, of what was asked for and of the texts in which that was written. */
  values(given: Values, texts: Texts): Values;
  /** What has to be typed first, because there is no way back. */
  readonly agreement?: string;
  /** It can be tried: what the answer of a trial says it would do. */
  readonly trial?: { readonly isAtOnce: boolean; says(answer: Answer): string };
  /** Something that follows the form while it is filled in. */
  beside?(given: Values): ComponentChildren;
  /** What to show of the answer instead of closing. */
  result?(answer: Answer): ComponentChildren;
  /** What to do once it is done and has nothing to show. */
  done?(): void;
  /** Who has changed what is to be changed. */
  changedBy?(): ComponentChildren;
}

export type Answer = Readonly<Record<string, unknown>>;

interface ActButtonProps {
  readonly act: Act;
  readonly shortcut?: string;
  /** What stands on the button where its surroundings say the rest. */
  readonly short?: string;
}

/** A button that shows what it would do and its SQL first. There is none for those who may not do it. */
export function ActButton({ act, shortcut, short }: ActButtonProps) {
  const isOpen = useSignal(false);
  if (!canDo(act.operation)) {
    return null;
  }
  return (
    <>
      <button
        type="button"
        class={short === undefined ? undefined : "quiet"}
        aria-label={short === undefined ? undefined : act.label}
        data-key={shortcut}
        title={shortcut === undefined ? undefined : `key ${shortcut}`}
        onClick={() => {
          isOpen.value = true;
        }}
      >
        {short ?? act.label}
      </button>
      {isOpen.value ? (
        <ActDialog
          present={act}
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
  | { readonly kind: "tried"; readonly says: string }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "done"; readonly result: ComponentChildren };

interface ActDialogProps {
  /** As the list behind the dialog has it now. */
  readonly present: Act;
  onClose(): void;
}

function ActDialog({ present, onClose }: ActDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  // What the reader saw when it was opened: what has changed since is not overwritten unseen.
  const seen = useSignal(present);
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
      const reached = next((await send(step)) as Answer);
      if (reached === null) dialog.current?.close();
      else progress.value = reached;
    } catch (error) {
      progress.value = { kind: "refused", error };
    }
  };
  const finish = (answer: Answer): Progress | null => {
    lookAgain();
    const result = act.result?.(answer) ?? null;
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
  return asks.map((ask) => fieldOf(ask, OPERATIONS[operation]?.asks?.[ask.name]));
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

/** A secret that is shown this once. */
export function ShownOnce({ text, sentence }: { readonly text: string; readonly sentence: string }) {
  return (
    <>
      <p>{sentence} It is shown this once.</p>
      <Listing class="result">{text}</Listing>
      <Copy text={text} label="Copy it" />
    </>
  );
}
