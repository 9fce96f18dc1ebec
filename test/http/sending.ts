/** A sender and what it sends to, for one test. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { LookupAddress } from "node:dns";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Attempt } from "../../src/domain/attempt.ts";
import type { EgressSettings } from "../../src/http/egress/policy.ts";
import { fixHeaders, type OutgoingRequest } from "../../src/http/request.ts";
import { Sender, type SenderOptions } from "../../src/http/send.ts";
import { policyOf } from "../support/egress.ts";
import { type Answer, Receiver, type ReceiverOptions } from "./receiver.ts";

export const LOOPBACK: EgressSettings = { profile: "custom", allow: ["127.0.0.1"], deny: [] };

export function senderFor(
  t: TestContext,
  options: Partial<SenderOptions> = {},
  egress: EgressSettings = LOOPBACK,
): Sender {
  const sender = new Sender({ policy: policyOf(egress), ...options });
  t.after(() => sender.close());
  return sender;
}

export async function receiverFor(t: TestContext, answer: Answer, options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = await new Receiver(answer, options).listen(options.host);
  t.after(() => receiver[Symbol.asyncDispose]());
  return receiver;
}

export function requestTo(url: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    url,
    fixed: fixHeaders({ "content-type": "application/json" }),
    lines: "webhook-id: msg_1\r\n",
    body: Buffer.from('{"a":1}'),
    timeoutMs: 5_000,
    ...more,
  };
}

export function attempt(sender: Sender, request: OutgoingRequest): Promise<Attempt> {
  return new Promise((resolve) => sender.send(request, resolve));
}

export function assertFailed(result: Attempt, kind: Attempt["failureKind"], sentence: RegExp): void {
  assert.equal(result.failureKind, kind, result.error ?? "");
  assert.match(result.error ?? "", sentence);
  assert.ok(Number.isInteger(result.durationMs));
}

export function assertSucceeded(result: Attempt): void {
  assert.equal(result.error, null);
  assert.equal(result.failureKind, null);
}

/** Resolves names from a list of answers, the last of which repeats. */
export function resolverOf(...answers: readonly (readonly string[])[]): {
  readonly resolve: (hostname: string) => Promise<LookupAddress[]>;
  readonly asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (hostname) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(hostname);
      return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    },
  };
}

/** A self-signed certificate, made by the openssl of the machine. */
export function certificateFor(
  t: TestContext,
  subjectAltName: string,
  commonName = "receiver",
): { readonly key: string; readonly cert: string } {
  const directory = mkdtempSync(join(tmpdir(), "postrider-tls-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const key = join(directory, "key.pem");
  const cert = join(directory, "cert.pem");
  const subject = ["-subj", `/CN=${commonName}`, "-addext", `subjectAltName=${subjectAltName}`, "-days", "2", "-nodes"];
  const form = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  execFileSync("openssl", [...form, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}
