import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

type Dialogs = Pick<typeof import("../later.ts"), "ActDialog" | "ManyDialog">;

/** Null until a dialog was opened: nobody waits for forms who only looks. */
const loaded = signal<Dialogs | null>(null);
const isMissing = signal(false);

async function load(): Promise<void> {
  try {
    loaded.value = await import("../later.ts");
  } catch {
    // It is gone once another version is served.
    isMissing.value = true;
  }
}

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
  const dialogs = loaded.value;
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
          if (dialogs === null) void load();
        }}
      >
        {short ?? label}
      </button>
      {isOpen.value && isMissing.value ? <span role="alert">It could not be read: load this page anew.</span> : null}
      {isOpen.value && dialogs !== null
        ? dialog(dialogs, () => {
            isOpen.value = false;
          })
        : null}
    </>
  );
}
