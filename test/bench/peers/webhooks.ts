/** Signs and sends as the bare loop does, and keeps what an attempt's row says. */
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { Pool } from "undici";
import { VERSION } from "../../../src/ground/version.ts";
import { PATH } from "../workload.ts";

const CONNECTIONS = 50;

export interface Attempt {
  readonly eventId: string;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly httpStatus: number;
  /** JSON. */
  readonly responseHeaders: string;
  readonly responseBody: string;
}

export class WebhookClient {
  readonly #pool: Pool;
  readonly #key = createSecretKey(randomBytes(32));

  constructor(port: number) {
    this.#pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1, allowH2: false });
  }

  /** Rejects if there is no answer, or another than 2xx. */
  send(id: string, body: Buffer): Promise<Attempt> {
    const startedAt = new Date();
    const startedMs = performance.now();
    const headers = this.#sign(id, startedAt, body);
    return new Promise((resolve, reject) => {
      let httpStatus = 0;
      let responseHeaders = "";
      const chunks: Buffer[] = [];
      this.#pool.dispatch(
        { path: PATH, method: "POST", headers, body },
        {
          onRequestStart() {},
          onResponseStart(_, status, received) {
            httpStatus = status;
            responseHeaders = JSON.stringify(received);
          },
          onResponseData(_, chunk) {
            chunks.push(chunk);
          },
          onResponseEnd() {
            if (httpStatus < 200 || httpStatus > 299) {
              reject(new Error(`the receiver answered ${httpStatus}`));
              return;
            }
            const durationMs = Math.round(performance.now() - startedMs);
            const responseBody = Buffer.concat(chunks).toString();
            resolve({ eventId: id, startedAt, durationMs, httpStatus, responseHeaders, responseBody });
          },
          onResponseError: (_, error) => reject(error),
        },
      );
    });
  }

  #sign(id: string, at: Date, body: Buffer): Record<string, string> {
    const timestamp = Math.floor(at.getTime() / 1000);
    const signature = createHmac("sha256", this.#key).update(`${id}.${timestamp}.`).update(body).digest("base64");
    return {
      "content-type": "application/json",
      "user-agent": `postrider/${VERSION}`,
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": `v1,${signature}`,
      "postrider-event-type": "order.paid",
      "postrider-attempt": "1",
    };
  }
}
