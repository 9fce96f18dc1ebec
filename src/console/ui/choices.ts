/** The values that Postgres takes where it takes only a few; a test compares them with its checks. */
export const CHOICES: Readonly<Record<string, readonly string[]>> = {
  kind: ["push", "pull"],
  format: ["standard", "raw", "cloudevents", "cloudevents-binary", "xml", "cloudevents-xml"],
  when_exhausted: ["continue", "halt"],
  signing: ["hmac", "ed25519", "both"],
  payload_fallback: ["discard", "whole"],
  unknown_types: ["allowed", "refused"],
  states: ["exhausted", "discarded", "unmatched", "cancelled", "succeeded"],
};
