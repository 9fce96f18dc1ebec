/** The events that are written, the endpoints they go to, and which event belongs to which endpoint. */

export const EVENT_TYPES = ["order.paid", "order.shipped", "invoice.sent", "user.changed", "report.made"] as const;
export const TENANT = "acme";
/** Of events with a key. */
export const KEYED_TYPE = "account.changed";
export const KEYS = Array.from({ length: 12 }, (_, index) => `account ${index}`);

export interface EventFacts {
  readonly eventType: string;
  readonly tenant: string;
  readonly amount: number;
}

/** How a receiver behaves when nothing is the matter with it: shares of its requests, and milliseconds. */
export interface Manners {
  readonly delayMs: readonly [number, number];
  readonly failing: number;
  readonly failingStatus: number;
  readonly hanging: number;
  readonly resetting: number;
  /** The share of events that it answers with REFUSAL, each time, until it is told to take the event. */
  readonly refusing: number;
}

export type Limits = { readonly max_in_flight: number } | { readonly rate_limit: number; readonly rate_burst: number };

export interface EndpointPlan {
  readonly path: string;
  readonly tenant: string;
  readonly eventTypes: readonly string[];
  readonly filter?: { readonly eventType: string; readonly predicate: string };
  readonly manners: Manners;
  /** What all daemons together keep to. */
  readonly limits?: Limits;
  readonly isOrdered?: boolean;
  /** An event that the receiver refuses halts its key, until an operator has sent it again or passed over it. */
  readonly isHalting?: boolean;
  /** Its receiver fails until the faults are over, and no other fault hits it, so that its circuit opens and stays open. */
  readonly isDead?: boolean;
  /** Which events it is to get, said once more in another language. */
  readonly matches: (event: EventFacts) => boolean;
}

const FAST: Manners = { delayMs: [0, 0], failing: 0, failingStatus: 500, hanging: 0, resetting: 0, refusing: 0 };

/** Endpoints give up on it at once. */
export const REFUSAL = 422;

export const ENDPOINTS: readonly EndpointPlan[] = [
  {
    path: "/everything",
    tenant: "",
    eventTypes: ["*"],
    manners: FAST,
    matches: ({ tenant }) => tenant === "",
  },
  {
    path: "/slow-orders",
    tenant: "",
    // Twice the same event by two rules is one delivery.
    eventTypes: ["order.*", "order.paid"],
    manners: { ...FAST, delayMs: [40, 250] },
    matches: ({ tenant, eventType }) => tenant === "" && eventType.startsWith("order."),
  },
  {
    path: "/flaky-large-orders",
    tenant: "",
    eventTypes: [],
    filter: { eventType: "order.paid", predicate: "$.amount > 300" },
    manners: { ...FAST, failing: 0.25 },
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === "order.paid" && amount > 300,
  },
  {
    path: "/hanging",
    tenant: "",
    eventTypes: ["invoice.sent", "user.*"],
    manners: { ...FAST, delayMs: [0, 30], hanging: 0.01 },
    matches: ({ tenant, eventType }) => tenant === "" && (eventType === "invoice.sent" || eventType === "user.changed"),
  },
  {
    path: "/resetting-reports",
    tenant: "",
    eventTypes: ["report.made"],
    manners: { ...FAST, resetting: 0.05 },
    matches: ({ tenant, eventType }) => tenant === "" && eventType === "report.made",
  },
  {
    path: "/tenant",
    tenant: TENANT,
    eventTypes: ["*"],
    manners: { ...FAST, delayMs: [0, 10], failing: 0.05, failingStatus: 503 },
    matches: ({ tenant }) => tenant === TENANT,
  },
  {
    path: "/capped-orders",
    tenant: "",
    eventTypes: [],
    filter: { eventType: "order.shipped", predicate: "$.amount > 900" },
    manners: { ...FAST, delayMs: [0, 20], failing: 0.05 },
    limits: { max_in_flight: 3 },
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === "order.shipped" && amount > 900,
  },
  {
    path: "/paced-reports",
    tenant: "",
    eventTypes: [],
    filter: { eventType: "report.made", predicate: "$.amount > 900" },
    manners: { ...FAST, failing: 0.05 },
    limits: { rate_limit: 20, rate_burst: 5 },
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === "report.made" && amount > 900,
  },
  {
    path: "/ordered-accounts",
    tenant: "",
    eventTypes: [KEYED_TYPE, "user.changed"],
    isOrdered: true,
    manners: { ...FAST, delayMs: [0, 10], failing: 0.05, resetting: 0.01 },
    matches: ({ tenant, eventType }) => tenant === "" && (eventType === KEYED_TYPE || eventType === "user.changed"),
  },
  {
    // Daemons take a single event of a key at a time here, and not a run of them.
    path: "/capped-ordered-accounts",
    tenant: "",
    eventTypes: [],
    filter: { eventType: KEYED_TYPE, predicate: "$.amount > 700" },
    isOrdered: true,
    limits: { max_in_flight: 4 },
    manners: { ...FAST, failing: 0.05 },
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === KEYED_TYPE && amount > 700,
  },
  {
    path: "/halting-accounts",
    tenant: "",
    eventTypes: [],
    filter: { eventType: KEYED_TYPE, predicate: "$.amount > 300" },
    isOrdered: true,
    isHalting: true,
    manners: { ...FAST, failing: 0.05, refusing: 0.06 },
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === KEYED_TYPE && amount > 300,
  },
  {
    path: "/dead",
    tenant: "",
    eventTypes: [],
    filter: { eventType: "order.paid", predicate: "$.amount > 930" },
    isDead: true,
    manners: FAST,
    matches: ({ tenant, eventType, amount }) => tenant === "" && eventType === "order.paid" && amount > 930,
  },
];

/** The timeout of every endpoint. A killed daemon's lease on a retry lasts as long, and 15 s. */
export const TIMEOUT_MS = 2_000;

/** Outlasts every disturbance of a receiver, so that nothing may end as exhausted. */
export const RETRY_SCHEDULE = ["100 ms", "200 ms", "400 ms", "800 ms", ...Array<string>(46).fill("1500 ms")];
