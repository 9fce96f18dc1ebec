/** What test/http/manyOrigins.test.ts does, at length. Run it by hand; it takes some minutes. */
import { test } from "node:test";
import { comeAndGo } from "../http/manyOrigins.ts";

test("connections, handles, timers, memory and pools end where they began after a million requests to ten thousand origins", {
  timeout: 60 * 60_000,
}, async () => {
  await comeAndGo(10_000, 1_000_000);
});
