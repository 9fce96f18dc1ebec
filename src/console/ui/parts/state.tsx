/** A state in a word and a shape, so that it can be told without its colour. */
export function State({ word, title }: { readonly word: string; readonly title?: string | undefined }) {
  const { shape, tone } = LOOKS[word] ?? { shape: "•", tone: "calm" };
  return (
    <span class={`state ${tone}`} title={title}>
      <span aria-hidden="true">{shape}</span> {word}
    </span>
  );
}

type Tone = "good" | "wait" | "bad" | "calm";

const LOOKS: Readonly<Record<string, { readonly shape: string; readonly tone: Tone }>> = {
  succeeded: { shape: "✔", tone: "good" },
  active: { shape: "✔", tone: "good" },
  live: { shape: "✔", tone: "good" },
  well: { shape: "✔", tone: "good" },
  done: { shape: "✔", tone: "good" },
  "in flight": { shape: "→", tone: "wait" },
  running: { shape: "→", tone: "wait" },
  delivering: { shape: "→", tone: "wait" },
  preparing: { shape: "◌", tone: "wait" },
  retrying: { shape: "↻", tone: "wait" },
  pending: { shape: "◌", tone: "wait" },
  scheduled: { shape: "◌", tone: "wait" },
  deferred: { shape: "◌", tone: "wait" },
  "not claimed": { shape: "◌", tone: "wait" },
  paused: { shape: "‖", tone: "wait" },
  late: { shape: "▲", tone: "wait" },
  "circuit open": { shape: "▲", tone: "bad" },
  failing: { shape: "▲", tone: "bad" },
  halted: { shape: "▲", tone: "bad" },
  lost: { shape: "✖", tone: "bad" },
  exhausted: { shape: "✖", tone: "bad" },
  discarded: { shape: "✖", tone: "calm" },
  cancelled: { shape: "✖", tone: "calm" },
  disabled: { shape: "■", tone: "calm" },
  deleted: { shape: "■", tone: "calm" },
  "not matched": { shape: "–", tone: "calm" },
};
