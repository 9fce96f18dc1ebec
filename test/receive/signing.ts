/** The sender's side, by Node's own cryptography alone. */
import { createHmac, randomBytes } from "node:crypto";

export interface Signed {
  readonly id: string;
  /** Default: now. */
  readonly timestamp?: string;
  readonly body: string | Buffer;
  readonly secret: string;
}

export function sign({ id, timestamp = now(), body, secret }: Signed): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": mac(secret, `${id}.${timestamp}.`, body),
  };
}

export function mac(secret: string, prefix: string, body: string | Buffer): string {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", key).update(prefix, "latin1").update(body).digest("base64")}`;
}

export function now(offsetSeconds: number = 0): string {
  return String(Math.floor(Date.now() / 1000) + offsetSeconds);
}

export function randomSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}
