import type { Events } from "../../telemetry/bus.ts";

/** What a flush did to the circuit of an endpoint, as `postrider_internal.record_results` says it. */
export type CircuitChange =
  | {
      readonly change: "opened";
      readonly endpoint_id: string;
      readonly failures: number;
      readonly next_probe_ms: number;
    }
  | {
      readonly change: "failed";
      readonly endpoint_id: string;
      readonly failures: number;
      readonly next_probe_ms: number;
      readonly open_ms: number;
    }
  | { readonly change: "closed"; readonly endpoint_id: string; readonly open_ms: number };

export function reportCircuit(changed: CircuitChange, events: Events): void {
  const { endpoint_id } = changed;
  switch (changed.change) {
    case "opened": {
      const { failures, next_probe_ms } = changed;
      events.emit("circuit.opened", { endpoint_id, failures, next_probe_ms });
      break;
    }
    case "failed": {
      const { failures, next_probe_ms, open_ms } = changed;
      events.emit("probe.failed", { endpoint_id, failures, next_probe_ms, open_ms });
      break;
    }
    case "closed":
      events.emit("circuit.closed", { endpoint_id, open_ms: changed.open_ms });
  }
}
