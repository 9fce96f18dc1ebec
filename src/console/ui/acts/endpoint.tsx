import { CHOICES } from "../choices.ts";
import { type Ask, REASON, settingOf, timeText } from "../fields.ts";
import { type Act, type Answer, ShownOnce } from "../parts/act.tsx";
import { ChangesSince } from "../parts/changesSince.tsx";
import { ReplayProgress } from "../parts/replayProgress.tsx";
import { TestOutcome } from "../parts/testOutcome.tsx";
import { durationText } from "../parts/time.tsx";
import { TryFilter } from "../parts/tryFilter.tsx";
import { go, href } from "../route.ts";
import type { Endpoint, Health, Subscription } from "../rows.ts";
import { zone } from "../shown.ts";
import { OPERATIONS } from "../table.ts";

/** As lists have it, too. */
type Named = Pick<Endpoint, "name" | "url" | "id">;

export function nameOf({ name, url, id }: Named): string {
  return name ?? url ?? id;
}

const DAY_MS = 86_400_000;

export const CREATE: Act = {
  label: "Create an endpoint",
  sentence:
    "It gets the events of its types that are inserted from now on. Its other settings can be changed afterwards.",
  operation: "create_endpoint",
  asks: [
    { name: "name", sentence: "What people call it." },
    choice("kind", { initial: "push", sentence: "push: events are sent to its URL. pull: the receiver fetches them." }),
    { name: "url", label: "URL", sentence: "Where its events are sent; none for pull." },
    { name: "event_types", isEventType: true },
    { name: "tenant" },
    { name: "description", sentence: "What it is for." },
  ],
  values: ({ url, event_types, tenant, name, kind, description }) => ({
    ...{ url, event_types, tenant },
    options: JSON.stringify({ name, description, ...(kind === "pull" && { kind }) }),
  }),
  result: ({ endpoint_id, secret }) => (
    <>
      {typeof secret === "string" ? (
        <ShownOnce text={secret} sentence="This secret verifies its requests: give it to the receiver." />
      ) : null}
      <p>
        <a href={href(["endpoints", String(endpoint_id)])}>Go to the endpoint</a>, and send it a test.
      </p>
    </>
  ),
};

function choice(name: string, ask: Omit<Ask, "name" | "choices"> = {}): Ask {
  const choices = CHOICES[name];
  return choices === undefined ? { name, ...ask } : { name, choices, isRequired: true, ...ask };
}

export function pauseAct(endpoint: Named): Act {
  return {
    ...on(endpoint, "pause_endpoint", "Pause"),
    sentence: `Events go on being routed to ${nameOf(endpoint)}, and wait until it is resumed. Nothing is lost.`,
    asks: [REASON],
  };
}

export function resumeAct(endpoint: Named): Act {
  return { ...on(endpoint, "resume_endpoint", "Resume"), sentence: `What waits for ${nameOf(endpoint)} is sent.` };
}

export function disableAct(endpoint: Endpoint, health: Health | null): Act {
  const waiting = health === null ? "what waits for it is" : `${countText(health)} that wait for it are`;
  return {
    ...on(endpoint, "disable_endpoint", "Disable"),
    sentence: `${nameOf(endpoint)} gets no new deliveries, and ${waiting} discarded. They can be replayed later.`,
    asks: [REASON],
  };
}

function countText({ pending, is_exact }: Health): string {
  return `${pending}${is_exact ? "" : " or more"}`;
}

export function enableAct(endpoint: Endpoint): Act {
  return {
    ...on(endpoint, "enable_endpoint", "Enable"),
    sentence: `${nameOf(endpoint)} gets new events again, from now on.`,
  };
}

export function deleteAct(endpoint: Endpoint): Act {
  return {
    ...on(endpoint, "delete_endpoint", "Delete"),
    sentence: `${nameOf(endpoint)} is removed with its subscriptions and secrets. There is no way back; to stop for a while, disable it.`,
    asks: [REASON],
    agreement: nameOf(endpoint),
    trial: { isAtOnce: true, says: endsText },
    done: () => go(["endpoints"]),
  };
}

function endsText({ pending, is_exact, in_flight, subscriptions, replays }: Answer): string {
  return `This ends ${pending}${is_exact === true ? "" : " or more"} deliveries that wait, ${subscriptions} subscriptions and ${replays} replays. ${in_flight} requests in flight finish.`;
}

