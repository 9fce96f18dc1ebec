import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { RefusalText } from "../../../ui/parts/refusal.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import { State } from "../../../ui/parts/state.tsx";
import { Time } from "../../../ui/parts/time.tsx";
import { href } from "../../../ui/route.ts";
import type { Rows } from "../../../ui/rows.ts";
import type { Delivery } from "../rows.ts";
import { mayCall } from "../session.ts";
import { submit } from "./act.tsx";
import { failureText } from "./standing.tsx";

/** Sends a test event to the endpoint alone, and shows what becomes of it. */
export function SendTest({ endpointId }: { readonly endpointId: string }) {
  const eventId = useSignal<string | null>(null);
  const error = useSignal<unknown>(null);
  if (!mayCall("portal_send_test_event")) {
    return null;
  }
  const send = async (): Promise<void> => {
    error.value = null;
    try {
      const sent = await submit<{ readonly event_id: string }>("portal_send_test_event", { endpoint_id: endpointId });
      eventId.value = sent.event_id;
    } catch (thrown) {
      error.value = thrown;
    }
  };
  return (
    <>
      <button type="button" onClick={() => void send()}>
        Send a test
      </button>
      {error.value === null ? null : <RefusalText error={error.value} />}
      {eventId.value === null ? null : <Sent key={eventId.value} eventId={eventId.value} />}
    </>
  );
}

function Sent({ eventId }: { readonly eventId: string }) {
  if (!mayCall("portal_list_event_deliveries")) {
    return (
      <p class="panel" role="status">
        It is on its way.
      </p>
    );
  }
  return <Watched eventId={eventId} />;
}

function Watched({ eventId }: { readonly eventId: string }) {
  const deliveries = useLive<Rows<Delivery>>(call("portal_list_event_deliveries", { event_id: eventId }));
  return (
    <div class="panel" role="status">
      <SeenValue of={deliveries}>{({ data: [delivery] }) => <Outcome delivery={delivery} />}</SeenValue>
      <a href={href(["events", eventId])}>the test event</a>
    </div>
  );
}

function Outcome({ delivery }: { readonly delivery: Delivery | undefined }) {
  if (delivery === undefined || (delivery.state === "pending" && delivery.attempts === 0)) {
    return <p>It is on its way.</p>;
  }
  if (delivery.state === "succeeded") {
    return (
      <p>
        <State word="succeeded" />: it arrived
        {delivery.last_http_status === null ? "" : `, and your server answered ${delivery.last_http_status}`}.
      </p>
    );
  }
  return (
    <p>
      <State word={delivery.state === "pending" ? "failing" : delivery.state} />: {failureText(delivery)}
      {delivery.next_attempt_at === null ? null : (
        <>
          ; we try again <Time at={delivery.next_attempt_at} />
        </>
      )}
      .
    </p>
  );
}
