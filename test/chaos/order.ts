import { isAccepted, type ReceivedRequest } from "./receiver.ts";

export interface KeyedEvent {
  readonly id: string;
  readonly key: string | null;
  /** Among the events of the key, in the order of their commits. */
  readonly place: number;
}

/**
 * Names each event that an ordered endpoint got for the first time before every earlier event of its key was accepted, or
 * an operator had passed over it. What arrives again may come at any time: a daemon that was killed, and a redelivery by
 * hand, repeat old events.
 */
export function judgeOrder(
  events: readonly KeyedEvent[],
  requests: ReadonlyMap<string, readonly ReceivedRequest[]>,
  passedOverAtMs: (eventId: string) => number | undefined = () => undefined,
): readonly string[] {
  const overtakings: string[] = [];
  for (const [key, ofKey] of Map.groupBy(events, (event) => event.key)) {
    let earlier: { readonly place: number; readonly acceptedAtMs: number } | null = null;
    for (const { id, place } of ofKey.toSorted((a, b) => a.place - b.place)) {
      const seen = requests.get(id) ?? [];
      const arrivedAtMs = Math.min(...seen.map(({ atMs }) => atMs));
      if (earlier !== null && arrivedAtMs < earlier.acceptedAtMs) {
        const byMs = Math.round(earlier.acceptedAtMs - arrivedAtMs);
        overtakings.push(`${key} ${id}, number ${place}, ${byMs} ms before number ${earlier.place} was accepted`);
      }
      const acceptedAtMs = Math.min(
        ...seen.filter(isAccepted).map(({ answeredAtMs }) => answeredAtMs ?? 0),
        passedOverAtMs(id) ?? Number.POSITIVE_INFINITY,
      );
      if (earlier === null || acceptedAtMs > earlier.acceptedAtMs) {
        earlier = { place, acceptedAtMs };
      }
    }
  }
  return overtakings;
}