export function testAct(endpoint: Endpoint): Act {
  return {
    ...on(endpoint, "send_test_event", "Send a test"),
    sentence: `An event goes to ${nameOf(endpoint)} alone, whatever it is subscribed to.`,
    asks: [
      { name: "event_type", isEventType: true, initial: "postrider.test" },
      { name: "payload", initial: '{"test": true}' },
    ],
    result: ({ event_id }) => <TestOutcome eventId={String(event_id)} />,
  };
}

export function rotateAct(endpoint: Endpoint): Act {
  return {
    ...on(endpoint, "rotate_secret", "Rotate the secret"),
    sentence: `${nameOf(endpoint)} gets a new secret. The present ones sign beside it until the overlap ends.`,
    asks: [{ name: "overlap", initial: "24 hours" }],
    result: ({ secret }) =>
      typeof secret === "string" ? (
        <ShownOnce text={secret} sentence="The receiver needs this secret before the overlap ends." />
      ) : (
        <p>A daemon makes the new key within moments. Its public half will be in the list.</p>
      ),
  };
}

export function subscribeAct(endpoint: Endpoint): Act {
  return {
    ...on(endpoint, "subscribe", "Subscribe"),
    sentence: `${nameOf(endpoint)} gets these events as well, from now on.`,
    asks: [{ name: "event_type", isEventType: true }, { name: "filter" }],
    beside: ({ event_type, filter }) => (
      <TryFilter type={String(event_type ?? "*")} filter={String(filter ?? "")} tenant={endpoint.tenant} />
    ),
  };
}

export function unsubscribeAct({ id, event_type, filter }: Subscription): Act {
  const what = filter === null ? event_type : `${event_type} with ${filter}`;
  return {
    label: `Unsubscribe from ${what}`,
    sentence: "It gets no new deliveries by this subscription. Those that exist continue.",
    operation: "unsubscribe",
    asks: [REASON],
    values: ({ reason }) => ({ subscription_id: id, reason }),
  };
}

export function replayAct(endpoint: Endpoint, health: Health): Act {
  return {
    ...on(endpoint, "replay", "Replay a range"),
    sentence: `Events of the past are sent to ${nameOf(endpoint)} again, if its subscriptions match them now.`,
    asks: [
      { name: "since", initial: timeText(Date.now() - DAY_MS, zone.value) },
      { name: "until" },
      { name: "event_type", isEventType: true },
      choice("states", { initial: "exhausted,discarded,unmatched", isRequired: false }),
    ],
    trial: { isAtOnce: false, says: ({ events }) => replayText(Number(events), endpoint, health) },
    result: ({ replay_id }) => <ReplayProgress id={String(replay_id)} />,
  };
}

/** How long that takes is known by the limit of its rate, or guessed by how fast it answers. */
function replayText(events: number, { rate_limit }: Endpoint, { p50_ms }: Health): string {
  const count = `${events} ${events === 1 ? "event" : "events"} would be sent.`;
  if (typeof rate_limit === "number") {
    return `${count} At ${rate_limit} a second that takes ${durationText((events / rate_limit) * 1_000)}.`;
  }
  return p50_ms === null
    ? count
    : `${count} One after another, at ${p50_ms} ms each, that takes about ${durationText(events * p50_ms)}.`;
}

/** Changes one setting, unless somebody has changed the endpoint since it was shown. */
export function settingAct(endpoint: Endpoint, name: string): Act {
  const type = OPERATIONS.change_endpoint?.asks?.[name] ?? "text";
  const isShown = name in endpoint;
  return {
    label: `Edit ${name}`,
    sentence: isShown
      ? "An empty field is none."
      : "It is never shown, so the field begins empty: write the whole of it.",
    operation: "change_endpoint",
    asks: [
      choice(name, {
        label: name,
        initial: isShown ? settingText(endpoint[name]) : "",
        isRequired: !type.endsWith("?") && type !== "boolean" && !type.includes("[]"),
        ...(name === "url" && {
          sentence: "Its query, which may hold a secret, is not shown: write it again if it has one.",
        }),
      }),
    ],
    values: (_, texts) => ({
      endpoint_id: endpoint.id,
      settings: `{${JSON.stringify(name)}: ${settingOf(type, texts[name] ?? "")}}`,
      revision: endpoint.revision,
    }),
    changedBy: () => <ChangesSince endpointId={endpoint.id} since={endpoint.updated_at} />,
  };
}

/** As a field has it. */
export function settingText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
}

function on({ id }: Named, operation: string, label: string): Pick<Act, "operation" | "label" | "values"> {
  return { operation, label, values: (given) => ({ endpoint_id: id, ...given }) };
}
