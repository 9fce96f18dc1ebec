import type { ComponentChildren } from "preact";
import type { Ask, Texts } from "../fields.ts";
import { canDo } from "../operation.ts";
import type { Values } from "../sqlText.ts";
import { Copy } from "./copy.tsx";
import { DialogButton } from "./dialogButton.tsx";
import { Listing } from "./listing.tsx";

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
  return canDo(act.operation) ? (
    <DialogButton
      {...{ label: act.label, shortcut, short }}
      dialog={({ ActDialog }, onClose) => <ActDialog present={act} onClose={onClose} />}
    />
  ) : null;
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
