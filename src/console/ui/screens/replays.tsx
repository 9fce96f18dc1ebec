import { REASON } from "../fields.ts";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { type Act, ActButton } from "../parts/act.tsx";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink } from "../parts/id.tsx";
import { More } from "../parts/more.tsx";
import { ReplayBar } from "../parts/replayProgress.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { exactTime, Time } from "../parts/time.tsx";
import { route } from "../route.ts";
import type { Page, Replay } from "../rows.ts";

export function Replays() {
  const { query } = route.value;
  const asked = call("list_replays", { endpoint_id: query.get("endpoint") ?? null, after: query.get("after") ?? null });
  const page = useLive<Page<Replay>>(asked);
  return (
    <>
      <Heading title="Replays" />
      <SeenValue of={page}>
        {({ data, next }) => (
          <>
            <ReplayTable replays={data} />
            <More next={next} />
          </>
        )}
      </SeenValue>
      <SqlText of={asked} />
    </>
  );
}

function ReplayTable({ replays }: { readonly replays: readonly Replay[] }) {
  return (
    <Table
      label="Replays, the newest first"
      rows={replays}
      keyOf={({ replay_id }) => replay_id}
      empty={<p>Nothing was replayed. An endpoint's screen sends a range of events again.</p>}
      columns={[
        { head: "endpoint", cell: (replay) => <EndpointLink endpoint={replay} /> },
        { head: "state", cell: ({ state, reason }) => <State word={state} title={reason ?? undefined} /> },
        { head: "range", cell: ({ since, until }) => `${exactTime(since)} to ${exactTime(until)}` },
        { head: "types", cell: ({ event_type }) => event_type },
        { head: "of events", cell: ({ states }) => states.join(", ") },
        { head: "events", isNumber: true, cell: ({ events }) => events },
        { head: "prepared", isNumber: true, cell: ({ prepared }) => prepared },
        { head: "progress", cell: (replay) => <ReplayBar replay={replay} /> },
        { head: "asked for", cell: ({ created_at, requested_by }) => <AskedFor at={created_at} by={requested_by} /> },
        {
          head: "do",
          cell: (replay) => (replay.finished_at === null ? <ActButton act={cancelAct(replay)} short="cancel" /> : ""),
        },
      ]}
    />
  );
}

function AskedFor({ at, by }: { readonly at: string; readonly by: string }) {
  return (
    <span>
      <Time at={at} /> by {by}
    </span>
  );
}

function cancelAct({ replay_id, name, url, endpoint_id, events, succeeded, exhausted }: Replay): Act {
  return {
    label: "Cancel the replay",
    sentence: `Of ${events} events, ${succeeded + exhausted} have been sent to ${name ?? url ?? endpoint_id}. The others get their former state back.`,
    operation: "cancel_replay",
    asks: [REASON],
    values: ({ reason }) => ({ replay_id, reason }),
  };
}
