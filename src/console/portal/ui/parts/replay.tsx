import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { State } from "../../../ui/parts/state.tsx";
import { Time } from "../../../ui/parts/time.tsx";
import type { Page } from "../../../ui/rows.ts";
import type { Replay } from "../rows.ts";
import { mayCall } from "../session.ts";
import { Act, submit } from "./act.tsx";
import { whenText } from "./standing.tsx";

const HOUR_MS = 3_600_000;
/** The last one is a little less than the portal's limit, which counts when the request arrives. */
const RANGES: Readonly<Record<string, number>> = {
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  "3 days": 72 * HOUR_MS,
  "7 days": 167.9 * HOUR_MS,
};

interface Counted {
  readonly since: string;
  readonly until: string;
  readonly events: number;
}

/** Sends what the endpoint missed again: counted first, then sent, then followed. */
export function Replays({ endpointId }: { readonly endpointId: string }) {
  if (!mayCall("portal_replay")) {
    return null;
  }
  return (
    <section>
      <h2>What it missed</h2>
      <p>Events that we gave up on, and those that happened while it was not subscribed to them, can be sent now.</p>
      <div class="buttons">
        <ReplayMissed endpointId={endpointId} />
      </div>
      <Progresses endpointId={endpointId} />
    </section>
  );
}

function ReplayMissed({ endpointId }: { readonly endpointId: string }) {
  const range = useSignal("day");
  const counted = useSignal<Counted | null>(null);
  const run = async (): Promise<null> => {
    const { since, until } = rangeOf(range.value);
    const { events } = await submit<{ readonly events: number }>(
      "portal_replay",
      {},
      { endpoint_id: endpointId, since, until, dry_run: true },
    );
    counted.value = { since, until, events };
    return null;
  };
  const send = async (): Promise<null> => {
    if (counted.value !== null) {
      const { since, until } = counted.value;
      await submit("portal_replay", {}, { endpoint_id: endpointId, since, until });
      counted.value = null;
    }
    return null;
  };
  return (
    <>
      <Act label="Count what it missed" operation="portal_replay" run={run}>
        <label>
          In the last{" "}
          <select
            value={range.value}
            onChange={(event) => {
              range.value = event.currentTarget.value;
            }}
          >
            {Object.keys(RANGES).map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </Act>
      {counted.value === null ? null : (
        <>
          <p role="status">{countText(counted.value)}</p>
          {counted.value.events === 0 ? null : (
            <Act label="Send what it missed" operation="portal_replay" run={send}>
              <p>{countText(counted.value)} They are sent to this endpoint alone.</p>
            </Act>
          )}
        </>
      )}
    </>
  );
}

function rangeOf(range: string): { readonly since: string; readonly until: string } {
  const now = Date.now();
  return { since: new Date(now - (RANGES[range] ?? HOUR_MS)).toISOString(), until: new Date(now).toISOString() };
}

function countText({ since, events }: Counted): string {
  const words = events === 1 ? "1 event" : `${events.toLocaleString("en")} events`;
  return `It missed ${events === 0 ? "nothing" : words} since ${whenText(since)}.`;
}

const IN_PROGRESS = ["preparing", "delivering"];

function Progresses({ endpointId }: { readonly endpointId: string }) {
  const replays = useLive<Page<Replay>>(call("portal_list_replays", { endpoint_id: endpointId, limit: 3 }));
  return (
    <SeenValue of={replays}>
      {({ data }) => (
        <ul class="endpoints">
          {data.map((replay) => (
            <li key={replay.replay_id}>
              <Progress replay={replay} />
            </li>
          ))}
        </ul>
      )}
    </SeenValue>
  );
}

function Progress({ replay }: { readonly replay: Replay }) {
  const { replay_id, state, events, succeeded, exhausted, discarded, left_alone, created_at } = replay;
  const done = succeeded + exhausted + discarded + left_alone;
  const cancel = async (): Promise<null> => {
    await submit("portal_cancel_replay", { replay_id });
    return null;
  };
  return (
    <>
      <p>
        <State word={IN_PROGRESS.includes(state) ? "running" : state} /> <Time at={created_at} />:{" "}
        {succeeded.toLocaleString("en")} of {events.toLocaleString("en")} arrived
        {exhausted + discarded === 0 ? "" : `, ${(exhausted + discarded).toLocaleString("en")} did not`}
      </p>
      {IN_PROGRESS.includes(state) ? (
        <>
          <progress aria-label="Sent again" value={done} max={Math.max(1, events)} />
          <Act label="Cancel" operation="portal_cancel_replay" run={cancel}>
            <p>What has not been sent yet is left as it was before.</p>
          </Act>
        </>
      ) : null}
    </>
  );
}
