import { type Delivery, NOT_BEGUN } from "../../domain/delivery.ts";
import { Line } from "./line.ts";
import { Waiting } from "./waiting.ts";

/** What a lane may take from the others; lanes.ts tells what each is. */
export type Standing = "good" | "new" | "doubtful";

/** A lane hangs if one of its requests has been in flight for longer. */
const HANGING_MS = 1_000;
/** A first request is unanswered if it has been in flight for longer: most receivers answer within a tenth of a second. */
const UNANSWERED_MS = 250;
/** What waits for an answer without a slot is kept in memory beside what the slots hold, so it must be small. */
export const APART_CHARACTERS_MAX = 4_096;
/** In place of its place among the active lanes: the lane has nothing in hand. */
export const IDLE = -1;

/** Nothing is ever added to it. */
const NONE_LOADING = new Set<Delivery>();

/** The deliveries of one endpoint that a daemon has in hand. */
export interface Lane {
  readonly endpointId: string;
  readonly waiting: Waiting;
  limit: number;
  /** Its deliveries whose requests have begun, the earliest first. */
  readonly begun: Line;
  /** Those whose payloads are being loaded; a set of the lane's once there are any. */
  loading: Set<Delivery>;
  hasAnswered: boolean;
  /** Average milliseconds of a request; null before the first. */
  averageMs: number | null;
  /** The standing as which its requests in flight are counted. */
  standing: Standing;
  /** The room that its batches and runs take up beyond that of one delivery each. */
  moreRoom: number;
  /** Its deliveries that follow others in their runs. */
  followers: number;
  /** Whether its only request, which is unanswered, holds no slot. */
  isApart: boolean;
  /** Whether it waits for its turn. */
  isInLine: boolean;
  /** Whether the last delivery set aside found too little memory. */
  isShort: boolean;
  /** Its place among the lanes with something in hand. */
  activePlace: number;
  /** Since when it has had something in hand, or nothing. */
  sinceMs: number;
}

export function newLane(endpointId: string, limit: number, nowMs: number): Lane {
  return {
    endpointId,
    waiting: new Waiting(),
    limit,
    begun: new Line(),
    loading: NONE_LOADING,
    hasAnswered: false,
    averageMs: null,
    standing: "new",
    moreRoom: 0,
    followers: 0,
    isApart: false,
    isInLine: false,
    isShort: false,
    activePlace: IDLE,
    sinceMs: nowMs,
  };
}

/** Its deliveries that were started. */
export function startedOf({ begun, loading }: Lane): Delivery[] {
  return [...begun.all(), ...loading];
}

/** How many of its deliveries were started. */
export function startedIn({ begun, loading }: Lane): number {
  return begun.length + loading.size;
}

/** How many slots it holds. */
export function slotsOf(lane: Lane): number {
  return lane.isApart ? 0 : startedIn(lane);
}

/** Whether all that it has started is one small request, which has been in flight for a while. */
export function waitsForAnswer({ begun, loading }: Lane, nowMs: number): boolean {
  const { first, length } = begun;
  return (
    first !== null && length === 1 && loading.size === 0 && nowMs - first.begunMs > UNANSWERED_MS && isSmall(first)
  );
}

function isSmall({ event, batch }: Delivery): boolean {
  return batch === null && event.payload !== null && event.payload.length <= APART_CHARACTERS_MAX;
}

/** Whether its earliest request has been in flight for too long. */
export function isHanging({ begun }: Lane, nowMs: number): boolean {
  return begun.first !== null && nowMs - begun.first.begunMs > HANGING_MS;
}

export function laneOf({ lane }: Delivery): Lane {
  if (lane === null) {
    throw new Error("the delivery is not in flight");
  }
  return lane as Lane;
}

/** The payload is yet to be loaded. */
export function load(lane: Lane, delivery: Delivery): void {
  if (lane.loading === NONE_LOADING) {
    lane.loading = new Set();
  }
  lane.loading.add(delivery);
}

/** The request of one that was started begins. `nowMs` is never before that of an earlier call. */
export function begin(lane: Lane, delivery: Delivery, nowMs: number): void {
  delivery.begunMs = nowMs;
  lane.begun.push(delivery);
}

/** It is over, or is set aside. */
export function takeStarted(lane: Lane, delivery: Delivery): void {
  if (delivery.begunMs !== NOT_BEGUN) {
    delivery.begunMs = NOT_BEGUN;
    lane.begun.remove(delivery);
  } else if (!lane.loading.delete(delivery)) {
    throw new Error("the delivery is not in flight");
  }
}
