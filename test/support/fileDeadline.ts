/**
 * Loaded before every test file by test/run.ts. The runner's --test-timeout fails the test that hangs, but then waits
 * for ever for the file's process if a socket, a timer or a child is still open. This ends the process, and says what
 * was open.
 */

/** For one file. Far above what any takes: it is there so that a hang fails. */
const FILE_TIMEOUT_MS = process.argv[1]?.includes("/test/scale/") ? 3_600_000 : 300_000;

// The runner's own process lasts as long as all files together.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  const deadline = setTimeout(() => {
    console.error(`the test file was not done after ${FILE_TIMEOUT_MS} ms; open: ${process.getActiveResourcesInfo()}`);
    process.exit(1);
  }, FILE_TIMEOUT_MS);
  // It must not be what keeps the process running.
  deadline.unref();
  // Node, ending by itself, closes what handles are left and waits for their requests, in a loop of its own where no timer
  // fires. Some never end: two of six processes of the chaos test were found there, through with the test and spinning.
  // When that begins nothing keeps the process running, so that an exit hides nothing. Last, behind what the runner does.
  process.once("beforeExit", () => process.on("exit", () => process.exit()));
}
