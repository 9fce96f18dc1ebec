import type { Batch, Delivery } from "../../domain/delivery.ts";

/** As postrider_internal.lease_batches counts it: a payload in hand, and what a delivery takes beside its payload. */
const ROOM_BYTES = 32_768;
const MEMBER_BYTES = 1_024;

/**
 * Puts leased deliveries together by the ids of their batches. Returns one delivery for each batch, which stands for it in
 * the lanes, and those that go alone.
 */
export function putTogether(leased: readonly (readonly [Delivery, batchId: string | null])[]): Delivery[] {
  const batches = new Map<string, Delivery[]>();
  const deliveries: Delivery[] = [];
  for (const [delivery, batchId] of leased) {
    if (batchId === null) {
      deliveries.push(delivery);
    } else {
      const members = batches.get(batchId) ?? [];
      members.push(delivery);
      batches.set(batchId, members);
    }
  }
  for (const [id, members] of batches) {
    const [first] = members.sort(byEvent);
    if (first !== undefined) {
      const bytes = members.reduce((sum, { event }) => sum + MEMBER_BYTES + (event.payload?.length ?? 0), 0);
      // While the batch is sent, its body takes of the memory for large payloads.
      first.event.payloadBytes = bytes;
      const batch: Batch = { id, members, room: Math.ceil(bytes / ROOM_BYTES) };
      for (const member of members) {
        member.batch = batch;
      }
      deliveries.push(first);
    }
  }
  return deliveries;
}

function byEvent(one: Delivery, other: Delivery): number {
  return one.event.id < other.event.id ? -1 : 1;
}
