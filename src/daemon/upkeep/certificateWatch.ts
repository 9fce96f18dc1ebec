import type { Database } from "../../db/database.ts";
import { clientCertificates } from "../../db/standing.ts";
import { unixMs } from "../../ground/clock.ts";
import { Repeat } from "../../ground/repeat.ts";
import { expiryOf } from "../../http/egress/clientCertificate.ts";
import type { Events } from "../../telemetry/bus.ts";

const DAY_MS = 24 * 3_600_000;
const WARNING_MS = 14 * DAY_MS;
/** After an outage, which the loop reports. */
const FAILED_MS = 600_000;

export interface CertificateWatchOptions {
  readonly database: Database;
  readonly events: Events;
}

/** Reports once a day which endpoints' client certificates expire soon, because receivers refuse them from then on. */
export function makeCertificateWatch({ database, events }: CertificateWatchOptions): Repeat {
  const repeat = new Repeat(async () => {
    try {
      for await (const { id, certificate } of clientCertificates(database)) {
        if (repeat.isStopped) {
          break;
        }
        report(id, expiryOf(certificate ?? ""), events);
      }
      return DAY_MS;
    } catch {
      return FAILED_MS;
    }
  });
  return repeat;
}

/** Not if it cannot be read, which each attempt says. */
function report(endpointId: string, expiresAtMs: number, events: Events): void {
  const leftMs = expiresAtMs - unixMs();
  if (leftMs <= WARNING_MS) {
    events.emit("certificate.expiring", {
      endpoint_id: endpointId,
      expires_at: new Date(expiresAtMs).toISOString(),
      days_left: Math.max(0, Math.floor(leftMs / DAY_MS)),
    });
  }
}
