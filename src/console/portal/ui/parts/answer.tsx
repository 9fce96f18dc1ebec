import { useSignal } from "@preact/signals";
import { useLive } from "../../../ui/live.ts";
import { call } from "../../../ui/operation.ts";
import { Listing } from "../../../ui/parts/listing.tsx";
import { SeenValue } from "../../../ui/parts/seen.tsx";
import type { Answered, Rows } from "../../../ui/rows.ts";
import { mayCall } from "../session.ts";

interface AnswerProps {
  readonly eventId: string;
  readonly endpointId: string;
  readonly attemptId: string;
}

/** What the server answered to an attempt, read when somebody wants to see it. */
export function Answer(attempt: AnswerProps) {
  const isOpen = useSignal(false);
  if (!mayCall("portal_list_answers")) {
    return null;
  }
  return (
    <details
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>answer</summary>
      {isOpen.value ? <AnswerText {...attempt} /> : null}
    </details>
  );
}

function AnswerText({ eventId, endpointId, attemptId }: AnswerProps) {
  const answers = useLive<Rows<Answered>>(call("portal_list_answers", { event_id: eventId, endpoint_id: endpointId }));
  return (
    <SeenValue of={answers}>
      {({ data }) => {
        const answer = data.find(({ id }) => id === attemptId);
        const headers = Object.entries(answer?.response_headers ?? {}).map(([name, value]) => `${name}: ${value}`);
        const body = answer?.response_body ?? "";
        return headers.length === 0 && body === "" ? (
          <p class="faint">Nothing of it is kept.</p>
        ) : (
          <Listing>{[...headers, "", body].join("\n")}</Listing>
        );
      }}
    </SeenValue>
  );
}
