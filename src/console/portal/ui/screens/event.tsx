import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Copy } from "../../../ui/parts/copy.tsx";
import { Fact, Heading } from "../../../ui/parts/heading.tsx";
import { EndpointLink } from "../../../ui/parts/id.tsx";
import { JsonText } from "../../../ui/parts/json.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { State } from "../../../ui/parts/state.tsx";
import { Table } from "../../../ui/parts/table.tsx";
import { Clock, durationText, Time } from "../../../ui/parts/time.tsx";
import type { Page, Rows } from "../../../ui/rows.ts";
import { Answer } from "../parts/answer.tsx";
import { Redeliver } from "../parts/redeliver.tsx";
import type { Attempt, Delivery, Payload, TenantEvent } from "../rows.ts";
import { mayCall } from "../session.ts";

const LISTED_MAX = 200;

export function EventScreen({ id }: { readonly id: string }) {
  const event = useLive<TenantEvent>(call("portal_read_event", { event_id: id }));
  return (
    <SeenValue of={event} refused={({ problem }) => (problem.status === 404 ? <NoEvent /> : null)}>
      {({ event_type, created_at, ordering_key, deliver_at, erased_at, is_test }) => (
        <>
          <Heading title={event_type}>{is_test ? <span>a test</span> : null}</Heading>
          <dl class="facts">
            <Fact name="id, and webhook-id">
              <code>{id}</code> <Copy text={id} label="Copy the id" />
            </Fact>
            <Fact name="when">
              <Clock at={created_at} />
            </Fact>
            {ordering_key === null ? null : <Fact name="ordering key">{ordering_key}</Fact>}
            {deliver_at === null ? null : (
              <Fact name="not before">
                <Clock at={deliver_at} />
              </Fact>
            )}
          </dl>
          <Deliveries eventId={id} />
          {erased_at === null ? (
            <PayloadPart eventId={id} />
          ) : (
            <p>
              Its payload was erased <Time at={erased_at} />.
            </p>
          )}
        </>
      )}
    </SeenValue>
  );
}

function NoEvent() {
  return (
    <>
      <Heading title="No such event" />
      <p>It is not there: it was removed after its time, or it never was.</p>
    </>
  );
}

function Deliveries({ eventId }: { readonly eventId: string }) {
  const of = { event_id: eventId, limit: LISTED_MAX };
  const deliveries = useLive<Page<Delivery>>(call("portal_list_event_deliveries", of));
  const attempts = useLive<Rows<Attempt>>(call("portal_list_event_attempts", of));
  return (
    <section>
      <h2>What became of it</h2>
      <SeenValue of={deliveries}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty">No endpoint gets it, or it has not been looked at yet.</p>
          ) : (
            <ul class="endpoints">
              {data.map((delivery) => (
                <li key={delivery.endpoint_id}>
                  <h3>
                    <EndpointLink endpoint={delivery} />
                  </h3>
                  <p>
                    <State word={delivery.state} /> {delivery.reason ?? delivery.last_error ?? ""}
                    {delivery.next_attempt_at === null ? null : (
                      <>
                        {" "}
                        next attempt <Time at={delivery.next_attempt_at} />
                      </>
                    )}
                  </p>
                  <SeenValue of={attempts}>
                    {(page) => (
                      <AttemptTable
                        eventId={eventId}
                        attempts={page.data
                          .filter(({ endpoint_id }) => endpoint_id === delivery.endpoint_id)
                          .toSorted((one, other) => one.attempt_number - other.attempt_number)}
                      />
                    )}
                  </SeenValue>
                  <div class="buttons">
                    <Redeliver eventId={eventId} endpointId={delivery.endpoint_id} />
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </SeenValue>
    </section>
  );
}

interface AttemptTableProps {
  readonly eventId: string;
  readonly attempts: readonly Attempt[];
}

function AttemptTable({ eventId, attempts }: AttemptTableProps) {
  return (
    <Table
      label="Attempts"
      rows={attempts}
      keyOf={({ id }) => id}
      empty={<p>No attempt yet.</p>}
      columns={[
        { head: "#", isNumber: true, cell: ({ attempt_number }) => attempt_number },
        { head: "started", cell: ({ started_at }) => <Clock at={started_at} /> },
        { head: "took", isNumber: true, cell: ({ duration_ms }) => durationText(duration_ms) },
        { head: "status", cell: ({ http_status }) => http_status ?? "none" },
        { head: "what was wrong", cell: ({ error }) => error },
        {
          head: "answer",
          cell: ({ id, endpoint_id }) => <Answer eventId={eventId} endpointId={endpoint_id} attemptId={id} />,
        },
      ]}
    />
  );
}

function PayloadPart({ eventId }: { readonly eventId: string }) {
  const isOpen = useSignal(false);
  if (!mayCall("portal_read_payload")) {
    return null;
  }
  return (
    <section>
      <h2>Payload</h2>
      <details
        onToggle={(event) => {
          isOpen.value = event.currentTarget.open;
        }}
      >
        <summary>show</summary>
        {isOpen.value ? <PayloadText eventId={eventId} /> : null}
      </details>
    </section>
  );
}

function PayloadText({ eventId }: { readonly eventId: string }) {
  const payload = useLive<Payload>(call("portal_read_payload", { event_id: eventId }));
  return (
    <SeenValue of={payload}>
      {({ payload: text, is_whole, payload_bytes }) => (
        <>
          {is_whole ? null : <p>This is the beginning of {payload_bytes.toLocaleString("en")} bytes.</p>}
          <JsonText text={text} />
        </>
      )}
    </SeenValue>
  );
}
