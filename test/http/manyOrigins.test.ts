import { test } from "node:test";
import { comeAndGo } from "./manyOrigins.ts";

// test/scale has ten thousand origins, and a million requests.
test("connections, handles, timers, memory and pools end where they began after origins have come and gone", async () => {
  await comeAndGo(500, 3_000);
});
