import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../support/command.ts";

const UNTIL_STOPPED = JSON.stringify(import.meta.resolve("../../src/ground/untilStopped.ts"));

test("a signal that comes when the work has ended does not take the exit status away", async () => {
  const ending = await runCommand([], {
    program: [
      process.execPath,
      "--input-type=module",
      "--eval",
      `import { setImmediate as nextTurn } from "node:timers/promises";
       import { aborted, untilStopped } from ${UNTIL_STOPPED};
       const signal = () => process.kill(process.pid, "SIGTERM");
       setInterval(() => {}, 60_000); // a signal keeps no process running
       setImmediate(signal);
       const status = await untilStopped({ signals: ["SIGTERM"] }, aborted);
       signal();
       await nextTurn();
       process.exit(status);`,
    ],
  });
  assert.deepEqual(ending, { code: 0, signal: null, stdout: "", stderr: "" });
});
