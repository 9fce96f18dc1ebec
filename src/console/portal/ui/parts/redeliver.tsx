import { Act, submit } from "./act.tsx";

interface RedeliverProps {
  readonly eventId: string;
  readonly endpointId: string;
}

export function Redeliver({ eventId, endpointId }: RedeliverProps) {
  const run = async (): Promise<null> => {
    await submit("portal_redeliver", { event_id: eventId, endpoint_id: endpointId });
    return null;
  };
  return (
    <Act label="Send again" operation="portal_redeliver" run={run}>
      <p>
        This event is sent to this endpoint once more, now. Your server may get it twice: it has the same webhook-id.
      </p>
    </Act>
  );
}
