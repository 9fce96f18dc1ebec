import { nameOf, pauseAct } from "../acts/endpoint.tsx";
import { REASON } from "../fields.ts";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import { type Act, ActButton } from "../parts/act.tsx";
import { Charts, ObjectiveFacts } from "../parts/charts.tsx";
import { Fact, Heading } from "../parts/heading.tsx";
import { EndpointLink } from "../parts/id.tsx";
import { Busiest, FigureFacts, Latest } from "../parts/latest.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { State } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { href } from "../route.ts";
import type { BacklogRow, Daemon, ListedEndpoint, Page, Rows, Status } from "../rows.ts";

const STATUS = call("read_status");
const FAILING = call("list_endpoints", { failing: true, limit: 10 });
const BACKLOG = call("list_backlog");
const DAEMONS = call("list_daemons");
const WAITING_SHOWN = 10;

export function Overview() {
  const status = useLive<Status>(STATUS);
  const failing = useLive<Page<ListedEndpoint>>(FAILING);
  const backlog = useLive<Rows<BacklogRow>>(BACKLOG);
  const daemons = useLive<Rows<Daemon>>(DAEMONS);
  return (
    <>
      <Heading title="Overview" />
      <SeenValue of={status}>{(value) => <Verdict status={value} />}</SeenValue>
      <SqlText of={STATUS} />
      <FigureFacts />
      <ObjectiveFacts />
      <Charts />
      <section>
        <h2>Needs a look</h2>
        <SeenValue of={failing}>{({ data }) => <Failing endpoints={data} />}</SeenValue>
        <SqlText of={FAILING} />
      </section>
      <section>
        <h2>Waits</h2>
        <SeenValue of={backlog}>{({ data }) => <Waiting rows={data.slice(0, WAITING_SHOWN)} />}</SeenValue>
        <SqlText of={BACKLOG} />
      </section>
      <section>
        <h2>Daemons</h2>
        <SeenValue of={daemons}>{({ data }) => <Daemons daemons={data} />}</SeenValue>
        <SqlText of={DAEMONS} />
      </section>
      <Busiest />
      <Latest />
    </>
  );
}

function switchAct({ sending_is_on, pending, unclaimed }: Status): Act {
  return sending_is_on
    ? {
        label: "Stop all sending",
        sentence: `No daemon begins another request until it is switched on again. Events are still inserted, and wait, as ${pending + unclaimed} do now.`,
        asks: [REASON],
        operation: "switch_sending",
        values: (given) => ({ is_on: false, ...given }),
      }
    : {
        label: "Send again",
        sentence: `Daemons send what waits: ${pending + unclaimed} now.`,
        operation: "switch_sending",
        values: () => ({ is_on: true }),
      };
}

/** The one sentence that a person on call looks for first. */
function Verdict({ status }: { readonly status: Status }) {
  const { database, server_version, pending, due, unclaimed, oldest_at, live_daemons, failing_endpoints } = status;
  const plus = status.is_exact ? "" : "+";
  return (
    <>
      <p class={`verdict ${verdictOf(status).tone}`} role="status">
        <span aria-hidden="true">{verdictOf(status).shape}</span> {verdictOf(status).text}
        {status.sending_is_on ? null : (
          <>
            {" "}
            (<Time at={status.sending_changed_at} />)
          </>
        )}
      </p>
      <p class="buttons">
        <ActButton act={switchAct(status)} />
      </p>
      <dl class="facts">
        <Fact name="waiting">{`${pending}${plus}`}</Fact>
        <Fact name="due">{`${due}${plus}`}</Fact>
        <Fact name="not claimed yet">{`${unclaimed}${plus}`}</Fact>
        <Fact name="oldest">{oldest_at === null ? "none" : <Time at={oldest_at} />}</Fact>
        <Fact name="live daemons">{live_daemons}</Fact>
        <Fact name="failing endpoints">
          <a href={href(["endpoints"], { failing: "true" })}>{failing_endpoints}</a>
        </Fact>
        <Fact name="database">{`${database}, PostgreSQL ${server_version}`}</Fact>
      </dl>
    </>
  );
}

