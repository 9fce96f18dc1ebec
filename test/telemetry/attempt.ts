import type { EventFields } from "../../src/telemetry/events.ts";

type Attempt = EventFields<"delivery.attempted">;

/** The fields of an attempt that succeeded, but for `changes`. */
export function attempt(changes: Partial<Attempt> = {}): Attempt {
  return {
    event_id: "0198c0de-0000-7000-8000-000000000001",
    endpoint_id: "0198c0de-0000-7000-8000-000000000002",
    event_type: "order.paid",
    batch_id: null,
    attempt_number: 1,
    url: "https://example.com",
    duration_ms: 12,
    http_status: 200,
    failure_kind: null,
    error: null,
    state: "succeeded",
    next_attempt_ms: null,
    ...changes,
  };
}
