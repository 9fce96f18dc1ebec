import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Copy } from "../../../ui/parts/copy.tsx";
import { Fact, Heading } from "../../../ui/parts/heading.tsx";
import { EventId } from "../../../ui/parts/id.tsx";
import { Listing } from "../../../ui/parts/listing.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { State } from "../../../ui/parts/state.tsx";
import { Table } from "../../../ui/parts/table.tsx";
import { durationText, Time } from "../../../ui/parts/time.tsx";
import { href } from "../../../ui/route.ts";
import type { Page, Rows, Secret } from "../../../ui/rows.ts";
import { Answer } from "../parts/answer.tsx";
import { EndpointActs } from "../parts/endpointActs.tsx";
import { Redeliver } from "../parts/redeliver.tsx";
import { Replays } from "../parts/replay.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { Standing } from "../parts/standing.tsx";
import { Subscriptions } from "../parts/subscriptions.tsx";
import { Verify } from "../parts/verify.tsx";
import type { Endpoint, FailedAttempt, HourBar, Undelivered, Waiting } from "../rows.ts";
import { mayCall } from "../session.ts";
import { nameOf } from "./endpoints.tsx";

const LISTED = 20;
const SLOW_LOOK_MS = 30_000;

export function EndpointScreen({ id }: { readonly id: string }) {
  const endpoint = useLive<Endpoint>(call("portal_read_endpoint", { endpoint_id: id }));
  const ofEndpoint = { endpoint_id: id, limit: LISTED };
  const waiting = useLive<Page<Waiting>>(
    mayCall("portal_list_waiting") ? call("portal_list_waiting", ofEndpoint) : null,
  );
  const chart = useLive<Rows<HourBar>>(call("portal_read_chart"), SLOW_LOOK_MS);
  return (
    <SeenValue of={endpoint} refused={({ problem }) => (problem.status === 404 ? <NoEndpoint /> : null)}>
      {(present) => (
        <>
          <Heading title={nameOf(present)} />
          <Standing
            endpoint={present}
            nextAttemptAt={present.next_probe_at ?? nextAttempt(waiting.value.value?.data ?? [])}
          />
          <dl class="facts">
            <Fact name="URL">
              <code>{present.url}</code>
              {present.url_is_whole === false ? " with a query that is not shown" : ""}
            </Fact>
            {present.description === null ? null : <Fact name="what it is for">{present.description}</Fact>}
            {present.header_names.length === 0 ? null : (
              <Fact name="extra headers">{present.header_names.join(", ")}</Fact>
            )}
            <Fact name="added">
              <Time at={present.created_at} />
            </Fact>
          </dl>
          <SeenValue of={chart}>
            {({ data }) => <Sparkline bars={data.filter(({ endpoint_id }) => endpoint_id === id)} />}
          </SeenValue>
          <EndpointActs endpoint={present} />
          {mayCall("portal_list_events") ? (
            <>
              <Failed endpointId={id} />
              <NotDelivered endpointId={id} />
              <section>
                <h2>Waiting</h2>
                <SeenValue of={waiting}>
                  {({ data, next }) => <WaitingTable rows={data} hasMore={next !== null} />}
                </SeenValue>
              </section>
              <p>
                <a href={href(["events"], { endpoint: id })}>All events that it got</a>
              </p>
            </>
          ) : null}
          <Replays endpointId={id} />
          <Subscriptions endpointId={id} />
          <Secrets endpointId={id} />
        </>
      )}
    </SeenValue>
  );
}

function NoEndpoint() {
  return (
    <>
      <Heading title="No such endpoint" />
      <p>
        It was deleted, or it never was. <a href={href(["endpoints"])}>To the endpoints</a>
      </p>
    </>
  );
}

function nextAttempt(waiting: readonly Waiting[]): string | null {
  const times = waiting.flatMap(({ next_attempt_at }) => next_attempt_at ?? []);
  return times.toSorted()[0] ?? null;
}

interface OfEndpoint {
  readonly endpointId: string;
}