function verdictOf(status: Status): { readonly tone: string; readonly shape: string; readonly text: string } {
  const {
    copy_problem,
    sending_is_on,
    sending_reason,
    sending_changed_by,
    live_daemons,
    delivers,
    failing_endpoints,
    due,
    unclaimed,
  } = status;
  if (copy_problem !== null) {
    return {
      tone: "bad",
      shape: "■",
      text: `Nothing is sent: this database is a copy that was not adopted. ${copy_problem}`,
    };
  }
  if (!sending_is_on) {
    const why = sending_reason === null ? "" : `: ${sending_reason}`;
    return { tone: "bad", shape: "■", text: `Sending is off, by ${sending_changed_by}${why}` };
  }
  if (live_daemons === 0) {
    return { tone: "bad", shape: "✖", text: "No daemon is live: nothing is sent until “postrider run” runs." };
  }
  if (!delivers) {
    return { tone: "bad", shape: "✖", text: "Every daemon is kept from its work; see below by what." };
  }
  if (failing_endpoints > 0) {
    return {
      tone: "wait",
      shape: "▲",
      text: failing_endpoints === 1 ? "One endpoint fails." : `${failing_endpoints} endpoints fail.`,
    };
  }
  return due + unclaimed > 0
    ? { tone: "good", shape: "→", text: "Events are being delivered." }
    : { tone: "good", shape: "✔", text: "Everything that is due is delivered." };
}

function Failing({ endpoints }: { readonly endpoints: readonly ListedEndpoint[] }) {
  return (
    <Table
      label="Endpoints that fail"
      rows={endpoints}
      keyOf={({ id }) => id}
      empty={<p>No endpoint fails.</p>}
      columns={[
        { head: "endpoint", cell: ({ id, name, url }) => <EndpointLink endpoint={{ endpoint_id: id, name, url }} /> },
        { head: "state", cell: (endpoint) => <State word={endpointWord(endpoint)} /> },
        { head: "failures in a row", isNumber: true, cell: ({ consecutive_failures }) => consecutive_failures },
        { head: "since", cell: ({ failing_since }) => <Time at={failing_since} /> },
        { head: "the last one", cell: ({ last_error }) => last_error },
        { head: "do", cell: (endpoint) => <Pause endpoint={endpoint} /> },
      ]}
    />
  );
}

function Pause({ endpoint }: { readonly endpoint: ListedEndpoint }) {
  return endpoint.state === "active" ? (
    <ActButton act={{ ...pauseAct(endpoint), label: `Pause ${nameOf(endpoint)}` }} short="pause" />
  ) : null;
}

/** What matters most of an endpoint's state. */
export function endpointWord({ state, circuit_opened_at, consecutive_failures }: ListedEndpoint): string {
  if (state !== "active") return state;
  if (circuit_opened_at !== null) return "circuit open";
  return consecutive_failures > 0 ? "failing" : "active";
}

function Waiting({ rows }: { readonly rows: readonly BacklogRow[] }) {
  return (
    <Table
      label="What waits, by endpoint"
      rows={rows}
      keyOf={({ endpoint_id }) => endpoint_id ?? ""}
      empty={<p>Nothing waits.</p>}
      columns={[
        {
          head: "endpoint",
          cell: (row) => (row.endpoint_id === null ? "not claimed by a daemon yet" : <EndpointLink endpoint={row} />),
        },
        { head: "waiting", isNumber: true, cell: ({ pending, is_exact }) => `${pending}${is_exact ? "" : "+"}` },
        { head: "due", isNumber: true, cell: ({ due, is_exact }) => `${due}${is_exact ? "" : "+"}` },
        { head: "the oldest", cell: ({ oldest_at }) => <Time at={oldest_at} /> },
      ]}
    />
  );
}

export function Daemons({ daemons }: { readonly daemons: readonly Daemon[] }) {
  return (
    <Table
      label="Daemons"
      rows={daemons}
      keyOf={({ id }) => id}
      empty={<p>No daemon has been seen. Start one with “postrider run”.</p>}
      columns={[
        { head: "state", cell: ({ state }) => <State word={state} /> },
        { head: "host", cell: ({ host, pid }) => `${host}, pid ${pid}` },
        { head: "version", cell: ({ version }) => version },
        { head: "started", cell: ({ started_at }) => <Time at={started_at} /> },
        { head: "last seen", cell: ({ beat_at }) => <Time at={beat_at} /> },
        { head: "in flight", isNumber: true, cell: ({ in_flight }) => in_flight },
        { head: "waiting", isNumber: true, cell: ({ waiting }) => waiting },
        { head: "condition", cell: ({ condition, condition_reason }) => conditionText(condition, condition_reason) },
      ]}
    />
  );
}

function conditionText(condition: string, reason: string | null): string {
  return condition === "well"
    ? ""
    : [condition.replaceAll("_", " "), reason].filter((part) => part !== null).join(": ");
}
