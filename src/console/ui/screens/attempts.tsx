import { useLive } from "../live.ts";
import { type Call, call } from "../operation.ts";
import { Ends } from "../parts/ends.tsx";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink, EventId } from "../parts/id.tsx";
import { answerText } from "../parts/journey.tsx";
import { NoMatch } from "../parts/noMatch.tsx";
import { SearchForm } from "../parts/searchForm.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Clock, durationText } from "../parts/time.tsx";
import { route } from "../route.ts";
import type { FailedAttempt, Page } from "../rows.ts";
import { ATTEMPT_FIELDS, parseSearch, type Search } from "../search.ts";

/** What failed lately, wherever: from here to the event whose attempt it was. */
export function Attempts() {
  const { query } = route.value;
  const text = query.get("q") ?? "";
  const after = query.get("after") ?? null;
  const search = parseSearch(text, ATTEMPT_FIELDS);
  const asked = listed(search, after);
  const attempts = useLive<Page<FailedAttempt>>(asked);
  const rows = attempts.value.value?.data ?? [];
  return (
    <>
      <Heading title="Failed attempts" />
      <SearchForm
        label="Search failed attempts"
        placeholder="endpoint:crm status:503 kind:timeout since:1h"
        help="By endpoint, status, kind and time, by default the last 24 hours."
        search={search}
        fields={ATTEMPT_FIELDS}
        seen={{
          status: rows.flatMap(({ http_status }) => (http_status === null ? [] : String(http_status))),
          kind: rows.flatMap(({ failure_kind }) => failure_kind ?? []),
        }}
      />
      <SeenValue of={attempts}>
        {(page) => (
          <>
            <AttemptTable page={page} text={text} />
            <Ends asked={asked} page={page} isLater={after !== null} />
          </>
        )}
      </SeenValue>
      {asked === null ? null : <SqlText of={asked} />}
    </>
  );
}

function listed({ values, mistakes }: Search, after: string | null): Call | null {
  return mistakes.length > 0 ? null : call("list_failed_attempts", { ...values, after });
}

interface AttemptTableProps {
  readonly page: Page<FailedAttempt>;
  readonly text: string;
}

function AttemptTable({ page: { data, next }, text }: AttemptTableProps) {
  return (
    <Table
      label="Failed attempts, the newest first"
      rows={data}
      keyOf={({ id }) => id}
      empty={
        next !== null ? (
          <p>Nothing so far.</p>
        ) : text === "" ? (
          <p>No attempt has failed in the last 24 hours.</p>
        ) : (
          <NoMatch
            text={text}
            fields={ATTEMPT_FIELDS}
            asked={(other) => listed(parseSearch(other, ATTEMPT_FIELDS), null)}
          />
        )
      }
      columns={[
        { head: "started", cell: ({ started_at }) => <Clock at={started_at} /> },
        { head: "event", cell: ({ event_id }) => <EventId id={event_id} /> },
        { head: "type", cell: ({ event_type }) => event_type },
        { head: "endpoint", cell: (attempt) => <EndpointLink endpoint={attempt} /> },
        { head: "#", isNumber: true, cell: ({ attempt_number }) => attempt_number },
        { head: "took", isNumber: true, cell: ({ duration_ms }) => durationText(duration_ms) },
        { head: "answer", cell: (attempt) => answerText(attempt) },
        { head: "what was wrong", cell: ({ error }) => error },
      ]}
    />
  );
}
