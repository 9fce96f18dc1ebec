import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../../../src/ground/errors.ts";
import type { OwnServer } from "../../support/ownServer.ts";
import type { DaemonSlot } from "../daemonSlot.ts";
import { PASS } from "../proxy.ts";
import type { Random } from "../random.ts";
import type { HostileNetwork } from "./hostileNetwork.ts";
import type { ReceiverSlot } from "./receiverSlot.ts";

export interface World {
  /** Where the events are written and sent from, and where their effects are. */
  readonly sender: OwnServer;
  readonly inbox: OwnServer;
  readonly daemons: readonly DaemonSlot[];
  readonly receivers: readonly ReceiverSlot[];
  readonly network: HostileNetwork;
}

/** Every fault, and how long it lasts, from and to. */
const SPANS_MS = {
  "daemon.kill": [0, 2_000],
  "receiver.kill": [0, 1_500],
  /** It holds its locks, and its requests are answered by the other one, or later. */
  "receiver.freeze": [500, 3_000],
  /** Connections of a receiver to its Postgres end at once, or in the middle of an answer: that of a commit, too. */
  "link.sever": [0, 0],
  "link.cut_answer": [300, 1_500],
  "sender.crash": [0, 1_000],
  "sender.restart": [0, 1_000],
  "inbox.crash": [0, 1_000],
  "inbox.restart": [0, 1_000],
  /** An operator sends again what had arrived. */
  redeliver: [0, 0],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

export type FaultKind = keyof typeof SPANS_MS;
const KINDS = Object.keys(SPANS_MS) as readonly FaultKind[];

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly spanMs: number;
  /** In [0, 1): which one. */
  readonly draw: number;
}

export interface ExecutedFault extends PlannedFault {
  /** Why it failed; it may have happened in part. */
  readonly problem: string | null;
}

const FIRST_AT_MS = 1_000;
const GAP_MS: readonly [number, number] = [600, 1_700];
const CUT_AFTER_BYTES_MAX = 2_000;
const REDELIVERED = 20;
const START_ATTEMPTS_MAX = 3;

/** All kinds in any order, and then again, until the time is over. */
export function makeFaults(random: Random, durationMs: number): PlannedFault[] {
  const planned: PlannedFault[] = [];
  let deck: FaultKind[] = [];
  for (let atMs = FIRST_AT_MS; atMs < durationMs; atMs += random.between(...GAP_MS)) {
    deck = deck.length === 0 ? [...KINDS] : deck;
    const [kind] = deck.splice(random.integer(0, deck.length - 1), 1);
    if (kind !== undefined) {
      const [min, max] = SPANS_MS[kind];
      planned.push({ kind, atMs, spanMs: random.between(min, max), draw: random.next() });
    }
  }
  return planned;
}

/** Never rejects. */
export async function inflict(world: World, fault: PlannedFault): Promise<ExecutedFault> {
  try {
    await INFLICT[fault.kind](world, fault);
    return { ...fault, problem: null };
  } catch (thrown) {
    return { ...fault, problem: messageOf(thrown) };
  }
}

const INFLICT: Readonly<Record<FaultKind, (world: World, fault: PlannedFault) => Promise<void>>> = {
  async "daemon.kill"({ daemons }, { draw, spanMs }) {
    const daemon = pick(daemons, draw);
    await daemon.kill();
    await pause(spanMs);
    daemon.start();
  },
  async "receiver.kill"({ receivers }, { draw, spanMs }) {
    const receiver = pick(receivers, draw);
    await receiver.kill();
    await pause(spanMs);
    await receiver.start();
  },
  async "receiver.freeze"({ receivers }, { draw, spanMs }) {
    const receiver = pick(receivers, draw);
    receiver.freeze();
    await pause(spanMs);
    receiver.thaw();
  },
  async "link.sever"({ receivers }, { draw }) {
    pick(receivers, draw).link.sever();
  },
  async "link.cut_answer"({ receivers }, { draw, spanMs }) {
    const { link } = pick(receivers, draw);
    link.set({ kind: "cut_after", direction: "down", bytes: Math.floor(((draw * 10) % 1) * CUT_AFTER_BYTES_MAX) });
    await pause(spanMs);
    link.set(PASS);
  },
  "sender.crash": ({ sender }, { spanMs }) => bounce(sender, "immediate", spanMs),
  "sender.restart": ({ sender }, { spanMs }) => bounce(sender, "fast", spanMs),
  "inbox.crash": ({ inbox }, { spanMs }) => bounce(inbox, "immediate", spanMs),
  "inbox.restart": ({ inbox }, { spanMs }) => bounce(inbox, "fast", spanMs),
  async redeliver({ sender }) {
    await sender.control.query(
      `select postrider.redeliver(event_id, endpoint_id)
       from (select event_id, endpoint_id from postrider.delivery where state = 'succeeded' order by random() limit $1) d`,
      [REDELIVERED],
    );
  },
};

async function bounce(server: OwnServer, mode: "immediate" | "fast", spanMs: number): Promise<void> {
  await server.stop(mode);
  await pause(spanMs);
  for (let attempt = 1; ; attempt++) {
    try {
      await server.startAgain();
      return;
    } catch (thrown) {
      if (attempt === START_ATTEMPTS_MAX) {
        throw thrown;
      }
    }
  }
}

function pick<Item>(items: readonly Item[], draw: number): Item {
  const item = items[Math.floor(draw * items.length)];
  if (item === undefined) {
    throw new Error("there is nothing to pick from");
  }
  return item;
}
