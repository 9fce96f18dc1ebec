/**
 * Loaded before every test file by testFile.ts. The runner's --test-timeout fails a test that hangs, but then waits
 * forever for the file's process if a socket, a timer or a child is still open. This ends the process and says what was
 * open.
 */

/** For one file: far more than any file takes, so that only a hang fails. */
const FILE_TIMEOUT_MS = process.argv[1]?.includes("/test/scale/") ? 3_600_000 : 600_000;

const deadline = setTimeout(() => {
  console.error(`the test file was not done after ${FILE_TIMEOUT_MS} ms; open: ${process.getActiveResourcesInfo()}`);
  process.exit(1);
}, FILE_TIMEOUT_MS);
// The deadline must not keep the process running.
deadline.unref();
// When Node ends by itself, it closes the remaining handles and waits for their requests in a loop where no timer fires.
// Some never end: two of six processes of the chaos test were found spinning there after the test. Nothing keeps the
// process running by then, so an exit hides nothing. It must come last, after what the runner does.
process.once("beforeExit", () => process.on("exit", () => process.exit()));
