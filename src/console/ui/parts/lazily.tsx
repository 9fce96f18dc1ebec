import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";

/** A screen that is loaded when somebody first goes there, so that the first one is there sooner. */
export function lazily(load: () => Promise<ComponentType>): ComponentType {
  const loaded = signal<{ readonly Screen: ComponentType } | null>(null);
  const isMissing = signal(false);
  return function Lazy() {
    useEffect(() => {
      if (loaded.value === null) {
        load().then(
          (Screen) => {
            loaded.value = { Screen };
          },
          () => {
            // It is gone once another version is served.
            isMissing.value = true;
          },
        );
      }
    }, []);
    if (loaded.value !== null) {
      return <loaded.value.Screen />;
    }
    return isMissing.value ? <p role="alert">It could not be read: load this page anew.</p> : null;
  };
}
