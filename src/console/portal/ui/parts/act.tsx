import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { change, type Method } from "../../../ui/api.ts";
import { lookAgain } from "../../../ui/live.ts";
import { call, urlOf } from "../../../ui/operation.ts";
import { RefusalText } from "../../../ui/parts/refusal.tsx";
import type { Values } from "../../../ui/sqlText.ts";
import { mayCall } from "../session.ts";

/** Sends a change: an operation with what its address takes, and the body. Resolves with what the answer says. */
export async function submit<Answer>(
  operation: string,
  values: Values,
  body: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const asked = call(operation, values);
  const answer = await change(asked.operation.method as Method, urlOf(asked), JSON.stringify(body), headers);
  lookAgain();
  return answer as Answer;
}

interface ActProps {
  readonly label: string;
  /** What it does. Those whose token does not allow it get no button. */
  readonly operation: string;
  /** What it would do, and the fields that it asks for. */
  readonly children?: ComponentChildren;
  /** Resolves with what to show of the answer instead of closing, such as a secret that is shown once; else with null. */
  run(): Promise<ComponentChildren>;
}

type Progress =
  | { readonly kind: "closed" | "asking" | "acting" }
  | { readonly kind: "refused"; readonly error: unknown }
  | { readonly kind: "done"; readonly result: ComponentChildren };

/**
 * A button that says what it would do first. It says so in the page and not in a dialog, which would stand in the middle of a
 * frame that may be higher than the window.
 */
export function Act({ label, operation, children, run }: ActProps) {
  const progress = useSignal<Progress>({ kind: "closed" });
  const button = useRef<HTMLButtonElement>(null);
  if (!mayCall(operation)) {
    return null;
  }
  const isClosed = progress.value.kind === "closed";
  const close = (): void => {
    progress.value = { kind: "closed" };
    button.current?.focus();
  };
  const act = async (event: Event): Promise<void> => {
    event.preventDefault();
    progress.value = { kind: "acting" };
    try {
      const result = await run();
      if (result === null || result === undefined) close();
      else progress.value = { kind: "done", result };
    } catch (error) {
      progress.value = { kind: "refused", error };
    }
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        aria-expanded={!isClosed}
        onClick={() => {
          progress.value = { kind: isClosed ? "asking" : "closed" };
        }}
      >
        {label}
      </button>
      {isClosed ? null : (
        <Panel label={label} progress={progress.value} onSubmit={act} onClose={close}>
          {children}
        </Panel>
      )}
    </>
  );
}

interface PanelProps {
  readonly label: string;
  readonly progress: Progress;
  readonly children: ComponentChildren;
  onSubmit(event: Event): void;
  onClose(): void;
}

function Panel({ label, progress, children, onSubmit, onClose }: PanelProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.focus(), []);
  const isDone = progress.kind === "done";
  return (
    <form
      ref={form}
      class="panel"
      aria-label={label}
      tabIndex={-1}
      onSubmit={onSubmit}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      {isDone ? <div role="status">{progress.result}</div> : children}
      {progress.kind === "refused" ? <RefusalText error={progress.error} /> : null}
      <p class="buttons">
        <button type="button" onClick={onClose}>
          {isDone ? "Close" : "Leave it"}
        </button>
        {isDone ? null : (
          <button type="submit" class="main" disabled={progress.kind === "acting"}>
            {label}
          </button>
        )}
      </p>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly isUrl?: boolean;
  readonly isNeeded?: boolean;
  readonly placeholder?: string;
  onValue(value: string): void;
}

export function Field({ label, value, isUrl = false, isNeeded = false, placeholder, onValue }: FieldProps) {
  return (
    <label class="field">
      {label}
      <input
        type="text"
        inputMode={isUrl ? "url" : "text"}
        value={value}
        required={isNeeded}
        placeholder={placeholder}
        autocomplete="off"
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </label>
  );
}
