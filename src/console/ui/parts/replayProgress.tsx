import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import type { Replay } from "../rows.ts";
import { SeenValue } from "./seen.tsx";
import { State } from "./state.tsx";

/** How far a replay is, as it drains. */
export function ReplayProgress({ id }: { readonly id: string }) {
  const replay = useLive<Replay>(call("read_replay", { replay_id: id }));
  return (
    <SeenValue of={replay}>
      {(value) => (
        <>
          <p>
            <State word={value.state} />
          </p>
          <ReplayBar replay={value} />
        </>
      )}
    </SeenValue>
  );
}

/** What has become of its events: the part of each outcome in a bar, and the counts beside it. */
export function ReplayBar({ replay }: { readonly replay: Replay }) {
  const { events, succeeded, exhausted, discarded, pending, left_alone } = replay;
  const parts = [
    ["good", succeeded],
    ["bad", exhausted + discarded],
    ["calm", left_alone],
    ["wait", pending],
  ] as const;
  const all = Math.max(1, events, succeeded + exhausted + discarded + left_alone + pending);
  let begins = 0;
  return (
    <figure class="drain">
      <svg height="12" aria-hidden="true">
        {parts.map(([tone, count]) => {
          const x = begins;
          begins += count;
          return <rect key={tone} class={tone} x={percent(x / all)} width={percent(count / all)} height="12" />;
        })}
      </svg>
      <figcaption>
        {percent((all - pending - (all - begins)) / all)} of {all}: {succeeded} succeeded, {exhausted + discarded}{" "}
        failed, {pending} wait{left_alone > 0 ? `, ${left_alone} were on their way` : ""}
      </figcaption>
    </figure>
  );
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`;
}
