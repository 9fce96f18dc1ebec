import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { href } from "../route.ts";
import type { AuditRow, BusyEndpoint, Figures, Page, Replay, Rows } from "../rows.ts";
import { Fact } from "./heading.tsx";
import { EndpointLink } from "./id.tsx";
import { SeenValue } from "./seen.tsx";
import { SqlText } from "./sql.tsx";
import { State } from "./state.tsx";
import { Table } from "./table.tsx";
import { Time } from "./time.tsx";

/** What they are made of changes once a minute. */
const LOOK_MS = 15_000;
const FIGURES = call("read_figures");
const BUSIEST = call("list_busiest", { limit: 5 });
const CHANGES = call("list_audit", { limit: 5 });
const REPLAYS = call("list_replays", { limit: 5 });

/** How much happens, in a line. */
export function FigureFacts() {
  const figures = useLive<Figures>(FIGURES, LOOK_MS);
  return (
    <>
      <SeenValue of={figures}>
        {({ claimed_per_minute, delivered_per_minute, exhausted, unmatched }) => (
          <dl class="facts">
            <Fact name="claimed">{Math.round(claimed_per_minute).toLocaleString("en")}/min</Fact>
            <Fact name="delivered">{Math.round(delivered_per_minute).toLocaleString("en")}/min</Fact>
            <Fact name="exhausted, 24 h">
              <a href={href(["events"], { q: "state:exhausted" })}>{exhausted.toLocaleString("en")}</a>
            </Fact>
            <Fact name="unmatched, 24 h">
              <a href={href(["unmatched"])}>{unmatched.toLocaleString("en")}</a>
            </Fact>
          </dl>
        )}
      </SeenValue>
      <SqlText of={FIGURES} />
    </>
  );
}

/** The endpoints with the most attempts of the last hour. */
export function Busiest() {
  const busiest = useLive<Rows<BusyEndpoint>>(BUSIEST, LOOK_MS);
  return (
    <section>
      <h2>Busiest endpoints</h2>
      <SeenValue of={busiest}>
        {({ data }) => (
          <Table
            label="The busiest endpoints of the last hour"
            rows={data}
            keyOf={({ endpoint_id }) => endpoint_id}
            empty={<p>No attempt was made in the last hour, or its minute is not over yet.</p>}
            columns={[
              { head: "endpoint", cell: (row) => <EndpointLink endpoint={row} /> },
              { head: "the last hour", cell: ({ requests_per_minute }) => <Spark perMinute={requests_per_minute} /> },
              { head: "delivered", isNumber: true, cell: ({ succeeded }) => succeeded },
              { head: "failed", isNumber: true, cell: ({ failed }) => failed },
              {
                head: "arrived",
                isNumber: true,
                cell: ({ succeeded, failed }) => `${((100 * succeeded) / (succeeded + failed || 1)).toFixed(1)} %`,
              },
            ]}
          />
        )}
      </SeenValue>
      <SqlText of={BUSIEST} />
    </section>
  );
}

const MINUTES = 60;

/** Attempts in each minute, by its Unix time. */
function Spark({ perMinute }: { readonly perMinute: Readonly<Record<string, number>> }) {
  const most = Math.max(1, ...Object.values(perMinute));
  const last = Math.floor(Date.now() / 60_000) - 1;
  return (
    <svg class="spark" width={MINUTES * 2} height="20" role="img" aria-label={`at most ${most} attempts in a minute`}>
      {Object.entries(perMinute).map(([second, attempts]) => (
        <rect
          key={second}
          x={(MINUTES - 1 - last + Number(second) / 60) * 2}
          width="1.5"
          y={20 - (20 * attempts) / most}
          height="20"
        />
      ))}
    </svg>
  );
}

/** What people did, and the replays in progress. */
export function Latest() {
  const changes = useLive<Page<AuditRow>>(CHANGES);
  const replays = useLive<Page<Replay>>(REPLAYS);
  return (
    <>
      <section>
        <h2>
          Latest <a href={href(["audit"])}>changes</a>
        </h2>
        <SeenValue of={changes}>
          {({ data }) => (
            <Table
              label="The latest changes"
              rows={data}
              keyOf={({ id }) => id}
              empty={<p>Nothing in the last 30 days.</p>}
              columns={[
                { head: "when", cell: ({ at }) => <Time at={at} /> },
                { head: "who", cell: ({ actor, on_behalf_of }) => on_behalf_of ?? actor },
                { head: "did", cell: ({ action }) => action },
                {
                  head: "to",
                  cell: ({ endpoint_id, endpoint_name }) =>
                    endpoint_id === null ? "" : <EndpointLink endpoint={{ endpoint_id, name: endpoint_name }} />,
                },
                { head: "reason", cell: ({ detail }) => (typeof detail.reason === "string" ? detail.reason : "") },
              ]}
            />
          )}
        </SeenValue>
        <SqlText of={CHANGES} />
      </section>
      <section>
        <h2>
          <a href={href(["replays"])}>Replays</a>
        </h2>
        <SeenValue of={replays}>
          {({ data }) => (
            <Table
              label="The latest replays"
              rows={data}
              keyOf={({ replay_id }) => replay_id}
              empty={<p>Nothing was replayed.</p>}
              columns={[
                { head: "endpoint", cell: (replay) => <EndpointLink endpoint={replay} /> },
                { head: "state", cell: ({ state }) => <State word={state} /> },
                {
                  head: "prepared",
                  isNumber: true,
                  cell: ({ prepared, events }) => `${prepared} of ${events}`,
                },
              ]}
            />
          )}
        </SeenValue>
        <SqlText of={REPLAYS} />
      </section>
    </>
  );
}
