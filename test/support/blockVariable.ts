/** How the preloaded blockOnSignal.ts is told for how many milliseconds to block. */
export const BLOCK_VARIABLE = "POSTRIDER_TEST_BLOCK_MS";
