import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { MISSING, onDemand } from "../onDemand.ts";

type Dialogs = Pick<typeof import("../later.ts"), "ActDialog" | "ManyDialog">;

/** Nobody waits for forms who only looks. */
const { part, isMissing, want } = onDemand<Dialogs>(() => import("../later.ts"));

interface DialogButtonProps {
  readonly label: string;
  readonly shortcut: string | undefined;
  /** What stands on the button where its surroundings say the rest. */
  readonly short?: string | undefined;
  dialog(dialogs: Dialogs, onClose: () => void): ComponentChildren;
}

/** A button that opens a dialog. */
export function DialogButton({ label, shortcut, short, dialog }: DialogButtonProps) {
  const isOpen = useSignal(false);
  const dialogs = part.value;
  return (
    <>
      <button
        type="button"
        class={short === undefined ? undefined : "quiet"}
        aria-label={short === undefined ? undefined : label}
        data-key={shortcut}
        title={shortcut === undefined ? undefined : `key ${shortcut}`}
        onClick={() => {
          isOpen.value = true;
          want();
        }}
      >
        {short ?? label}
      </button>
      {isOpen.value && isMissing.value ? <span role="alert">{MISSING}</span> : null}
      {isOpen.value && dialogs !== null
        ? dialog(dialogs, () => {
            isOpen.value = false;
          })
        : null}
    </>
  );
}
