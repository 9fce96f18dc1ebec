/** A request that is not taken. The sender sees the status alone; `code` and `reason` are for the log. */
export interface Rejection {
  readonly kind: "rejected";
  readonly code: RejectionCode;
  readonly status: RejectionStatus;
  /** A clause. It has nothing that the sender wrote. */
  readonly reason: string;
}

/** What each code answers, and its reason for a person. A code is never given a second meaning. */
export const REJECTIONS = {
  method_not_post: [405, "the method is not POST"],
  body_too_large: [413, "the body is larger than bodyBytesMax"],
  body_broken_off: [400, "the body broke off"],
  id_missing: [400, "the header webhook-id is missing"],
  id_malformed: [400, "the header webhook-id is not an id of 1 to 256 visible ASCII characters without dot and comma"],
  timestamp_missing: [400, "the header webhook-timestamp is missing"],
  timestamp_malformed: [400, "the header webhook-timestamp is not a whole number of seconds"],
  signature_missing: [400, "the header webhook-signature is missing"],
  timestamp_too_old: [401, "the header webhook-timestamp is further in the past than the tolerance allows"],
  timestamp_too_new: [401, "the header webhook-timestamp is further in the future than the tolerance allows"],
  signature_unknown: [401, "the header webhook-signature holds no signature of a version that these keys verify"],
  signature_mismatch: [
    401,
    "no signature in webhook-signature was made with these keys over this id, timestamp and body; if that is so for every request, the secret is another endpoint's, or the body was parsed and written again before it came here",
  ],
  not_decrypted: [422, "the body cannot be decrypted with these keys"],
  encrypted: [422, "the body is encrypted, and the receiver has no decryptionKeys"],
  encrypted_for_another: [422, "the body was encrypted for another webhook-id"],
  format_not_allowed: [415, "the body is in a format that the option formats does not name"],
  format_unknown: [415, "the content-type is of no format that Postrider sends"],
  malformed: [422, "the body is not what its format says"],
  event_type_unknown: [422, "there is no handler for this type of events, and onUnknown is refuse"],
} as const satisfies Readonly<Record<string, readonly [status: number, reason: string]>>;

export type RejectionCode = keyof typeof REJECTIONS;
export type RejectionStatus = (typeof REJECTIONS)[RejectionCode][0];

/** `detail` continues the reason. It must have nothing that the sender wrote. */
export function rejected(code: RejectionCode, detail?: string): Rejection {
  const [status, reason] = REJECTIONS[code];
  return { kind: "rejected", code, status, reason: detail === undefined ? reason : `${reason}: ${detail}` };
}
