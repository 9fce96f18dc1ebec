import { useSignal } from "@preact/signals";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import type { Answered, Attempt, Rows } from "../rows.ts";
import { answerText } from "./journey.tsx";
import { Listing } from "./listing.tsx";
import { SeenValue } from "./seen.tsx";
import { SqlText } from "./sql.tsx";
import { Table } from "./table.tsx";
import { Clock, durationText } from "./time.tsx";

interface AttemptsProps {
  readonly eventId: string;
  readonly endpointId: string;
  readonly attempts: readonly Attempt[];
}

/** The attempts of a delivery; what the receiver answered is read when somebody wants to see it. */
export function Attempts({ eventId, endpointId, attempts }: AttemptsProps) {
  const isOpen = useSignal(false);
  const list = call("list_event_attempts", { event_id: eventId, endpoint_id: endpointId });
  return (
    <details
      class="attempts"
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>
        {attempts.length} {attempts.length === 1 ? "attempt" : "attempts"}
      </summary>
      {isOpen.value ? (
        <>
          <AttemptTable attempts={attempts} />
          <SqlText of={list} />
          <Answers eventId={eventId} endpointId={endpointId} attempts={attempts} />
        </>
      ) : null}
    </details>
  );
}

function AttemptTable({ attempts }: { readonly attempts: readonly Attempt[] }) {
  return (
    <Table
      label="Attempts"
      rows={attempts}
      keyOf={({ id }) => id}
      empty={null}
      columns={[
        { head: "#", isNumber: true, cell: ({ attempt_number }) => attempt_number },
        { head: "started", cell: ({ started_at }) => <Clock at={started_at} /> },
        { head: "took", isNumber: true, cell: ({ duration_ms }) => durationText(duration_ms) },
        { head: "answer", cell: (attempt) => answerText(attempt) },
        { head: "what was wrong", cell: ({ error }) => error },
        {
          head: "the endpoint",
          cell: ({ endpoint_has_changed }) => (endpoint_has_changed === true ? "has changed since" : ""),
        },
      ]}
    />
  );
}

function Answers({ eventId, endpointId, attempts }: AttemptsProps) {
  const read = call("list_answers", { event_id: eventId, endpoint_id: endpointId });
  const answers = useLive<Rows<Answered>>(read);
  return (
    <>
      <h3>What the receiver answered</h3>
      <SeenValue of={answers}>
        {({ data }) => (
          <ol class="answers">
            {attempts.map((attempt) => (
              <li key={attempt.id}>
                <AnswerText attempt={attempt} answer={data.find(({ id }) => id === attempt.id)} />
              </li>
            ))}
          </ol>
        )}
      </SeenValue>
      <SqlText of={read} />
    </>
  );
}

function AnswerText({ attempt, answer }: { readonly attempt: Attempt; readonly answer: Answered | undefined }) {
  const headers = Object.entries(answer?.response_headers ?? {}).map(([name, value]) => `${name}: ${String(value)}`);
  const body = answer?.response_body ?? "";
  return (
    <>
      <p>
        attempt {attempt.attempt_number}: {answerText(attempt)}
      </p>
      {headers.length === 0 && body === "" ? (
        <p class="faint">Nothing of it is kept.</p>
      ) : (
        <Listing>{[...headers, "", body].join("\n")}</Listing>
      )}
    </>
  );
}