function Failed({ endpointId }: OfEndpoint) {
  const attempts = useLive<Rows<FailedAttempt>>(
    call("portal_list_failed_attempts", { endpoint_id: endpointId, limit: LISTED }),
  );
  return (
    <section>
      <h2>Failed attempts, 24 h</h2>
      <SeenValue of={attempts}>
        {({ data }) => (
          <Table
            label="Failed attempts, the newest first"
            rows={data}
            keyOf={({ id }) => id}
            empty={<p>None.</p>}
            columns={[
              { head: "started", cell: ({ started_at }) => <Time at={started_at} /> },
              { head: "event", cell: ({ event_id }) => <EventId id={event_id} /> },
              { head: "type", cell: ({ event_type }) => event_type },
              { head: "status", cell: ({ http_status }) => http_status ?? "none" },
              { head: "what was wrong", cell: ({ error }) => error },
              { head: "took", isNumber: true, cell: ({ duration_ms }) => durationText(duration_ms) },
              {
                head: "answer",
                cell: ({ event_id, id }) => <Answer eventId={event_id} endpointId={endpointId} attemptId={id} />,
              },
              { head: "once more", cell: ({ event_id }) => <Redeliver eventId={event_id} endpointId={endpointId} /> },
            ]}
          />
        )}
      </SeenValue>
    </section>
  );
}

function NotDelivered({ endpointId }: OfEndpoint) {
  const deliveries = useLive<Page<Undelivered>>(
    call("portal_list_deliveries", { endpoint_id: endpointId, limit: LISTED }),
  );
  return (
    <section>
      <h2>Given up, 24 h</h2>
      <SeenValue of={deliveries}>
        {({ data, next }) => (
          <>
            <Table
              label="Events that were given up, the newest first"
              rows={data}
              keyOf={({ event_id }) => event_id}
              empty={<p>None.</p>}
              columns={[
                { head: "event", cell: ({ event_id }) => <EventId id={event_id} /> },
                { head: "type", cell: ({ event_type }) => event_type },
                { head: "state", cell: ({ state }) => <State word={state} /> },
                { head: "attempts", isNumber: true, cell: ({ attempts }) => attempts },
                { head: "why", cell: ({ reason }) => reason },
                { head: "once more", cell: ({ event_id }) => <Redeliver eventId={event_id} endpointId={endpointId} /> },
              ]}
            />
            {next === null ? null : <p class="faint">There are more of them.</p>}
          </>
        )}
      </SeenValue>
    </section>
  );
}

interface WaitingTableProps {
  readonly rows: readonly Waiting[];
  readonly hasMore: boolean;
}

function WaitingTable({ rows, hasMore }: WaitingTableProps) {
  return (
    <>
      <Table
        label="What waits for it, the oldest first"
        rows={rows}
        keyOf={({ event_id }) => event_id}
        empty={<p>Nothing.</p>}
        columns={[
          { head: "event", cell: ({ event_id }) => <EventId id={event_id} /> },
          { head: "type", cell: ({ event_type }) => event_type },
          { head: "from", cell: ({ created_at }) => <Time at={created_at} /> },
          { head: "attempts", isNumber: true, cell: ({ attempts }) => attempts },
          {
            head: "next attempt",
            cell: ({ is_in_flight, next_attempt_at }) => (is_in_flight ? "now" : <Time at={next_attempt_at} />),
          },
        ]}
      />
      {hasMore ? <p class="faint">There are more of them.</p> : null}
    </>
  );
}

function Secrets({ endpointId }: OfEndpoint) {
  const secrets = useLive<Rows<Secret>>(call("portal_list_secrets", { endpoint_id: endpointId }), SLOW_LOOK_MS);
  return (
    <section>
      <h2>What signs its requests</h2>
      <SeenValue of={secrets}>
        {({ data }) => (
          <Table
            label="Secrets and keys"
            rows={data}
            keyOf={({ id }) => id}
            empty={<p>Nothing.</p>}
            columns={[
              { head: "kind", cell: ({ kind }) => kind },
              { head: "made", cell: ({ created_at }) => <Time at={created_at} /> },
              { head: "until", cell: ({ expires_at }) => (expires_at === null ? "" : <Time at={expires_at} />) },
              { head: "public key", cell: ({ public_key }) => <PublicKey text={public_key} /> },
            ]}
          />
        )}
      </SeenValue>
      <Verify />
    </section>
  );
}

function PublicKey({ text }: { readonly text: string | null }) {
  return text === null ? null : (
    <>
      <Listing>{text}</Listing>
      <Copy text={text} label="Copy the public key" />
    </>
  );
}
