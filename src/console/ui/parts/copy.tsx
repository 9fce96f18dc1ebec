import { useSignal } from "@preact/signals";

const SHOWN_MS = 1_500;

interface CopyProps {
  readonly text: string;
  readonly label: string;
  readonly shortcut?: string;
}

/** Copies a text. A page without https has no clipboard of the modern kind; then the text is selected in a field. */
export function Copy({ text, label, shortcut }: CopyProps) {
  const said = useSignal<string | null>(null);
  const copy = async (): Promise<void> => {
    said.value = (await copied(text)) ? "copied" : "select it and copy";
    setTimeout(() => {
      said.value = null;
    }, SHOWN_MS);
  };
  return (
    <button type="button" class="quiet" onClick={copy} aria-label={label} data-key={shortcut}>
      {said.value ?? "copy"}
    </button>
  );
}

export async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "off-screen";
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    return isCopied;
  }
}
