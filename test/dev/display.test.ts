/** What a person who watches `dev` is shown. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { display } from "../../src/dev/display.ts";
import type { Emitted } from "../../src/telemetry/events.ts";

const ENDPOINT = "0199c0de-0000-7000-8000-00000000000a";

function shownOf(t: TestContext, event: Emitted): string {
  let shown = "";
  const writing = t.mock.method(process.stdout, "write", (text: string) => {
    shown += text;
    return true;
  });
  display(event);
  writing.mock.restore();
  return shown;
}

test("a person sees that an endpoint keeps failing, each probe of it, and that it has recovered", (t) => {
  const failing = { endpoint_id: ENDPOINT, failures: 12, next_probe_ms: 30_000 };
  assert.equal(
    shownOf(t, { name: "circuit.opened", fields: failing }),
    `opened     the circuit of endpoint ${ENDPOINT}: it has failed 12 times in a row, and its deliveries wait; the next probe in 30 s\n`,
  );
  assert.equal(
    shownOf(t, {
      name: "probe.failed",
      fields: { ...failing, failures: 13, next_probe_ms: 3_600_000, open_ms: 60_000 },
    }),
    `probed     endpoint ${ENDPOINT}: it has failed 13 times in a row; the next probe in 1 h\n`,
  );
  assert.equal(
    shownOf(t, { name: "circuit.closed", fields: { endpoint_id: ENDPOINT, open_ms: 90_000 } }),
    `closed     the circuit of endpoint ${ENDPOINT}: what waited is sent\n`,
  );
});
