/**
 * Preloaded into a daemon: SIGUSR2 blocks its event loop for a while, as a long computation would. Unlike a process that is
 * stopped, it finds every timer and every answer due at once afterwards.
 */

import { BLOCK_VARIABLE } from "./blockVariable.ts";

process.on("SIGUSR2", () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env[BLOCK_VARIABLE]));
});
