import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { MISSING, onDemand } from "../onDemand.ts";

/** A screen that is loaded when somebody first goes there. */
export function lazily(load: () => Promise<ComponentType>): ComponentType {
  const { part, isMissing, want } = onDemand(load);
  return function Lazy() {
    useEffect(want, []);
    const Screen = part.value;
    if (Screen !== null) {
      return <Screen />;
    }
    return isMissing.value ? <p role="alert">{MISSING}</p> : null;
  };
}
