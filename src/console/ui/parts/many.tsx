import type { Matches } from "../many.ts";
import { type Call, canDo } from "../operation.ts";
import { DialogButton } from "./dialogButton.tsx";

/** Something that is done about many events: about each, one after the other, or about all of them at once. */
export interface ManyAct {
  readonly label: string;
  /** Of the API. */
  readonly operation: string;
  /** What it does to so many, in words such as “312 events”. */
  sentence(events: string): string;
  readonly asksReason: boolean;
  /** What is sent for one of the ids that were found. */
  callFor(id: string, reason: string): Call;
  /** Where to see what follows. */
  readonly next?: { readonly label: string; readonly href: string };
}

export interface ManyButtonProps {
  readonly act: ManyAct;
  readonly label: string;
  readonly shortcut?: string;
  /** Finds the events, and says meanwhile how many. */
  find(onFound: (count: number) => void, signal: AbortSignal): Promise<Matches>;
}

/** A button that counts first, and then does it to each, once its reader has agreed. */
export function ManyButton({ act, label, shortcut, find }: ManyButtonProps) {
  return canDo(act.operation) ? (
    <DialogButton
      {...{ label, shortcut }}
      dialog={({ ManyDialog }, onClose) => <ManyDialog act={act} find={find} onClose={onClose} />}
    />
  ) : null;
}
