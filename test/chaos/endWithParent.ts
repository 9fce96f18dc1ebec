/** Preloaded into each daemon of a run, because the run itself may be killed and then cannot stop it. */

const CHECK_INTERVAL_MS = 1_000;

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) {
    process.kill(process.pid, "SIGKILL");
  }
}, CHECK_INTERVAL_MS).unref();
