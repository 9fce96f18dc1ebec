import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { Table } from "../../../ui/parts/table.tsx";
import { Time } from "../../../ui/parts/time.tsx";
import type { Rows, Subscription } from "../../../ui/rows.ts";
import { Act, Field, submit } from "./act.tsx";

/** Which events an endpoint gets. */
export function Subscriptions({ endpointId }: { readonly endpointId: string }) {
  const subscriptions = useLive<Rows<Subscription>>(call("portal_list_subscriptions", { endpoint_id: endpointId }));
  return (
    <section>
      <h2>Events that it gets</h2>
      <SeenValue of={subscriptions}>
        {({ data }) => (
          <Table
            label="Subscriptions"
            rows={data}
            keyOf={({ id }) => id}
            empty={<p>None: subscribe it to some.</p>}
            columns={[
              { head: "type", cell: ({ event_type }) => <code>{event_type}</code> },
              { head: "filter", cell: ({ filter }) => (filter === null ? "" : <code>{filter}</code>) },
              { head: "since", cell: ({ created_at }) => <Time at={created_at} /> },
              { head: "end it", cell: (subscription) => <Unsubscribe of={subscription} /> },
            ]}
          />
        )}
      </SeenValue>
      <div class="buttons">
        <Subscribe endpointId={endpointId} />
      </div>
    </section>
  );
}

function Unsubscribe({ of: { id, event_type } }: { readonly of: Subscription }) {
  const run = async (): Promise<null> => {
    await submit("portal_unsubscribe", { subscription_id: id });
    return null;
  };
  return (
    <Act label="Unsubscribe" operation="portal_unsubscribe" run={run}>
      <p>
        It gets no more events of <code>{event_type}</code>. What is on its way still arrives.
      </p>
    </Act>
  );
}

function Subscribe({ endpointId }: { readonly endpointId: string }) {
  const type = useSignal("");
  const filter = useSignal("");
  const run = async (): Promise<null> => {
    const chosen = filter.value.trim();
    await submit(
      "portal_subscribe",
      { endpoint_id: endpointId },
      { event_type: type.value.trim(), ...(chosen === "" ? {} : { filter: chosen }) },
    );
    type.value = "";
    filter.value = "";
    return null;
  };
  return (
    <Act label="Subscribe" operation="portal_subscribe" run={run}>
      <Field
        label="Type, the beginning of types, or all: order.paid, order.*, *"
        isNeeded
        value={type.value}
        onValue={(value) => {
          type.value = value;
        }}
      />
      <Field
        label="Filter over the payload (optional)"
        value={filter.value}
        placeholder="$.amount > 100"
        onValue={(value) => {
          filter.value = value;
        }}
      />
    </Act>
  );
}
