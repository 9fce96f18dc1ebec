/** The formats of endpoints that a receiver reads. */
export const FORMATS = ["standard", "raw", "cloudevents", "cloudevents-binary", "xml", "cloudevents-xml"] as const;

export type FormatName = (typeof FORMATS)[number];

/** Their bodies say themselves what they are, so that the signature covers it. */
export const SIGNED_FORMATS: readonly FormatName[] = ["standard", "cloudevents", "xml", "cloudevents-xml"];

/** Only headers say what their bodies are: a receiver of one of them can be one of no other. */
export const UNSIGNED_FORMATS: readonly FormatName[] = ["raw", "cloudevents-binary"];
