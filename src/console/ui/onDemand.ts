import { type ReadonlySignal, signal } from "@preact/signals";

/** A part of the page that is loaded when somebody first wants it, so that the page is there sooner. */
export interface OnDemand<Part> {
  /** Null until it is there. */
  readonly part: ReadonlySignal<Part | null>;
  /** It is gone once another version is served. */
  readonly isMissing: ReadonlySignal<boolean>;
  want(): void;
}

export const MISSING = "It could not be read: load this page anew.";

export function onDemand<Part>(load: () => Promise<Part>): OnDemand<Part> {
  const part = signal<Part | null>(null);
  const isMissing = signal(false);
  const want = (): void => {
    if (part.peek() !== null) return;
    load().then(
      (loaded) => {
        part.value = loaded;
      },
      () => {
        isMissing.value = true;
      },
    );
  };
  return { part, isMissing, want };
}
