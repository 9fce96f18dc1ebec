import type { Chosen } from "../chosen.ts";
import { findMatches, type Matches } from "../many.ts";
import { ask, type Call, call, send } from "../operation.ts";
import { href } from "../route.ts";
import type { ListedEndpoint, Page } from "../rows.ts";
import type { Search } from "../search.ts";
import type { Values } from "../sqlText.ts";
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
      {isReplay(search) ? (
        <ManyButton
          act={replayAct(search)}
          label="Replay all that match"
          find={(_, signal) => countReplayed(search, signal)}
        />
      ) : null}
    </p>
  );
}

const DAY_MS = 86_400_000;

/** A replay is of one endpoint, and knows types, times and how deliveries ended. */
function isReplay({ values, filter }: Search): boolean {
  const { endpoint, state = "pending", tenant, key, attempts_min } = values;
  const hasMore = (tenant ?? key ?? attempts_min) !== undefined || filter !== null;
  return endpoint !== undefined && !state.includes("pending") && !hasMore;
}

function replayValues({ values: { state, since, until, event_type } }: Search, endpoint_id: string): Values {
  const from = since ?? new Date(Date.now() - DAY_MS).toISOString();
  return { endpoint_id, since: from, until, event_type, states: state?.split(",") };
}

/** It goes at the pace of the endpoint, and can be cancelled: better than so many single acts. */
function replayAct(search: Search): ManyAct {
  const { endpoint = "" } = search.values;
  return {
    ...{ label: "Replay", operation: "replay", asksReason: false },
    sentence: (events) =>
      `A replay sends ${events} to ${endpoint} again, as far as its subscriptions match them now. What a person cancelled is left alone.`,
    callFor: (endpointId) => call("replay", replayValues(search, endpointId)),
    next: { label: "See how far it is", href: href(["replays"]) },
  };
}

async function countReplayed(search: Search, signal: AbortSignal): Promise<Matches> {
  const { endpoint = "" } = search.values;
  const { data } = await ask<Page<ListedEndpoint>>(call("list_endpoints", { search: endpoint, limit: 200 }), signal);
  const [found, other] = data.filter(({ id, name }) => name === endpoint || id === endpoint.toLowerCase());
  if (found === undefined || other !== undefined) {
    throw new Error(`There is ${found === undefined ? "no" : "more than one"} endpoint ${endpoint}: search by its id.`);
  }
  const counted = await send(call("replay", { ...replayValues(search, found.id), dry_run: true }));
  return { ids: [found.id], count: Number((counted as { readonly events: number }).events), areAll: true };
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
