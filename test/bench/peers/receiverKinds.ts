/** The receivers that are measured beside each other. */
export const RECEIVER_KINDS = ["bare Fastify", "insert by hand", "kit, in memory", "kit, in Postgres"] as const;

export type ReceiverKind = (typeof RECEIVER_KINDS)[number];
