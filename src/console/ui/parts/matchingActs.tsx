import type { Chosen } from "../chosen.ts";
import { findMatches } from "../many.ts";
import { type Call, call } from "../operation.ts";
import type { Search } from "../search.ts";
import { type ManyAct, ManyButton } from "./many.tsx";

interface MatchingActsProps {
  readonly search: Search;
  /** The search, from its newest event on. */
  readonly asked: Call;
  readonly chosen: Chosen;
}

/** What can be done about the chosen events, and about all that a search finds, beyond its first page. */
export function MatchingActs({ search, asked, chosen }: MatchingActsProps) {
  const acts = [redeliverAct(search), cancelAct(search)];
  const count = chosen.ids.size;
  return (
    <p class="buttons acts">
      {count === 0 ? null : (
        <>
          <span role="status">{count} chosen:</span>
          {acts.map((act) => (
            <ManyButton
              key={act.operation}
              act={act}
              label={act.label}
              shortcut={act.shortcut}
              find={async () => ({ ids: [...chosen.ids], areAll: true })}
            />
          ))}
          <button type="button" class="quiet" data-key="Escape" onClick={() => chosen.clear()}>
            choose none
          </button>
        </>
      )}
      {acts.map((act) => (
        <ManyButton
          key={act.operation}
          act={act}
          label={`${act.label} all that match`}
          find={(onFound, signal) => findMatches(asked, onFound, signal)}
        />
      ))}
    </p>
  );
}

interface Shortcut {
  readonly shortcut: string;
}

/** What was searched for by its deliveries is sent again only there: what has succeeded elsewhere is left alone. */
function redeliverAct({ values: { state, endpoint, attempts_min } }: Search): ManyAct & Shortcut {
  const isNarrow = (state ?? endpoint ?? attempts_min) !== undefined;
  const narrow = { state: state?.split(","), endpoint, attempts_min };
  return {
    ...{ label: "Redeliver", shortcut: "r", asksReason: false },
    operation: isNarrow ? "redeliver_deliveries" : "redeliver_event",
    sentence: (events) =>
      isNarrow
        ? `One further attempt, at once, of those deliveries of ${events} that the search names.`
        : `One further attempt, at once, of every delivery of ${events}, also of those that succeeded.`,
    callFor: (event_id) =>
      isNarrow ? call("redeliver_deliveries", { event_id, ...narrow }) : call("redeliver_event", { event_id }),
  };
}

function cancelAct({ values: { endpoint } }: Search): ManyAct & Shortcut {
  const where = endpoint === undefined ? "" : ` at ${endpoint}`;
  return {
    ...{ label: "Cancel", shortcut: "c", asksReason: true, operation: "cancel_deliveries" },
    sentence: (events) => `No further attempt of ${events}${where}. What is in progress is not undone.`,
    callFor: (event_id, reason) => call("cancel_deliveries", { event_id, endpoint, reason }),
  };
}
