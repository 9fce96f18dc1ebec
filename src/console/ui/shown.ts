import { signal } from "@preact/signals";

export type Zone = "local" | "UTC";

/** How times are shown, everywhere. */
export const zone = signal<Zone>("local");
/** Whether lists follow what happens, everywhere. */
export const isLive = signal(true);
