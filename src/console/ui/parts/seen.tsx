import type { ReadonlySignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Refusal } from "../api.ts";
import type { Seen, Trouble } from "../live.ts";
import { RefusalText } from "./refusal.tsx";
import { durationText, nowMs } from "./time.tsx";

interface SeenProps<Value> {
  readonly of: ReadonlySignal<Seen<Value>>;
  /** Instead of a refusal, where that has a meaning of its own. */
  refused?(refusal: Refusal): ComponentChildren | null;
  children(value: Value): ComponentChildren;
}

/** What is known of a resource: nothing yet, the value, or the last value with what is wrong since. */
export function SeenValue<Value>({ of, refused, children }: SeenProps<Value>) {
  const { value, atMs, trouble } = of.value;
  const said = trouble?.error instanceof Refusal ? refused?.(trouble.error) : null;
  if (said !== null && said !== undefined) {
    return <>{said}</>;
  }
  return (
    <>
      {trouble === null ? null : <TroubleText trouble={trouble} atMs={value === null ? null : atMs} />}
      {value === null ? (
        trouble === null ? (
          <p class="faint">reading…</p>
        ) : null
      ) : (
        <div class={trouble === null ? "" : "stale"}>{children(value)}</div>
      )}
    </>
  );
}

function TroubleText({ trouble, atMs }: { readonly trouble: Trouble; readonly atMs: number | null }) {
  const { error, retryAtMs } = trouble;
  return (
    <div class="trouble">
      <RefusalText error={error} />
      <p>
        {atMs === null ? "" : `This is from ${durationText(Math.max(0, nowMs.value - atMs))} ago. `}
        {retryAtMs === null ? "" : `It is read again in ${durationText(Math.max(0, retryAtMs - nowMs.value))}.`}
      </p>
    </div>
  );
}
