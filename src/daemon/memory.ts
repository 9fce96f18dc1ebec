import { GROWTH_MAX } from "../format/body.ts";
import { ATTRIBUTES_BYTES_MAX } from "../format/cloudEventsAttributes.ts";
import { ENCRYPTION_COPIES, ENCRYPTION_GROWTH_MAX } from "../format/encrypt.ts";
import { RESPONSE_BYTES_KEPT, RESPONSE_BYTES_READ } from "../http/answer.ts";
import { CONNECTIONS_IDLE_MAX } from "../http/pools.ts";
import { PAYLOAD_BYTES_MAX } from "./claim/claimed.ts";
import { FAN_OUT_MAX } from "./claim/newEvents.ts";
import { BUDGET_BYTES, COPIES_SENT } from "./deliver/budget.ts";
import { ENCRYPTIONS_MAX } from "./deliver/encryptions.ts";
import { ENDPOINTS_MAX } from "./deliver/endpoints.ts";
import { APART_CHARACTERS_MAX } from "./deliver/lane.ts";
import { apartMax } from "./deliver/lanes.ts";
import { FLUSH_MAX } from "./record/recorder.ts";

/** Deliveries in hand for each slot: what waits keeps the slots busy while the next claim is made. */
const IN_HAND_PER_SLOT = 6;
const IN_HAND_MIN = 1_000;

const MIB = 1_048_576;
/**
 * The program itself, and what V8 fills before it looks for garbage. A program at rest takes two thirds of it, which leaves
 * room for what is kept of 2,000 token servers (16 MiB at most) and a thousand TLS sessions.
 */
const AT_REST_BYTES = 160 * MIB;
/** If a text has one character beyond Latin-1, each of its characters takes two bytes. */
const CHARACTER_BYTES = 2;
/** In XML a small body may take ten times its payload, which stays beside it, and more once it is encrypted. */
const SMALL_COPIES = 1 + GROWTH_MAX * ENCRYPTION_GROWTH_MAX;
/** Of each that is being encrypted, the copies beyond those. */
const SMALL_ENCRYPTION_COPIES = GROWTH_MAX * (ENCRYPTION_COPIES - ENCRYPTION_GROWTH_MAX);
/**
 * An endpoint with its key, its lane and its counts of a minute, if its URL is not 2 kB long, its schedule does not have
 * fifty steps, and it has no long headers or credentials.
 */
const ENDPOINT_BYTES = 3_072;
/** What ended and is not exported, with its attributes and its place in an export. */
const SPAN_BYTES = 4_096;
/** OpenTelemetry itself. */
const TRACING_BYTES = 8 * MIB;
/** A TLS connection. */
const CONNECTION_BYTES = 65_536;

/**
 * Deliveries that a daemon holds at most: waiting, in flight, or not recorded yet. First requests that wait for an answer and
 * hold no slot come on top.
 */
export function deliveriesInHandMax(maxInFlight: number): number {
  return Math.max(IN_HAND_MIN, maxInFlight * IN_HAND_PER_SLOT);
}

/**
 * The most memory that a daemon takes, however much waits in Postgres and whatever receivers do. It is the sum of limits
 * that are hardly ever met together: each delivery in hand has the longest payload that waits in memory and the longest
 * answer that is kept, and the budget of large payloads is used up. What the HTTP listener takes for receivers that fetch is not
 * in it (src/listen/README.md). `spansMax`: null if nothing is traced.
 */
export function memoryBoundBytes(maxInFlight: number, spansMax: number | null = null): number {
  const inHand = deliveriesInHandMax(maxInFlight);
  const apart = apartMax(maxInFlight);
  const payloads =
    (inHand * (PAYLOAD_BYTES_MAX + ATTRIBUTES_BYTES_MAX) + apart * (APART_CHARACTERS_MAX + ATTRIBUTES_BYTES_MAX)) *
    CHARACTER_BYTES;
  const requests =
    (maxInFlight * PAYLOAD_BYTES_MAX + apart * APART_CHARACTERS_MAX) * SMALL_COPIES +
    (maxInFlight + apart) * RESPONSE_BYTES_READ;
  const encryptions = ENCRYPTIONS_MAX * PAYLOAD_BYTES_MAX * SMALL_ENCRYPTION_COPIES;
  const largePayloads = BUDGET_BYTES * COPIES_SENT;
  // An event is claimed with all its endpoints, whatever room is left. Those of a flush count a second time, as parameters.
  const answers = (inHand + apart + FAN_OUT_MAX + FLUSH_MAX) * RESPONSE_BYTES_KEPT * CHARACTER_BYTES;
  const endpoints = ENDPOINTS_MAX * ENDPOINT_BYTES;
  const connections = (maxInFlight + apart + CONNECTIONS_IDLE_MAX) * CONNECTION_BYTES;
  const traces = spansMax === null ? 0 : TRACING_BYTES + spansMax * SPAN_BYTES;
  return AT_REST_BYTES + traces + payloads + requests + encryptions + largePayloads + answers + endpoints + connections;
}
