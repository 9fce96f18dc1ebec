/** Compares what was committed on one side with what happened on the other. */
import { rowsOf, type Session } from "../../support/engine.ts";
import { KEYED_TYPE } from "../endpoints.ts";
import { RECEIVERS } from "./receivers.ts";

export interface Findings {
  /** Committed, and of the tenant whose events are sent. */
  readonly events: number;
  readonly keyed: number;
  readonly dropped: number;
  readonly violations: readonly string[];
}

interface Sent {
  readonly id: string;
  readonly key: string | null;
  readonly type: string;
  readonly amount: number;
  /** Microseconds. */
  readonly at: string;
}

interface Effect {
  readonly receiver: string;
  readonly event_id: string;
}

const SHOWN_MAX = 5;

export async function judge(sender: Session, inbox: Session): Promise<Findings> {
  const sent = await rowsOf<Sent>(
    sender,
    `select id::text, ordering_key as key, event_type as type, (payload->>'amount')::integer as amount,
       (extract(epoch from created_at) * 1000000)::bigint::text as at
     from postrider.outbox where tenant = '' and event_type not like 'postrider.%'`,
  );
  const effects = await rowsOf<Effect>(inbox, "select receiver, event_id from effect order by id");
  const remembered = await rowsOf<Effect & { readonly outcome: string }>(
    inbox,
    "select receiver, event_id, outcome from postrider_inbox",
  );
  const balances = await rowsOf<{ receiver: string; amount: number }>(
    inbox,
    "select receiver, sum(amount)::float as amount from balance group by receiver",
  );
  const state = await rowsOf<{ key: string; event_id: string }>(inbox, "select key, event_id from state");
  const keyed = sent.filter(({ type }) => type === KEYED_TYPE);
  const dropped = remembered.filter(({ outcome }) => outcome === "dropped").map(({ event_id }) => event_id);
  const total = sent.reduce((sum, { amount }) => sum + amount, 0);
  const violations = RECEIVERS.flatMap((receiver) => {
    const of = (rows: readonly Effect[]) => rows.filter((row) => row.receiver === receiver).map((row) => row.event_id);
    const expected = (receiver === "latest" ? keyed : sent).map(({ id }) => id);
    const happened = receiver === "latest" ? [...of(effects), ...dropped] : of(effects);
    return [
      ...differences(`${receiver}: effects`, expected, happened),
      ...differences(`${receiver}: ids in the inbox`, expected, of(remembered)),
    ];
  });
  for (const { receiver, amount } of balances.filter(({ amount }) => amount !== total)) {
    violations.push(`${receiver}: the balance is ${amount}, and the events add up to ${total}`);
  }
  violations.push(...judgeKeys(keyed, effects, new Map(state.map(({ key, event_id }) => [key, event_id]))));
  return { events: sent.length, keyed: keyed.length, dropped: dropped.length, violations };
}

/** What was handled of each key is in the order of the events' times, and its last one is the key's last. */
function judgeKeys(keyed: readonly Sent[], effects: readonly Effect[], state: ReadonlyMap<string, string>): string[] {
  const byId = new Map(keyed.map((event) => [event.id, event]));
  const handled = effects.flatMap(({ receiver, event_id }) =>
    receiver === "latest" ? (byId.get(event_id) ?? []) : [],
  );
  return [...Map.groupBy(keyed, ({ key }) => key ?? "")].flatMap(([key, ofKey]) => {
    const times = handled.filter((event) => event.key === key).map(({ at }) => BigInt(at));
    const newest = ofKey.reduce((max, { at }) => (BigInt(at) > max ? BigInt(at) : max), 0n);
    const last = byId.get(state.get(key) ?? "");
    return [
      ...(times.every((at, place) => place === 0 || at >= (times[place - 1] ?? 0n))
        ? []
        : [`${key} went back in time`]),
      ...(last !== undefined && BigInt(last.at) === newest ? [] : [`${key} is not in the state of its last event`]),
    ];
  });
}

function differences(what: string, expected: readonly string[], found: readonly string[]): string[] {
  const once = new Set(found);
  const wanted = new Set(expected);
  const missing = expected.filter((id) => !once.has(id));
  const strange = [...once].filter((id) => !wanted.has(id));
  const repeated = [...Map.groupBy(found, (id) => id)].flatMap(([id, all]) => (all.length > 1 ? [id] : []));
  return [
    ...sentence(`${what} missing`, missing),
    ...sentence(`${what} of events that were never committed`, strange),
    ...sentence(`${what} more than once`, repeated),
  ];
}

function sentence(what: string, ids: readonly string[]): string[] {
  return ids.length === 0 ? [] : [`${what}: ${ids.length}, such as ${ids.slice(0, SHOWN_MAX).join(", ")}`];
}
