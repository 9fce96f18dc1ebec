import { useLive } from "../live.ts";
import { type Call, call } from "../operation.ts";
import { Heading } from "../parts/heading.tsx";
import { EndpointLink, EventId } from "../parts/id.tsx";
import { answerText } from "../parts/journey.tsx";
import { NoMatch } from "../parts/noMatch.tsx";
import { SearchForm } from "../parts/searchForm.tsx";
import { SeenValue } from "../parts/seen.tsx";
import { SqlText } from "../parts/sql.tsx";
import { Table } from "../parts/table.tsx";
import { Clock, durationText } from "../parts/time.tsx";
import { href, route } from "../route.ts";
import type { FailedAttempt, Rows } from "../rows.ts";
import { ATTEMPT_FIELDS, parseSearch, type Search, withWord } from "../search.ts";

/** What failed lately, wherever: from here to the event whose attempt it was. */
export function Attempts() {
  const text = route.value.query.get("q") ?? "";
  const search = parseSearch(text, ATTEMPT_FIELDS);
  const asked = listed(search);
  const attempts = useLive<Rows<FailedAttempt>>(asked);
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
        {({ data }) => (
          <>
            <AttemptTable attempts={data} text={text} />
            <Older attempts={data} search={search} />
          </>
        )}
      </SeenValue>
      {asked === null ? null : <SqlText of={asked} />}
    </>
  );
}

const SHOWN = 50;

function listed({ values, mistakes }: Search): Call | null {
  return mistakes.length > 0 ? null : call("list_failed_attempts", { ...values, limit: SHOWN });
}

function AttemptTable({ attempts, text }: { readonly attempts: readonly FailedAttempt[]; readonly text: string }) {
  return (
    <Table
      label="Failed attempts, the newest first"
      rows={attempts}
      keyOf={({ id }) => id}
      empty={
        text === "" ? (
          <p>No attempt has failed in the last 24 hours.</p>
        ) : (
          <NoMatch text={text} fields={ATTEMPT_FIELDS} asked={(other) => listed(parseSearch(other, ATTEMPT_FIELDS))} />
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

function Older({ attempts, search }: { readonly attempts: readonly FailedAttempt[]; readonly search: Search }) {
  const last = attempts.at(-1);
  return (
    <p class="ends">
      {attempts.length < SHOWN || last === undefined ? null : (
        <a href={href(route.value.path, { q: withWord(search, "until", last.started_at) })} data-key="]">
          older
        </a>
      )}
    </p>
  );
}
