import { asContent, inBody, inPath, neededInBody, type Route, reasonInBody } from "../route.ts";

const EVENT = inPath("The event's id.");
const ENDPOINT = inPath("The endpoint's id.");
const DELIVERY = "/events/{event_id}/deliveries/{endpoint_id}";

/** What is done about events and their deliveries. */
export const STEERING: readonly Route[] = [
  {
    ...{ method: "POST", path: "/events", name: "publish_events", scope: "publish" },
    summary: "Inserts events, up to 1,000 in one transaction. Payloads are kept as they are written.",
    takes: {
      events: asContent(
        "An event, or a list of them: objects with `event_type`, `payload` and, if there are any, `tenant`, `ordering_key`, `deliver_at`, `idempotency_key` and `attributes`. With a known idempotency key the answer has the id of the first event with it.",
      ),
    },
    gives: { id: "uuid" },
    answer: { kind: "rows" },
    example: { event_type: "order.paid", payload: { order_id: 42, amount: 99.5 }, idempotency_key: "order 42 paid" },
  },
  {
    ...{ method: "POST", path: `${DELIVERY}/redeliver`, name: "redeliver", scope: "operate" },
    summary: "Makes one more attempt of a delivery now, whatever its state.",
    takes: { event_id: EVENT, endpoint_id: ENDPOINT },
    gives: { deliveries: "integer" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: "/events/{event_id}/redeliver", name: "redeliver_event", scope: "operate" },
    summary:
      "Makes one more attempt of each delivery of an event now, but for those in flight and those that were cancelled.",
    takes: { event_id: EVENT },
    gives: { deliveries: "integer" },
    answer: { kind: "row" },
  },
  {
    ...{
      method: "POST",
      path: "/events/{event_id}/deliveries/redeliver",
      name: "redeliver_deliveries",
      scope: "operate",
    },
    summary:
      "Makes one more attempt of those deliveries of an event that a search for events has found, but for those in flight, those that were cancelled, and those to disabled endpoints.",
    takes: {
      event_id: EVENT,
      state: inBody("text[]", "Only those in one of these states."),
      endpoint: inBody("text", "Only the one to this endpoint: its name, or its id."),
      attempts_min: inBody("integer", "Only those that took at least so many attempts."),
    },
    gives: { deliveries: "integer" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: "/events/{event_id}/deliveries/cancel", name: "cancel_deliveries", scope: "operate" },
    summary: "Stops further attempts of every delivery of an event, or of the one to an endpoint.",
    takes: {
      event_id: EVENT,
      endpoint: inBody("text", "Only the one to this endpoint: its name, or its id."),
      reason: reasonInBody,
    },
    gives: { outcome: "text?" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "POST", path: `${DELIVERY}/cancel`, name: "cancel", scope: "operate" },
    summary: "Stops further attempts of a delivery.",
    takes: { event_id: EVENT, endpoint_id: ENDPOINT, reason: reasonInBody },
    gives: { outcome: "text" },
    answer: { kind: "row" },
    example: { reason: "sent by hand" },
  },
  {
    ...{ method: "POST", path: `${DELIVERY}/skip`, name: "skip", scope: "operate" },
    summary: "Passes over an exhausted delivery that halts its ordering key.",
    takes: { event_id: EVENT, endpoint_id: ENDPOINT, reason: reasonInBody },
    gives: { ordering_key: "text" },
    answer: { kind: "row" },
    shownOnce: ["ordering_key"],
  },
  {
    ...{ method: "POST", path: "/events/{event_id}/reschedule", name: "reschedule", scope: "operate" },
    summary: "Moves an event that is not sent yet.",
    takes: { event_id: EVENT, at: neededInBody("timestamp with time zone", "Not before this time.") },
    gives: { deliver_at: "timestamp with time zone" },
    answer: { kind: "row" },
    example: { at: "2030-01-01T09:00:00Z" },
  },
  {
    ...{ method: "POST", path: "/events/{event_id}/erase", name: "erase_event", scope: "admin" },
    summary: "Overwrites what an event said, wherever it is kept. It cannot be undone.",
    takes: { event_id: EVENT, reason: reasonInBody },
    gives: { discarded: "bigint", in_flight: "bigint" },
    answer: { kind: "row" },
  },
  {
    ...{ method: "PUT", path: "/sending", name: "switch_sending", scope: "admin" },
    summary: "Switches sending on or off, for all daemons.",
    takes: {
      is_on: neededInBody("boolean", "Whether events are sent."),
      reason: inBody("text", "Why it is off."),
    },
    gives: {},
    answer: { kind: "nothing" },
    example: { is_on: false, reason: "the new release is being rolled out" },
  },
];
